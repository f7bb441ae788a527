"""One connection to an endpoint: connects, makes it secure, asks, reads, and may wait to ask again.

Socket events drive it from state to state. Events may be spurious (a descriptor's number is used
again within one batch), so every state asks the socket itself and takes "not yet" for an answer.
"""

from __future__ import annotations

import select
import socket
import ssl
from typing import Any, Protocol

import structlog

from controller.adapters.probing.failure_causes import ProbeFinding, finding_of, passed
from controller.adapters.probing.reactor import Reactor
from controller.adapters.probing.resolver import Addresses
from controller.adapters.probing.response_check import NO_ANSWER, Expectation, ResponseCheck
from controller.adapters.probing.sockets import Address, connecting, noticed_late_s, read, read_tls
from controller.adapters.probing.tls_trust import PinnedCertificate, TlsTrust

_log = structlog.get_logger("probing")
_WORTH_ASKING_S = 0.0003
"""A connection made faster was noticed at once: no need to ask the kernel."""
_PIECE = 4096
"""Bytes read at a time; answers to probes are short."""
_BROKEN = select.EPOLLERR | select.EPOLLHUP
_ENDING = _BROKEN | select.EPOLLRDHUP
CONNECTED = passed("connected")
_CONNECTING, _SHAKING_HANDS, _POSTED, _ASKING, _IDLE, _CLOSED = range(6)
"""How far a connection is; posted: its request is about to leave."""


class ConnectionOwner(Protocol):
    """The endpoint as it is asked; what its connections need of it."""

    reactor: Reactor
    expected: Expectation
    request: bytes
    """Empty for a TCP probe: to be connected is all."""
    trust: TlsTrust | None
    """None: no TLS."""
    server_name: str

    def found(self, connection: ProbeConnection, finding: ProbeFinding, now: float) -> None:
        """A connection has its answer, or will have none."""
        ...

    def overdue(self, connection: ProbeConnection, now: float) -> None:
        """The time that a connection was given is up."""
        ...

    def stale(self, connection: ProbeConnection, now: float) -> None:
        """A kept connection was closed before our request could be answered."""
        ...

    def lost(self, connection: ProbeConnection) -> None:
        """An idle connection ended, or is of no use any more."""
        ...


