"""The first part of a connection's life: TCP connect to one address, then TLS.

Socket events drive it from state to state. Events may be spurious (the kernel gives a descriptor's
number to another socket within one batch), so every state asks the socket itself and accepts "not
yet" as an answer.
"""

from __future__ import annotations

import select
import socket
import ssl
from typing import Any

from controller.adapters.probing.connection_owner import ConnectionOwner
from controller.adapters.probing.failure_causes import finding_of, passed
from controller.adapters.probing.reactor import SocketHandler
from controller.adapters.probing.sockets import (
    Address,
    came_beneath_tls,
    connect_notice_delay_s,
    start_connecting,
)
from controller.adapters.probing.tls_trust import PinnedCertificate, TlsTrust

CONNECTED = passed("connected")
CONNECTING, HANDSHAKING, QUEUED, AWAITING, IDLE, CLOSED = range(6)
"""States of a connection. QUEUED: its request is in the reactor's send queue."""
BROKEN = select.EPOLLERR | select.EPOLLHUP
_FAST_CONNECT_S = 0.0003
"""A connection made faster than this was noticed at once: no need to ask the kernel."""
_FAST_HANDSHAKE_S = 0.002
"""The same for each step of a handshake."""


class ConnectionSetup(SocketHandler):
    """A socket until the first request can be sent. Slots, because there are many.

    Times are seconds of the event loop's clock; timeouts count from `began_at`.
    """

    __slots__ = (
        "_fd",
        "_handshake_at",
        "_must_verify",
        "_notice_delay_s",
        "_owner",
        "_reactor",
        "_socket",
        "_state",
        "address",
        "began_at",
        "max_timeout_s",
        "opened_at",
        "pin",
        "timeout_s",
        "wait_s",
    )

    # Durations instead of due times: most probes of all targets have the same ones, so that one
    # number object serves them all.
    began_at: float
    """Begin of the present probe."""
    timeout_s: float
    """Timeout of the present probe: `wait_s <= timeout_s <= max_timeout_s`."""
    wait_s: float
    """The reactor calls after this time: `timeout_s`, or less while another address is to be tried
    beside this one."""
    max_timeout_s: float
    """An answer that comes later than this is of no use."""

    _owner: ConnectionOwner[Any]
    """Of the subclass's connections: a class cannot name its subclass as the type argument."""

    def __init__(self, owner: ConnectionOwner[Any]) -> None:
        self._owner = owner
        self._reactor = owner.reactor
        self._socket: socket.SocketType | None = None
        self._fd = -1
        self._state = CONNECTING
        self._must_verify = False
        self.address: Address | None = None
        self.pin: PinnedCertificate | None = None
        """The server's certificate, once it is trusted; None without TLS."""
        self._notice_delay_s = 0.0
        """Seconds by which we noticed connections and steps of handshakes late: our own latency."""
        self._handshake_at = 0.0
        """When our last part of the handshake was sent."""

    def connect(self, address: Address, now: float) -> None:
        """Begin to connect to this address. Raises OSError."""
        self.address = address
        sock = start_connecting(address, speaks_first=bool(self._owner.request))
        self.opened_at = now
        self._socket, self._fd, self._state = sock, sock.fileno(), CONNECTING
        self._reactor.register(self._fd, self)

    def close(self) -> None:
        """Close at once; the owner is not called any more."""
        self._reactor.clear_deadline(self)
        self._state = CLOSED
        if self._socket is not None:
            self._reactor.unregister(self._fd)
            self._socket.close()
            self._socket = None

    # -- TCP

    def _continue_connecting(self, events: int, now: float) -> None:
        sock = self._socket
        assert sock is not None
        if events & BROKEN:
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "connect")
        is_only_connected = not self._owner.request
        if is_only_connected and not is_connected(sock):
            return
        # Until now, not until the event was read: others may have been processed in between.
        now = self._reactor.time()
        took_s = now - self.opened_at
        if took_s > _FAST_CONNECT_S:
            self._notice_delay_s += connect_notice_delay_s(sock, took_s)
        if is_only_connected:
            self._owner.on_finding(self, CONNECTED, now)
            return
        if self._owner.trust is None:
            self.send_request(now)
        elif is_connected(sock):
            self._begin_handshake(self._owner.trust, sock, now)
        self.wait_s = self.timeout_s

    # -- TLS

    def _begin_handshake(self, trust: TlsTrust, sock: socket.SocketType, now: float) -> None:
        name = self._owner.server_name
        context = trust.verifying_context if self._must_verify else trust.context(name, now)
        self._socket = context.wrap_socket(
            sock,  # type: ignore[arg-type] # it is detached, whatever its Python type
            server_hostname=name,
            do_handshake_on_connect=False,
        )
        self._state = HANDSHAKING
        self._handshake_at = self._reactor.time()
        self._continue_handshake(self._handshake_at)

    def _continue_handshake(self, now: float) -> None:
        sock, trust = self._socket, self._owner.trust
        assert isinstance(sock, ssl.SSLSocket)
        assert trust is not None
        if now - self._handshake_at > _FAST_HANDSHAKE_S:
            came_at = came_beneath_tls(sock) - self._reactor.wall_clock_offset_s
            if self._handshake_at <= came_at <= now:
                self._notice_delay_s += now - came_at
        self._handshake_at = self._reactor.time()
        sock.do_handshake()
        self.pin = trust.trusted_certificate(self._owner.server_name, sock, now)
        if self.pin is not None:
            self.send_request(self._reactor.time())
            return
        # The certificate is not pinned: connect to the same address again and verify it.
        self._must_verify = True
        self._connect_again(now)

    def _connect_again(self, now: float) -> None:
        address = self.address
        assert address is not None
        try:
            self.close()
            self.connect(address, now)
        except Exception as error:
            self._owner.on_finding(self, finding_of(error), now)
        else:
            self._reactor.set_deadline(self, self.deadline)


def is_connected(sock: socket.SocketType) -> bool:
    """Whether the connection was made and is not broken."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
