"""Sockets as a probe wants them. Linux; what each option does is in socket(7) and tcp(7)."""

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
"""Of asm-generic/socket.h; Python has no name for it. The kernel stamps what arrives (`read`)."""
_TIMESPEC = struct.Struct("qq")
_unpack = _TIMESPEC.unpack
_STAMP_SPACE = socket.CMSG_SPACE(_TIMESPEC.size)
_RTT_IN_TCP_INFO = slice(68, 72)
_FIRST_REPEAT_S = 1.0
"""A SYN is sent again after so long (RFC 6298, 2)."""
_UNDER_WAY = (0, errno.EINPROGRESS)
_KIND = socket.SOCK_STREAM | socket.SOCK_NONBLOCK


def connecting(address: Address, *, speaks_first: bool) -> socket.SocketType:
    """A socket that has begun to connect. Raises OSError when it cannot even begin.

    `speaks_first`: whether we shall send as soon as it is connected.
    """
    family = socket.AF_INET if len(address) == 2 else socket.AF_INET6
    # The plain type behind socket.socket: no Python code runs when it is made and closed, which
    # would cost as much as connecting does.
    made = socket.SocketType(family, _KIND)
    try:
        # SO_LINGER with a timeout of 0: close sends RST at once. Without it every probe would leave
        # a port in TIME_WAIT for a minute, and 470 probes a second of one address would use up all
        # 28,000 (`net.ipv4.ip_local_port_range`). It also saves the packets of a polite farewell.
        # Nobody loses data: we close only when we want no more.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if speaks_first:
            # Off: the handshake's last ACK waits up to 40 ms for data to ride on, and our request
            # is there at once, so one packet goes instead of two. Without data to send it would
            # only be late, and the other side would wait with accepting.
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        error = made.connect_ex(address)
        if error not in _UNDER_WAY:
            raise OSError(error, os.strerror(error))
    except BaseException:
        made.close()
        raise
    return made


def stamping() -> socket.SocketType:
    """A socket that is only held, so that the kernel does not cease to stamp between probes: to
    begin and to cease costs it more than a probe does."""
    made = socket.SocketType(socket.AF_INET, _KIND)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return made


def read(made: socket.SocketType, size: int) -> tuple[bytes, float]:
    """What came, and when by the kernel's stamp: seconds of the wall clock, 0.0 without a stamp.

    Raises OSError as `recv` does.
    """
    data, stamps, _, _ = made.recvmsg(size, _STAMP_SPACE)
    return data, _wall_time(stamps)


def read_tls(made: ssl.SSLSocket, size: int) -> tuple[bytes, float]:
    """The same for a connection with TLS; the stamp is that of what waits beneath it."""
    stamp = _stamp_beneath(made)
    return made.recv(size), stamp


def _stamp_beneath(made: ssl.SSLSocket) -> float:
    try:
        # The plain type's method: the TLS one would have to decipher before it can tell.
        return _wall_time(socket.SocketType.recvmsg(made, 1, _STAMP_SPACE, socket.MSG_PEEK)[1])
    except BlockingIOError:
        return 0.0  # it was deciphered with what came before


def _wall_time(stamps: list[tuple[int, int, bytes]]) -> float:
    if not stamps:
        return 0.0
    seconds, nanoseconds = _unpack(stamps[0][2])
    return float(seconds + nanoseconds * 1e-9)


def noticed_late_s(made: socket.SocketType, took_s: float) -> float:
    """How late we noticed that a connection was made, which took `took_s` as we saw it."""
    if took_s >= _FIRST_REPEAT_S:
        return 0.0  # a SYN was lost: the round trip is not what the connection took
    rtt_s = 1e-6 * int.from_bytes(
        made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[_RTT_IN_TCP_INFO], "little"
    )
    return took_s - rtt_s if 0.0 < rtt_s < took_s else 0.0
