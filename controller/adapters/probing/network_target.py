"""One endpoint as it is asked: what to send where, how long to wait, and the connection kept."""

from __future__ import annotations

from functools import partial

from controller.adapters.probing.failure_causes import (
    ProbeFinding,
    could_not_run,
    failed,
    finding_of,
)
from controller.adapters.probing.probe_connection import ProbeConnection
from controller.adapters.probing.probe_request import place_of, request_of
from controller.adapters.probing.resolver import Addresses, ResolvedName, literal, shown
from controller.adapters.probing.shared_resources import SharedResources
from controller.adapters.probing.sockets import Address
from controller.adapters.probing.tls_trust import TlsTrust
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from controller.planning.health.adaptive_timeout import FAST_FRACTION, AdaptiveTimeout
from controller.ports import Watcher

_PASSED = ProbeOutcome.PASSED
_new = tuple.__new__  # a named tuple's own `__new__` is Python code, and costs as much again


class NetworkTarget:
    """Fulfils the Target port, and owns its connections. Slots, because there are many."""

    __slots__ = (
        "_addresses",
        "_brisk_for",
        "_cold",
        "_current",
        "_endpoint",
        "_generation",
        "_kept",
        "_late",
        "_name",
        "_reached",
        "_shared",
        "_shown",
        "_silent",
        "_warm",
        "_watcher",
        "expected",
        "reactor",
        "request",
        "server_name",
        "trust",
    )

    request: bytes
    server_name: str
    trust: TlsTrust | None

    def __init__(self, shared: SharedResources, endpoint: Endpoint, watcher: Watcher) -> None:
        self._shared = shared
        self._endpoint = endpoint
        self._watcher = watcher
        self._generation = -1
        self._addresses: Addresses = ()
        """The address itself, where the endpoint names one."""
        self._name: ResolvedName | None = None
        """What knows the addresses, where it names a name."""
        self._reached: Address | None = None
        self._shown = ""
        self._cold = AdaptiveTimeout()
        """With new connections."""
        self._warm = AdaptiveTimeout() if endpoint.keep_alive else self._cold
        """With the connection that is kept."""
        self._brisk_for: float | None = None
        """The least deadline, in seconds, for which the kept connection's answers need not be
        learned unless one is not brisk."""
        self._silent = 0
        """Probes in a row that nobody answered in time."""
        self._current: ProbeConnection | None = None
        self._kept: ProbeConnection | None = None
        self._late: tuple[ProbeConnection, ...] = ()
        self.reactor = shared.reactor
        self.expected = shared.expectation(endpoint)

    # -- Target

    def ask(self, least_s: float, most_s: float) -> None:
        """As the port promises."""
        now = self.reactor.time()
        kept = self._kept
        if kept is not None:
            self._kept = None
            if now < kept.good_until and self._generation == self._shared.generation:
                self._current = kept
                if self._brisk_for is least_s:
                    kept.ask(now, least_s, most_s)
                else:
                    kept.ask(now, self._wait_s(least_s, most_s), most_s)
                return
            kept.close()
        self._current = connection = ProbeConnection(self)
        wait_s = self._cold.wait_s(least_s, most_s, self._silent)
        connection.give(now, wait_s, most_s)
        self._begin(connection, now)

    def close(self) -> None:
        """As the port promises."""
        for connection in (self._current, self._kept, *self._late):
            if connection is not None:
                connection.close()
        self._current = self._kept = None
        self._late = ()

    # -- asking

    def _wait_s(self, least_s: float, most_s: float) -> float:
        """How long to wait for the kept connection's next answer."""
        warm, silent = self._warm, self._silent
        self._brisk_for = least_s if not silent and warm.is_at_minimum(least_s) else None
        return warm.wait_s(least_s, most_s, silent)

    def _begin(self, connection: ProbeConnection, now: float) -> None:
        """Whatever goes wrong here is told a moment later, when the asker is done asking."""
        try:
            if self._generation != self._shared.generation:
                self._prepare()
        except KeyError as error:
            finding = could_not_run(f"{error.args[0]} has not been read")
            self.reactor.call_soon(self.found, connection, finding, now)
            return
        except UnicodeError as error:
            self.reactor.call_soon(self.found, connection, finding_of(error), now)
            return
        try:
            if self._name is None:
                connection.open(self._addresses, 0, now)
            else:
                addresses = self._name.addresses(partial(self._resolved, connection))
                if addresses is not None:
                    self._open(connection, addresses, now)
        except Exception as error:
            self.reactor.call_soon(self.found, connection, finding_of(error), now)
        else:
            self.reactor.expect(connection, connection.due)

    def _prepare(self) -> None:
        """Read what to send and whom to trust. Raises UnicodeError and KeyError."""
        endpoint, place = self._endpoint, place_of(self._endpoint)
        is_tcp = place.scheme == "tcp"
        self.request = b"" if is_tcp else request_of(endpoint, self._shared.secrets)
        self.server_name = place.server_name
        is_tls = place.scheme == "https"
        self.trust = self._shared.authorities.trust(endpoint.ca_file) if is_tls else None
        address = literal(place.host, place.port)
        if address is None:
            self._name = self._shared.resolver.name(place.host, place.port)
        else:
            self._addresses = (address,)
        self._generation = self._shared.generation

    def _open(self, connection: ProbeConnection, addresses: Addresses, now: float) -> None:
        """Begin with the address that was reached last, if the name still leads there."""
        reached = self._reached
        first = addresses.index(reached) if reached in addresses else 0
        connection.open(addresses, first, now)

    def _resolved(self, connection: ProbeConnection, addresses: Addresses | Exception) -> None:
        if connection is not self._current:
            return
        now = self.reactor.time()
        if isinstance(addresses, Exception):
            self.found(connection, finding_of(addresses), now)
            return
        try:
            self._open(connection, addresses, now)
        except OSError as error:
            self.found(connection, finding_of(error), now)
        else:
            self.reactor.expect(connection, connection.due)

    # -- what connections tell

    def found(self, connection: ProbeConnection, finding: ProbeFinding, now: float) -> None:
        """A connection has its answer, or will have none."""
        if connection is not self._current:
            self._found_late(connection, finding, now)
            return
        self._current = None
        self._silent = 0
        if connection.is_reused and finding.outcome is _PASSED:
            took_s = connection.answered_at - connection.sent_at
            if self._brisk_for is None or took_s > self._brisk_for * FAST_FRACTION:
                self._brisk_for = None
                self._warm.learn(took_s)
            keeps = connection.reusable
        else:
            took_s = connection.took_s(now)
            keeps = finding.outcome is _PASSED and self._learn_first(connection, took_s, now)
        if keeps:
            self._kept = connection
        else:
            connection.close()
        if self._late and finding.outcome is _PASSED:
            self._drop_late()
        self._watcher.answered(self._result(connection, finding, now, took_s))

    def _learn_first(self, connection: ProbeConnection, took_s: float, now: float) -> bool:
        """Learn from a new connection's first answer; whether the connection is kept."""
        self._cold.learn(took_s)
        keeps = connection.reusable and self._warm is not self._cold
        if keeps:
            connection.good_until = now + self._shared.keeping_s()
        return keeps

    def overdue(self, connection: ProbeConnection, now: float) -> None:
        """Give a probe up; but listen on as long as somebody with more patience would."""
        if connection.is_late:
            self._forget_late(connection)
            return
        self._current = None
        self._silent += 1
        self._brisk_for = None
        wait_s = round(connection.patience_s, 2)
        if now < connection.asked_at + connection.most_s:
            connection.is_late = True
            connection.wait_s = connection.patience_s = connection.most_s
            self._late += (connection,)
        else:
            connection.close()
        finding = failed(f"no answer in {wait_s:g} s")
        took_s = now - connection.asked_at
        self._watcher.answered(self._result(connection, finding, now, took_s))

    def stale(self, connection: ProbeConnection, now: float) -> None:
        """Ask over a new connection: a server may close an idle one at any moment, and that it did
        so while we were asking says nothing of its health (RFC 9112, 9.3.1)."""
        connection.close()
        if connection is not self._current:
            self._forget_late(connection)
            return
        self._current = fresh = ProbeConnection(self)
        left_s = connection.asked_at + connection.most_s - now
        wait_s = self._cold.wait_s(left_s, left_s, self._silent)
        fresh.give(now, wait_s, left_s)
        self._begin(fresh, now)

    def lost(self, connection: ProbeConnection) -> None:
        """The kept connection ended."""
        self._kept = None
        connection.close()
        self._watcher.disturbed()

    # -- late answers

    def _found_late(self, connection: ProbeConnection, finding: ProbeFinding, now: float) -> None:
        if connection not in self._late:
            return  # closed meanwhile
        self._forget_late(connection)
        if finding.outcome is ProbeOutcome.PASSED:
            self._silent = 0
            took_s = connection.took_s(now)
            (self._warm if connection.is_reused else self._cold).learn(took_s)
            self._brisk_for = None
            self._watcher.answered_late(self._result(connection, finding, now, took_s))

    def _forget_late(self, connection: ProbeConnection) -> None:
        connection.close()
        self._late = tuple(one for one in self._late if one is not connection)

    def _drop_late(self) -> None:
        for connection in self._late:
            connection.close()
        self._late = ()

    # -- results

    def _result(
        self, connection: ProbeConnection, finding: ProbeFinding, now: float, took_s: float
    ) -> ProbeResult:
        address, pin = connection.address, connection.pin
        if address is not self._reached and address is not None:
            self._reached, self._shown = address, shown(address)
        if self._warm is not self._cold and not connection.is_reused:
            # Of the answer alone, or every new connection would look like an endpoint that has
            # grown slow.
            took_s = connection.answer_took_s(now)
        return _new(
            ProbeResult,
            (
                finding.outcome,
                now,
                took_s,
                finding.detail,
                None if pin is None else pin.ends_at,
                "" if address is None else self._shown,
            ),
        )
