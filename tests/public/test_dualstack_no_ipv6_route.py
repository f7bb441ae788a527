"""A dual-stack name, probed by a host without IPv6, hides no failure of its region.

After prometheus/blackbox_exporter #567, #342 and #818: names with AAAA records, probed from hosts
that have no IPv6. The address tried last is the unroutable one (glibc sorts it last); its error
hid that the region's IPv4 address refuses, or is silent.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from controller.adapters.probing import connection_setup, sockets
from controller.adapters.probing.sockets import Address
from controller.model.health import ProbeOutcome, ProbeResult
from tests.adapters.probing.asking import asking

IPV6: Address = ("2001:db8::61", 8080, 0, 0)


@pytest.fixture(autouse=True)
def no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every IPv6 address is without a route, as on an IPv4-only host."""

    def start_connecting(address: Address, *, speaks_first: bool) -> socket.SocketType:
        if len(address) == 4:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return sockets.start_connecting(address, speaks_first=speaks_first)

    monkeypatch.setattr(connection_setup, "start_connecting", start_connecting)


@asynccontextmanager
async def refusing() -> AsyncIterator[Address]:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()


@asynccontextmanager
async def silent() -> AsyncIterator[Address]:
    """A listener whose queue is full: a SYN is not answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        stuck = [socket.socket() for _ in range(3)]
        for one in stuck:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()
        for one in stuck:
            one.close()


async def probed(*addresses: Address) -> ProbeResult:
    async with asking(
        ask=lambda host, port: addresses, probe="http://eu1.shop.test:8080/"
    ) as asker:
        return await asker.ask(0.4)


@pytest.mark.parametrize("ipv6_first", [False, True])
@pytest.mark.parametrize(
    ("server", "detail"), [(refusing, "connection refused"), (silent, "no answer in 0.4 s")]
)
async def test_what_ipv4_does_is_the_finding(server: type, detail: str, ipv6_first: bool) -> None:
    """The same as of a name with the A record alone."""
    async with server() as ipv4:
        alone = await probed(ipv4)
        both = await probed(*((IPV6, ipv4) if ipv6_first else (ipv4, IPV6)))

    assert (alone.outcome, alone.detail) == (ProbeOutcome.FAILED, detail)
    assert (both.outcome, both.detail) == (ProbeOutcome.FAILED, detail)
    assert both.address == alone.address
