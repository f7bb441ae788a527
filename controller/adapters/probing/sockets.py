"""Sockets of probes, on Linux. socket(7) and tcp(7) describe the options."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import struct

Address = tuple[str, int] | tuple[str, int, int, int]
"""IPv4 (host, port) or IPv6 (host, port, flow label, scope)."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_SO_TIMESTAMPNS = 35
"""From asm-generic/socket.h; Python has no name for it. The kernel timestamps received data."""
_TIMESPEC = struct.Struct("qq")
_unpack = _TIMESPEC.unpack
_STAMP_SPACE = socket.CMSG_SPACE(_TIMESPEC.size)
_RTT_IN_TCP_INFO = slice(68, 72)
_REPEATS_IN_TCP_INFO = slice(100, 104)
_FIRST_REPEAT_S = 1.0
"""Seconds after which a SYN is sent again, then after twice as long each time (RFC 6298, 2)."""
_CONNECT_BEGUN = (0, errno.EINPROGRESS)
_SOCKET_TYPE = socket.SOCK_STREAM | socket.SOCK_NONBLOCK


def start_connecting(address: Address, *, speaks_first: bool) -> socket.SocketType:
    """A socket that has begun to connect. Raises OSError when it cannot begin.

    `speaks_first`: whether a request is sent as soon as it is connected.
    """
    family = socket.AF_INET if len(address) == 2 else socket.AF_INET6
    # The C type behind socket.socket: no Python code runs when it is created and closed, which
    # would cost as much as connecting does.
    sock = socket.SocketType(family, _SOCKET_TYPE)
    try:
        # SO_LINGER with a timeout of 0: close sends RST at once. Without it every probe would leave
        # a port in TIME_WAIT for a minute, and 470 probes a second of one address would use up all
        # 28,000 (`net.ipv4.ip_local_port_range`). It also saves the FIN packets. No data is lost: a
        # probe closes only when it needs no more.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if speaks_first:
            # Off: the handshake's last ACK waits up to 40 ms for data to send with it. The request
            # follows at once, so one packet is sent instead of two. Without a request the ACK would
            # only be late, and the server would accept later.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        error = sock.connect_ex(address)
        if error not in _CONNECT_BEGUN:
            raise OSError(error, os.strerror(error))
    except BaseException:
        sock.close()
        raise
    return sock


def keep_timestamps_on() -> socket.SocketType:
    """A socket that keeps the kernel's timestamping switched on while it is open.

    Without it the kernel would switch it off and on between probes, which costs more than a probe.
    """
    sock = socket.SocketType(socket.AF_INET, _SOCKET_TYPE)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return sock


def receive(sock: socket.SocketType, size: int) -> tuple[bytes, float]:
    """Received data and the kernel's timestamp: seconds of the wall clock, 0.0 if there is none.

    Raises OSError as `recv` does.
    """
    data, stamps, _, _ = sock.recvmsg(size, _STAMP_SPACE)
    return data, _wall_time(stamps)


def receive_tls(sock: ssl.SSLSocket, size: int) -> tuple[bytes, float]:
    """The same for a TLS connection; the timestamp is that of the encrypted data."""
    stamp = _stamp_beneath(sock)
    return sock.recv(size), stamp


def _stamp_beneath(sock: ssl.SSLSocket) -> float:
    try:
        # The C type's method: the TLS one would have to decrypt first.
        return _wall_time(socket.SocketType.recvmsg(sock, 1, _STAMP_SPACE, socket.MSG_PEEK)[1])
    except BlockingIOError:
        return 0.0  # it was decrypted together with earlier data


def _wall_time(stamps: list[tuple[int, int, bytes]]) -> float:
    if not stamps:
        return 0.0
    seconds, nanoseconds = _unpack(stamps[0][2])
    return float(seconds + nanoseconds * 1e-9)


def connect_notice_delay_s(sock: socket.SocketType, took_s: float) -> float:
    """Seconds between a connection's end of setup and our noticing it.

    `took_s`: the setup time that we measured; the kernel's round-trip time is the true one.
    """
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    rtt_s = 1e-6 * int.from_bytes(info[_RTT_IN_TCP_INFO], "little")
    # Where a SYN was lost the connection took longer than the round trip: until it was repeated.
    repeats = int.from_bytes(info[_REPEATS_IN_TCP_INFO], "little")
    true_s = rtt_s + _FIRST_REPEAT_S * (2.0**repeats - 1.0)
    return took_s - true_s if rtt_s > 0.0 and true_s < took_s else 0.0


def came_beneath_tls(sock: ssl.SSLSocket) -> float:
    """The kernel's timestamp of encrypted data that was not read yet: seconds of the wall clock,
    0.0 if there is none. Raises OSError as `recv` does."""
    return _stamp_beneath(sock)
