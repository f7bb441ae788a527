"""One attempt over several addresses of a name, as browsers make it: Happy Eyeballs (RFC 8305).

The first address is connected to, after `STAGGER_S` the next one beside it, at once when one
refuses; the first connection that is made carries the probe, and the others are given up. When none
is made, the most telling outcome is the attempt's (`failure_causes`), not the last one.

Worked example, three addresses: the first is silent, the second refuses after 10 ms, the third
answers after 30 ms. The second is tried at 250 ms, the third at 260 ms, and carries the probe at
290 ms. If the third had no route, the finding would be "connection refused", as soon as the first
one's time is over.
"""

from __future__ import annotations

from typing import Protocol

from controller.adapters.probing.address_families import Addresses
from controller.adapters.probing.connection_owner import ConnectionOwner
from controller.adapters.probing.connection_setup import CONNECTING, is_connected
from controller.adapters.probing.failure_causes import ProbeFinding, silent
from controller.adapters.probing.probe_connection import ProbeConnection
from controller.adapters.probing.sockets import Address

STAGGER_S = 0.25
"""The connection attempt delay (RFC 8305, 8)."""


class RaceHost(ConnectionOwner[ProbeConnection], Protocol):
    """The target whose probe the race is."""

    def finding_of_address(self, error: Exception, address: Address) -> ProbeFinding:
        """The finding of an exception of this address."""
        ...

    def on_race_won(self, connection: ProbeConnection) -> None:
        """This connection is made and carries the probe from now on."""
        ...

    def on_race_lost(self, connection: ProbeConnection, finding: ProbeFinding, now: float) -> None:
        """No connection was made; this one's outcome is the most telling."""
        ...


class RacingConnection(ProbeConnection):
    """A connection that is one of several until it is made."""

    __slots__ = ("_race",)

    def __init__(self, host: RaceHost, race: AddressRace) -> None:
        super().__init__(host)
        self._race: AddressRace | None = race

    def leave(self) -> None:
        """Be a connection like any other from now on."""
        self._race = None

    def _continue_connecting(self, events: int, now: float) -> None:
        if self._race is not None and self._socket is not None and is_connected(self._socket):
            self._race.on_made(self)
        super()._continue_connecting(events, now)

    def handle_error(self, error: Exception, now: float) -> None:
        """Try the next address instead of failing, while none is connected."""
        is_failure = isinstance(error, OSError) and not isinstance(error, BlockingIOError)
        if self._race is not None and self._state == CONNECTING and is_failure:
            self._race.on_failed(self, error, now)
        else:
            super().handle_error(error, now)

    def handle_timeout(self, now: float) -> None:
        """Try the next address beside this one, or give up."""
        if self._race is not None:
            self._race.on_slow(self, now)
        else:
            super().handle_timeout(now)


class AddressRace:
    """The connections of one attempt; ends with `on_race_won` or `on_race_lost`, or by `close`.

    `stagger_s <= STAGGER_S`, and small enough to try every address before the probe's timeout.
    """

    def __init__(self, host: RaceHost, times: ProbeConnection, addresses: Addresses) -> None:
        """`times`: a connection that is begun, but not made; its times are the attempt's."""
        self._host = host
        self._times = times
        self._left = list(addresses)
        self._stagger_s = min(STAGGER_S, times.timeout_s / (len(addresses) + 1))
        self._open: list[RacingConnection] = []
        self._best: tuple[RacingConnection, ProbeFinding] | None = None
        """The connection with the most telling outcome so far; the first of equals."""
        self._is_over = False

    def start(self, now: float) -> None:
        """Connect to the first address. The host is called after this has returned."""
        self._try_next(now)

    def close(self) -> None:
        """End without a result."""
        self._is_over = True
        for connection in self._open:
            connection.close()
        if self._best is not None:
            self._best[0].close()

    # -- called by connections

    def on_made(self, connection: RacingConnection) -> None:
        """This one is connected first."""
        if connection not in self._open:
            return  # its time was over before
        self._open.remove(connection)
        self.close()
        connection.leave()
        self._host.on_race_won(connection)

    def on_failed(self, connection: RacingConnection, error: Exception, now: float) -> None:
        """This one could not be made: the next address is tried at once."""
        connection.close()
        if connection not in self._open:
            return  # its time was over before
        self._open.remove(connection)
        self._note(connection, self._host.finding_of_address(error, connection.address or ("", 0)))
        self._try_next(now)

    def on_slow(self, connection: RacingConnection, now: float) -> None:
        """This one is not made yet: another is tried beside it, or its time is over."""
        if now < connection.began_at + connection.timeout_s:
            connection.wait_s = connection.timeout_s
            self._host.reactor.set_deadline(connection, connection.deadline)
            self._try_next(now)
            return
        self._open.remove(connection)
        self._host.reactor.clear_deadline(connection)
        self._note(connection, silent(connection.timeout_s))
        self._end_if_none_left(now)

    # -- trying

    def _try_next(self, now: float) -> None:
        """Begin to connect to the next address that allows it."""
        while self._left:
            connection = self._begun(now)
            address = self._left.pop(0)
            try:
                connection.connect(address, now)
            except OSError as error:
                self._note(connection, self._host.finding_of_address(error, address))
                continue
            self._open.append(connection)
            self._host.reactor.set_deadline(connection, connection.deadline)
            return
        self._end_if_none_left(now)

    def _begun(self, now: float) -> RacingConnection:
        times = self._times
        connection = RacingConnection(self._host, self)
        connection.begin(times.began_at, times.timeout_s, times.max_timeout_s)
        if len(self._left) > 1:
            connection.wait_s = min(now - times.began_at + self._stagger_s, times.timeout_s)
        return connection

    def _note(self, connection: RacingConnection, finding: ProbeFinding) -> None:
        """Keep the most telling outcome; a silent connection stays open for a late answer."""
        best, less_telling = self._best, connection
        if best is None or finding.telling > best[1].telling:
            self._best = (connection, finding)
            if best is None:
                return
            less_telling = best[0]
        less_telling.close()

    def _end_if_none_left(self, now: float) -> None:
        if not self._left and not self._open and not self._is_over:
            # The host is not called before `start` has returned.
            self._host.reactor.call_soon(self._end, now)

    def _end(self, now: float) -> None:
        best = self._best
        if self._is_over or best is None:
            return
        self._is_over = True
        connection, finding = best
        connection.leave()
        self._host.on_race_lost(connection, finding, now)