class ProbeConnection:
    """A connection, from its beginning to its end. Slots, because there are many."""

    __slots__ = (
        "_addresses",
        "_answer",
        "_fd",
        "_hops",
        "_must_verify",
        "_noticed_late_s",
        "_owner",
        "_reactor",
        "_socket",
        "_state",
        "_unsent",
        "_was_spared",
        "address",
        "answered_at",
        "asked_at",
        "good_until",
        "is_late",
        "is_reused",
        "most_s",
        "opened_at",
        "patience_s",
        "pin",
        "reusable",
        "sent_at",
        "wait_s",
    )

    good_until: float
    """When it is to be replaced, once it is kept."""
    # Seconds count from `asked_at`: most probes of all endpoints are given the same, so that there
    # is no number of its own to keep for each.
    asked_at: float
    patience_s: float
    """What the present probe is given."""
    wait_s: float
    """After so long the reactor calls: as `patience_s`, or less while there are other addresses."""
    most_s: float
    """After so long nobody listens any more."""

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner
        self._reactor = owner.reactor
        self._socket: socket.SocketType | None = None
        self._fd = -1
        self._state = _CONNECTING
        self._must_verify = False
        self._unsent = b""
        self._answer: ResponseCheck | None = None
        """What came of the answer so far; None before the first piece."""
        self._addresses: Addresses = ()
        self._hops = 0
        self.address: Address | None = None
        self.pin: PinnedCertificate | None = None
        """What vouched for the other side; None without TLS."""
        self.is_late = False
        """Whether its probe counts as failed already, and it only listens on."""
        self.is_reused = False
        """Whether the present probe is not its first."""
        self.sent_at = 0.0
        """When the present probe's request went out."""
        self._noticed_late_s = 0.0
        """How late we noticed that it was made: our own latency, not the endpoint's."""
        self._was_spared = False
        """Whether the present probe was given that time back."""
        self.answered_at = 0.0
        """When the last piece of the present probe's answer came; 0.0 before the first."""
        self.reusable = False
        """Whether it can carry another request, once it found something."""

    # -- what the owner does

    def give(self, now: float, patience_s: float, most_s: float) -> None:
        """Time for one probe, which begins now."""
        self.asked_at = now
        self.wait_s = self.patience_s = patience_s
        self.most_s = most_s

    def open(self, addresses: Addresses, first: int, now: float) -> None:
        """Connect to one of these addresses, beginning with the `first`. Raises OSError."""
        self._addresses = addresses[first:] + addresses[:first]
        self._hop(now)

    def ask(self, now: float, patience_s: float, most_s: float) -> None:
        """Begin a probe over this connection that was kept, and send the request in a moment."""
        self.asked_at = self.sent_at = now
        self.wait_s = self.patience_s = patience_s
        self.most_s = most_s
        self.is_reused = True
        self._noticed_late_s = self.answered_at = 0.0
        self._answer = None
        self._state = _POSTED
        self._reactor.post(self)
        self._reactor.expect(self, now + patience_s)

    def close(self) -> None:
        """End it at once; nothing is told any more."""
        self._reactor.settle(self)
        self._state = _CLOSED
        if self._socket is not None:
            self._reactor.forget(self._fd)
            self._socket.close()
            self._socket = None

    @property
    def due(self) -> float:
        """When the reactor calls, by the event loop's clock."""
        return self.asked_at + self.wait_s

    def took_s(self, now: float) -> float:
        """Seconds from the present probe's beginning to its answer, or to now.

        How late we noticed is reckoned by other clocks than ours: it never makes less than nothing.
        """
        began_at = self.sent_at if self.is_reused else self.asked_at + self._noticed_late_s
        took_s = (self.answered_at or now) - began_at
        return took_s if took_s > 0.0 else 0.0

    def answer_took_s(self, now: float) -> float:
        """The same without connecting, where the request could be sent."""
        if self.sent_at < self.asked_at:
            return self.took_s(now)
        took_s = (self.answered_at or now) - self.sent_at
        return took_s if took_s > 0.0 else 0.0

    # -- what the reactor tells

    def send(self, now: float) -> None:
        """Send the request. Raises OSError."""
        made, request = self._socket, self._owner.request
        if made is None:
            return  # closed meanwhile
        self.sent_at = now
        if self.is_reused:
            self.asked_at = now
        sent = made.send(request)
        self._unsent = request[sent:] if sent < len(request) else b""
        self._state = _ASKING

    def take(self, now: float, came_at: float | None = None) -> bytes | None:
        """Read a piece of the awaited answer, and note when it came.

        `came_at`: that time; None: the kernel's stamp is asked for. None comes back when `ready` is
        to read, or to do what else there is to do.
        """
        made = self._socket
        if self._state != _ASKING or made is None or self.pin is not None or self._unsent:
            return None
        try:
            if came_at is None:
                data, stamp = read(made, _PIECE)
                self._came(stamp, now)
            else:
                data = made.recv(_PIECE)
                self.answered_at = came_at if self.sent_at <= came_at else now
        except Exception as error:
            self.failed(error, now)
            return None
        return data

    def hear(self, data: bytes, events: int, now: float) -> None:
        """Understand a piece of the answer; with nothing in it, its end."""
        if self._state != _ASKING:
            return  # closed meanwhile
        expected = self._owner.expected
        finding: ProbeFinding | None
        if data == expected.known and self._answer is None and data:
            finding, self.reusable = expected.known_finding, expected.known_reusable
        else:
            finding = self._hear_out(data, events, now)
            if finding is None:
                return
        self._state = _IDLE
        self._reactor.settle(self)
        self._owner.found(self, finding, now)

    def ready(self, events: int, now: float) -> None:
        """Go on as far as the socket lets us. Raises what `failed` understands."""
        state = self._state
        if state == _ASKING:
            self._read(events, now)
        elif state == _CONNECTING:
            self._connected(events, now)
        elif state == _SHAKING_HANDS:
            self._shake_hands(now)
        elif state != _CLOSED:
            self._disturbed(now)

    def failed(self, error: Exception, now: float) -> None:
        """Something went wrong in one of these."""
        if isinstance(error, (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)):
            return  # not yet
        if not isinstance(error, OSError):
            self._stumbled(error, now)
        elif self._state == _IDLE:
            self._owner.lost(self)
        elif self._state == _CONNECTING and self._has_more_addresses():
            self._try_next(now)
        elif self.is_reused and self._answer is None:
            self._owner.stale(self, now)
        else:
            self._owner.found(self, finding_of(error), now)

    def overdue(self, now: float) -> None:
        """Try the next address while there is time, or leave it to the owner."""
        if self._noticed_late_s and not self._was_spared:
            # The endpoint has not had this time: it was waiting for us.
            self._was_spared = True
            self.wait_s += self._noticed_late_s
            self.patience_s = self.wait_s
        elif (
            self._state == _CONNECTING
            and now < self.asked_at + self.patience_s
            and self._has_more_addresses()
        ):
            self._try_next(now)
        else:
            self._owner.overdue(self, now)

    # -- connecting

    def _hop(self, now: float) -> None:
        """Connect to the next address that lets us begin. Raises the last one's OSError."""
        while True:
            address = self._addresses[self._hops]
            self._hops += 1
            try:
                made = connecting(address, speaks_first=bool(self._owner.request))
                break
            except OSError:
                if not self._has_more_addresses():
                    raise
        self.address, self.opened_at = address, now
        self._socket, self._fd, self._state = made, made.fileno(), _CONNECTING
        self._reactor.watch(self._fd, self)
        left = len(self._addresses) - self._hops
        waited_s = now - self.asked_at
        self.wait_s = waited_s + (self.patience_s - waited_s) / (left + 1)

    def _has_more_addresses(self) -> bool:
        return self._hops < len(self._addresses)

    def _try_next(self, now: float) -> None:
        try:
            self.close()
            self._hop(now)
        except Exception as error:
            self._owner.found(self, finding_of(error), now)
        else:
            self._reactor.expect(self, self.due)

    def _connected(self, events: int, now: float) -> None:
        made = self._socket
        assert made is not None
        if events & _BROKEN:
            error = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "connect")
        if not self._owner.request:
            if _is_connected(made):
                self._owner.found(self, CONNECTED, now)
            return
        took_s = now - self.opened_at
        if took_s > _WORTH_ASKING_S:
            self._noticed_late_s = noticed_late_s(made, took_s)
        if self._owner.trust is None:
            self.send(self._reactor.time())
        elif _is_connected(made):
            self._begin_tls(self._owner.trust, made, now)
        self.wait_s = self.patience_s

    # -- TLS

    def _begin_tls(self, trust: TlsTrust, made: socket.SocketType, now: float) -> None:
        name = self._owner.server_name
        context = trust.verifying if self._must_verify else trust.context(name, now)
        self._socket = context.wrap_socket(
            made,  # type: ignore[arg-type] # it is detached, whatever its Python type
            server_hostname=name,
            do_handshake_on_connect=False,
        )
        self._state = _SHAKING_HANDS
        self._shake_hands(now)

    def _shake_hands(self, now: float) -> None:
        made, trust = self._socket, self._owner.trust
        assert isinstance(made, ssl.SSLSocket)
        assert trust is not None
        made.do_handshake()
        self.pin = trust.vouch(self._owner.server_name, made, now)
        if self.pin is not None:
            self.send(self._reactor.time())
            return
        # Nobody has vouched for this certificate: hear what a verifying context says of it.
        self._must_verify = True
        self._hops -= 1
        self._try_next(now)

    # -- asking

    def _came(self, stamp: float, now: float) -> None:
        """Note when something came: by the kernel's stamp, unless the wall clock was set."""
        came_at = stamp - self._reactor.wall_ahead_s
        self.answered_at = came_at if self.sent_at <= came_at <= now else now

    def _read(self, events: int, now: float) -> None:
        made: Any = self._socket
        if self._unsent and events & select.EPOLLOUT:
            self._unsent = self._unsent[made.send(self._unsent) :]
        self.hear(self._piece(now), events, now)

    def _piece(self, now: float) -> bytes:
        made: Any = self._socket  # of TLS when `pin` says so
        data, stamp = read(made, _PIECE) if self.pin is None else read_tls(made, _PIECE)
        self._came(stamp, now)
        return data

    def _hear_out(self, data: bytes, events: int, now: float) -> ProbeFinding | None:
        """What it says, further pieces being read; None: more is to come, or nobody answered."""
        answer = self._answer
        if answer is None:
            self._answer = answer = ResponseCheck(self._owner.expected)
        while True:
            finding = answer.feed(data) if data else answer.end()
            if finding is not None:
                break
            # A short read has emptied the socket (epoll(7)), unless its end is still to be read;
            # of TLS only the exception tells.
            if len(data) < _PIECE and not events & _ENDING and self.pin is None:
                return None
            data = self._piece(now)
        if finding is NO_ANSWER and self.is_reused:
            self._owner.stale(self, now)
            return None
        self.reusable = answer.reusable
        return finding

    # -- endings

    def _stumbled(self, mistake: Exception, now: float) -> None:
        """A mistake of ours: the endpoint must not pay for it, nor the other connections."""
        _log.error("probe_mistake", exc_info=mistake)
        self._owner.found(self, finding_of(mistake), now)

    def _disturbed(self, now: float) -> None:
        """Something came although nothing was asked: the end, or what no client can understand."""
        made = self._socket
        assert made is not None
        made.recv(_PIECE)
        if self._state == _IDLE:
            self._owner.lost(self)
        else:
            self._owner.stale(self, now)


def _is_connected(made: socket.SocketType) -> bool:
    try:
        made.getpeername()
    except OSError:
        return False
    return True
