"""Sockets as a probe wants them. Linux; what each option does is in socket(7) and tcp(7)."""

from __future__ import annotations

import errno
import os
import socket
import struct

Address = tuple[str, int] | tuple[str, int, int, int]
"""IPv4 (host, port) or IPv6 (host, port, flow label, scope)."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
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
        error = made.connect_ex(address)
        if error not in _UNDER_WAY:
            raise OSError(error, os.strerror(error))
    except BaseException:
        made.close()
        raise
    return made
