"""A connection's requests and responses: one request after another, idle in between."""

from __future__ import annotations

import select
import ssl
from typing import Any

import structlog

from controller.adapters.probing.connection_owner import ConnectionOwner
from controller.adapters.probing.connection_setup import (
    AWAITING,
    BROKEN,
    CLOSED,
    CONNECTING,
    HANDSHAKING,
    IDLE,
    QUEUED,
    ConnectionSetup,
)
from controller.adapters.probing.failure_causes import ProbeFinding, finding_of
from controller.adapters.probing.http.response_check import NO_ANSWER, ResponseCheck
from controller.adapters.probing.sockets import receive, receive_tls

_log = structlog.get_logger("probing")
_READ_SIZE = 4096
"""Bytes read at a time; answers to probes are short."""
_CLOCKS_DIFFER_S = 0.001
"""How far the two clocks may be compared wrongly: when the process lost the processor between."""
_ENDING = BROKEN | select.EPOLLRDHUP


class ProbeConnection(ConnectionSetup):
    """A connection that carries probes. Slots, because there are many.

    Invariants while a probe runs: `began_at <= sent_at` once the request is sent, and
    `sent_at <= received_at <= now` once an answer has begun to come.
    """

    __slots__ = (
        "_delay_added_s",
        "_response",
        "_unsent",
        "is_late",
        "is_reused",
        "received_at",
        "reusable",
        "reuse_until",
        "sent_at",
    )

    _owner: ConnectionOwner[ProbeConnection]
    reuse_until: float
    """When an idle connection must be replaced."""
    is_late: bool
    """Whether its probe has timed out already, and it only waits for a late answer."""
    is_reused: bool
    """Whether the present probe is not its first."""
    sent_at: float
    """When the present probe's request was sent; 0.0 before."""
    received_at: float
    """When the last piece of the present probe's answer came; 0.0 before the first."""
    reusable: bool
    """Whether it can carry another request, once its probe has a finding."""
    _unsent: bytes
    """The part of the request that the socket did not take yet."""
    _response: ResponseCheck | None
    """The answer read so far; None before the first piece."""
    _delay_added_s: float
    """The part of `_notice_delay_s` by which the present probe's timeout was extended."""

    # -- called by the owner

    def begin(self, now: float, timeout_s: float, max_timeout_s: float) -> None:
        """Begin the first probe; `connect` follows."""
        self.began_at = now
        self.wait_s = self.timeout_s = timeout_s
        self.max_timeout_s = max_timeout_s
        self._unsent = b""
        self._response = None
        self._delay_added_s = 0.0
        self.is_late = self.is_reused = self.reusable = False
        self.sent_at = self.received_at = 0.0

    def begin_again(self, now: float, timeout_s: float, max_timeout_s: float) -> None:
        """Begin another probe over this idle connection; the reactor sends its request soon."""
        self.began_at = self.sent_at = now
        self.wait_s = self.timeout_s = timeout_s
        self.max_timeout_s = max_timeout_s
        self.is_reused = True
        self._notice_delay_s = self._delay_added_s = self.received_at = 0.0
        self._response = None
        self._state = QUEUED
        self._reactor.queue_send(self)
        self._reactor.set_deadline(self, now + timeout_s)

    @property
    def deadline(self) -> float:
        """When the reactor calls `handle_timeout`, by the event loop's clock."""
        return self.began_at + self.wait_s

    def took_s(self, now: float) -> float:
        """Seconds from the present probe's begin to its answer, or to now; never below 0.

        `_notice_delay_s` comes from another clock, so the difference alone could be negative.
        """
        began_at = self.sent_at if self.is_reused else self.began_at + self._notice_delay_s
        took_s = (self.received_at or now) - began_at
        return took_s if took_s > 0.0 else 0.0

    def response_took_s(self, now: float) -> float:
        """`took_s` without the time to connect; `took_s` itself while no request was sent."""
        if self.sent_at < self.began_at:
            return self.took_s(now)
        took_s = (self.received_at or now) - self.sent_at
        return took_s if took_s > 0.0 else 0.0

    # -- called by the reactor

    def send_request(self, now: float) -> None:
        """Send the request. Raises OSError."""
        sock, request = self._socket, self._owner.request
        if sock is None:
            return  # closed meanwhile
        self.sent_at = now
        if self.is_reused:
            self.began_at = now
        sent = sock.send(request)
        self._unsent = request[sent:] if sent < len(request) else b""
        self._state = AWAITING

    def read_response(self, now: float, came_at: float | None = None) -> bytes | None:
        """A piece of the awaited answer; None: call `handle_event` instead.

        `came_at`: when it came; None: read the kernel's timestamp.
        """
        sock = self._socket
        if self._state != AWAITING or sock is None or self.pin is not None or self._unsent:
            return None
        try:
            if came_at is None:
                data, stamp = receive(sock, _READ_SIZE)
                self._set_received_at(stamp, now)
            else:
                data = sock.recv(_READ_SIZE)
                self.received_at = came_at if self.sent_at <= came_at else now
        except Exception as error:
            self.handle_error(error, now)
            return None
        return data

    def handle_data(self, data: bytes, events: int, now: float) -> None:
        """Check a piece of the answer; empty data is its end."""
        if self._state != AWAITING:
            return  # closed meanwhile
        expected = self._owner.expected
        finding: ProbeFinding | None
        if data == expected.cached_response and self._response is None and data:
            finding, self.reusable = expected.cached_finding, expected.cached_reusable
        else:
            finding = self._check_response(data, events, now)
            if finding is None:
                return
        self._state = IDLE
        self._reactor.clear_deadline(self)
        self._owner.on_finding(self, finding, now)

    def handle_event(self, events: int, now: float) -> None:
        """Continue as far as the socket allows. The reactor passes errors to `handle_error`."""
        state = self._state
        if state == AWAITING:
            self._continue_reading(events, now)
        elif state == CONNECTING:
            self._continue_connecting(events, now)
        elif state == HANDSHAKING:
            self._continue_handshake(now)
        elif state != CLOSED:
            self._handle_unexpected_data(now)

    def handle_error(self, error: Exception, now: float) -> None:
        """React to an exception of one of the methods above."""
        if isinstance(error, (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)):
            return  # not yet
        if not isinstance(error, OSError):
            self._fail_by_own_mistake(error, now)
        elif self._state == IDLE:
            self._owner.on_idle_closed(self)
        elif self.is_reused and self._response is None:
            self._owner.on_stale(self, now)
        else:
            self._owner.on_finding(self, finding_of(error), now)

    def handle_timeout(self, now: float) -> None:
        """Let the owner decide, after the time that we lost before noticing the connection."""
        if self._notice_delay_s > self._delay_added_s:
            # The endpoint did not have this time: its connection waited for us.
            self.wait_s += self._notice_delay_s - self._delay_added_s
            self.timeout_s = self.wait_s
            self._delay_added_s = self._notice_delay_s
        else:
            self._owner.on_timeout(self, now)

    # -- reading

    def _set_received_at(self, stamp: float, now: float) -> None:
        """Use the kernel's timestamp, unless the wall clock was set meanwhile."""
        came_at = stamp - self._reactor.wall_clock_offset_s
        if 0.0 < self.sent_at - came_at < _CLOCKS_DIFFER_S:
            came_at = self.sent_at  # an answer does not come before its request
        self.received_at = came_at if self.sent_at <= came_at <= now else now

    def _continue_reading(self, events: int, now: float) -> None:
        sock: Any = self._socket
        if self._unsent and events & select.EPOLLOUT:
            self._unsent = self._unsent[sock.send(self._unsent) :]
        self.handle_data(self._receive(now), events, now)

    def _receive(self, now: float) -> bytes:
        sock: Any = self._socket  # a TLS socket exactly when `pin` is not None
        data, stamp = (
            receive(sock, _READ_SIZE) if self.pin is None else receive_tls(sock, _READ_SIZE)
        )
        self._set_received_at(stamp, now)
        return data

    def _check_response(self, data: bytes, events: int, now: float) -> ProbeFinding | None:
        """The finding, after reading on if needed; None: more is to come, or it was stale."""
        response = self._response
        if response is None:
            self._response = response = ResponseCheck(self._owner.expected)
        while True:
            finding = response.feed(data) if data else response.end()
            if finding is not None:
                break
            # A short read has emptied the socket (epoll(7)), unless the connection's end is still
            # to be read. With TLS only the exception says that there is no more.
            if len(data) < _READ_SIZE and not events & _ENDING and self.pin is None:
                return None
            data = self._receive(now)
        if finding is NO_ANSWER and self.is_reused:
            self._owner.on_stale(self, now)
            return None
        self.reusable = response.reusable
        return finding

    # -- endings

    def _fail_by_own_mistake(self, mistake: Exception, now: float) -> None:
        """Report a mistake of this program: neither this endpoint nor another must pay for it."""
        _log.error("probe_mistake", exc_info=mistake)
        self._owner.on_finding(self, finding_of(mistake), now)

    def _handle_unexpected_data(self, now: float) -> None:
        """Handle data or an end that came without a request."""
        sock = self._socket
        assert sock is not None
        sock.recv(_READ_SIZE)
        if self._state == IDLE:
            self._owner.on_idle_closed(self)
        else:
            self._owner.on_stale(self, now)
