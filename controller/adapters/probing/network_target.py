"""One probed endpoint: what to send where, how long to wait, and its idle connection."""

from __future__ import annotations

from controller.adapters.probing import resolver
from controller.adapters.probing.connecting_target import ConnectingTarget
from controller.adapters.probing.failure_causes import ProbeFinding, could_not_run, silent
from controller.adapters.probing.probe_connection import ProbeConnection
from controller.adapters.probing.shared_resources import SharedResources
from controller.adapters.probing.sockets import Address
from controller.model.configuration import Endpoint
from controller.model.health import NotRunCause, ProbeOutcome, ProbeResult
from controller.planning.health.adaptive_timeout import FAST_FRACTION, AdaptiveTimeout
from controller.ports import ProbeListener

_PASSED = ProbeOutcome.PASSED
_new = tuple.__new__  # a named tuple's own `__new__` is Python code, and costs as much again


class NetworkTarget(ConnectingTarget):
    """Implements the Target port and owns the endpoint's connections. Slots: there are many.

    At most one connection is active (its probe runs), or several race to become it; at most one is
    idle (kept for the next probe). Late connections wait for an answer to a probe that has timed
    out.
    """

    __slots__ = (
        "_brisk_min_timeout_s",
        "_fresh_timeout",
        "_idle",
        "_last_address",
        "_last_address_text",
        "_late",
        "_reuse_timeout",
        "_timeouts_in_row",
    )

    def __init__(
        self,
        shared: SharedResources,
        endpoint: Endpoint,
        listener: ProbeListener,
        address: Address | None = None,
    ) -> None:
        """`address`: the only one to probe; None: those of the endpoint's URL."""
        super().__init__(shared, endpoint, listener, address)
        self._last_address: Address | None = None
        """The address of the last probe."""
        self._last_address_text = ""
        self._fresh_timeout = AdaptiveTimeout()
        """Of probes over new connections."""
        self._reuse_timeout = AdaptiveTimeout() if endpoint.keep_alive else self._fresh_timeout
        """Of probes over the idle connection."""
        self._brisk_min_timeout_s: float | None = None
        """The minimum timeout, in seconds, compared with which all answers over the idle connection
        are brisk: they need not be learned. None: learn every answer."""
        self._timeouts_in_row = 0
        """Probes without an answer in time since the last answer."""
        self._idle: ProbeConnection | None = None
        self._late: tuple[ProbeConnection, ...] = ()

    # -- Target

    def start_probe(self, min_timeout_s: float, max_timeout_s: float) -> None:
        """See the port."""
        now = self.reactor.time()
        idle = self._idle
        if idle is not None:
            self._idle = None
            if now < idle.reuse_until and self._prepared_for == self._shared.generation:
                self._active = idle
                if self._brisk_min_timeout_s is min_timeout_s:
                    idle.begin_again(now, min_timeout_s, max_timeout_s)
                else:
                    timeout_s = self._timeout_of_reuse_s(min_timeout_s, max_timeout_s)
                    idle.begin_again(now, timeout_s, max_timeout_s)
                return
            idle.close()
        self._active = connection = ProbeConnection(self)
        timeout_s = self._fresh_timeout.wait_s(min_timeout_s, max_timeout_s, self._timeouts_in_row)
        connection.begin(now, timeout_s, max_timeout_s)
        self.start_connecting(connection, now)

    def close(self) -> None:
        """See the port."""
        self.end_race()
        for connection in (self._active, self._idle, *self._late):
            if connection is not None:
                connection.close()
        self._active = self._idle = None
        self._late = ()

    # -- beginning a probe

    def _timeout_of_reuse_s(self, min_timeout_s: float, max_timeout_s: float) -> float:
        """The timeout of the next probe over the idle connection, in seconds."""
        timeout, missed = self._reuse_timeout, self._timeouts_in_row
        is_brisk = not missed and timeout.is_at_minimum(min_timeout_s)
        self._brisk_min_timeout_s = min_timeout_s if is_brisk else None
        return timeout.wait_s(min_timeout_s, max_timeout_s, missed)

    # -- ConnectionOwner

    def on_finding(self, connection: ProbeConnection, finding: ProbeFinding, now: float) -> None:
        """A connection's probe has ended: report it, and keep the connection if possible."""
        if connection is not self._active:
            self._on_late_finding(connection, finding, now)
            return
        self._active = None
        self._timeouts_in_row = 0
        if connection.is_reused and finding.outcome is _PASSED:
            took_s = connection.received_at - connection.sent_at
            if (
                self._brisk_min_timeout_s is None
                or took_s > self._brisk_min_timeout_s * FAST_FRACTION
            ):
                self._brisk_min_timeout_s = None
                self._reuse_timeout.learn(took_s)
            stays_open = connection.reusable
        else:
            took_s = connection.took_s(now)
            stays_open = finding.outcome is _PASSED and self._learn_fresh(connection, took_s, now)
        if stays_open:
            self._idle = connection
        else:
            connection.close()
        if self._late and finding.outcome is _PASSED:
            self._close_all_late()
        self._listener.on_result(self._result(connection, finding, now, took_s))

    def _learn_fresh(self, connection: ProbeConnection, took_s: float, now: float) -> bool:
        """Learn from a new connection's first answer; return whether it stays open."""
        self._fresh_timeout.learn(took_s)
        stays_open = (
            connection.reusable
            and self._reuse_timeout is not self._fresh_timeout
            and self._shared.sockets.may_keep()
        )
        if stays_open:
            connection.reuse_until = now + self._shared.next_reuse_limit_s()
        return stays_open

    def on_timeout(self, connection: ProbeConnection, now: float) -> None:
        """Report a failure; until `max_timeout_s` the connection waits for a late answer.

        While its name is being resolved the endpoint was not even asked.
        """
        if connection.is_late:
            self._close_late(connection)
            return
        self._active = None
        timeout_s = round(connection.timeout_s, 2)
        due = min(now, connection.deadline)  # the silence until then is what is known
        if connection.address is None:
            connection.close()
            finding = could_not_run(f"resolver: no answer in {timeout_s:g} s", NotRunCause.RESOLVER)
            self._listener.on_result(self._result(connection, finding, due, timeout_s))
            return
        finding = silent(connection.timeout_s)
        self._timeouts_in_row += 1
        self._brisk_min_timeout_s = None
        if now < connection.began_at + connection.max_timeout_s:
            connection.is_late = True
            connection.wait_s = connection.timeout_s = connection.max_timeout_s
            self._late += (connection,)
        else:
            connection.close()
        took_s = now - connection.began_at
        self._listener.on_result(self._result(connection, finding, due, took_s))

    def on_stale(self, connection: ProbeConnection, now: float) -> None:
        """Probe again over a new connection: a server may close an idle one at any moment, which
        says nothing about its health (RFC 9112, 9.3.1)."""
        connection.close()
        if connection is not self._active:
            self._close_late(connection)
            return
        self._active = fresh = ProbeConnection(self)
        # At least half: we may have seen late that it was stale.
        left_s = connection.began_at + connection.max_timeout_s - now
        left_s = max(left_s, connection.max_timeout_s / 2)
        timeout_s = self._fresh_timeout.wait_s(left_s, left_s, self._timeouts_in_row)
        fresh.begin(now, timeout_s, left_s)
        self.start_connecting(fresh, now)

    def on_idle_closed(self, connection: ProbeConnection) -> None:
        """Close the idle connection and report it."""
        self._idle = None
        connection.close()
        self._listener.on_disconnect()

    # -- late answers

    def _on_late_finding(
        self, connection: ProbeConnection, finding: ProbeFinding, now: float
    ) -> None:
        if connection not in self._late:
            return  # closed meanwhile
        self._close_late(connection)
        if finding.outcome is ProbeOutcome.PASSED:
            self._timeouts_in_row = 0
            took_s = connection.took_s(now)
            (self._reuse_timeout if connection.is_reused else self._fresh_timeout).learn(took_s)
            self._brisk_min_timeout_s = None
            self._listener.on_late_result(self._result(connection, finding, now, took_s))

    def _close_late(self, connection: ProbeConnection) -> None:
        connection.close()
        self._late = tuple(late for late in self._late if late is not connection)

    def _close_all_late(self) -> None:
        for connection in self._late:
            connection.close()
        self._late = ()

    # -- results

    def _result(
        self, connection: ProbeConnection, finding: ProbeFinding, now: float, took_s: float
    ) -> ProbeResult:
        address, pin = connection.address, connection.pin
        if address is not self._last_address and address is not None:
            self._last_address, self._last_address_text = address, resolver.address_text(address)
            if finding.outcome is _PASSED:
                self._shared.families.note_answer(address)
        if self._reuse_timeout is not self._fresh_timeout and not connection.is_reused:
            # Without the time to connect, or each new connection would look slower.
            took_s = connection.response_took_s(now)
        # As old as its arrival: it may have waited in the kernel while this process did not run.
        at = connection.received_at or now
        ends_at = None if pin is None else pin.ends_at
        text = "" if address is None else self._last_address_text
        outcome, detail, _, cause = finding
        return _new(ProbeResult, (outcome, at, took_s, detail, ends_at, text, cause))
