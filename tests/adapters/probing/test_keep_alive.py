"""Probes over a connection that is kept open."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from controller.adapters.probing import shared_resources
from controller.adapters.probing.prober import NetworkProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome
from controller.ports import Prober
from tests.adapters.probing.asking import DEADLINE_S, OK, Asker, asking, until
from tests.adapters.probing.servers import KeepAlive, raw, served

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
CLOSES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.mark.parametrize("answer", [OK, CHUNKED], ids=["length", "chunked"])
async def test_one_connection_carries_many_probes(answer: bytes) -> None:
    """With every way to mark the answer's end."""
    server = KeepAlive(answer)
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        results = [await asker.ask() for _ in range(5)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert (server.connections, server.requests) == (1, 5)


@pytest.mark.parametrize(
    "answer",
    [CLOSES, OK + b"!", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    ids=["says so", "bytes too many", "HTTP/1.0"],
)
async def test_a_connection_that_cannot_be_reused_is_not_kept(answer: bytes) -> None:
    """The next answer could not be separated from the rest of the last one."""
    server = KeepAlive(answer)
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        results = [await asker.ask() for _ in range(3)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert server.connections == 3
    assert asker.disturbances == 0


async def test_a_failure_ends_the_connection() -> None:
    """The next probe uses a new one."""
    server = KeepAlive(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        for _ in range(2):
            await asker.ask()

    assert server.connections == 2


async def test_the_end_of_an_idle_connection_is_reported_at_once() -> None:
    """A process that dies is noticed before its next probe."""
    server = KeepAlive()
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        await asker.ask()
        server.hang_up()
        await until(lambda: asker.disturbances > 0)
        result = await asker.ask()

    assert result.outcome is ProbeOutcome.PASSED
    assert (asker.disturbances, asker.unasked, server.connections) == (1, 0, 2)


async def test_a_connection_closed_during_a_probe_is_no_failure() -> None:
    """A server may close an idle connection at any moment; the probe uses a new one."""
    server = KeepAlive(requests_per_connection=1)
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        await asker.ask()
        # The server has closed by now or does so any moment; our loop has not looked since.
        results = [await asker.ask() for _ in range(5)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert server.requests == 6


async def test_a_connection_closed_before_its_request_is_sent_is_no_failure() -> None:
    """Two connections end at once, with a last answer; the first end starts the second's probe."""
    server = KeepAlive()
    async with served(server) as address, NetworkProber() as prober:
        endpoint = Endpoint(probe=f"http://{address}/", keep_alive=True)
        second = Asker(prober, endpoint)
        first = StartsAnother(prober, endpoint, second)
        for asker in (first, second):
            await asker.ask()
        server.hang_up(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        result = await second.next_answer()

    assert (first.disturbances, second.disturbances) == (1, 0)
    assert result.outcome is ProbeOutcome.PASSED
    assert server.connections == 3


async def test_a_target_closed_before_its_request_is_sent_gets_no_request() -> None:
    """No request and no result."""
    server = KeepAlive()
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        await asker.ask()
        asker.target.start_probe(DEADLINE_S, DEADLINE_S)
        asker.target.close()
        await asyncio.sleep(0.05)

    assert (server.requests, asker.unasked) == (1, 0)


class StartsAnother(Asker):
    """When its connection ends it starts another target's probe, as corroboration does."""

    def __init__(self, prober: Prober, endpoint: Endpoint, other: Asker) -> None:
        super().__init__(prober, endpoint)
        self._other = other

    def on_disconnect(self) -> None:
        super().on_disconnect()
        self._other.target.start_probe(DEADLINE_S, DEADLINE_S)


async def test_a_connection_closed_in_the_middle_of_an_answer_is_a_failure() -> None:
    """An answer that has begun must be complete."""
    broken = OK[:-1]

    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(broken)

    async with (
        served(breaks_off) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        await asker.ask()
        result = await asker.ask()

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "answer breaks off")


async def test_a_connection_is_renewed_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one says nothing about new connections."""
    monkeypatch.setattr(shared_resources, "MAX_REUSE_S", 0.05)
    server = KeepAlive()
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        await asker.ask()
        await asker.ask()
        await asyncio.sleep(0.1)
        await asker.ask()

    assert (server.connections, server.requests) == (2, 3)


async def test_connections_that_began_together_are_not_renewed_together() -> None:
    """Many handshakes at once would delay every probe."""
    async with NetworkProber() as prober:
        kept_s = sorted(prober._shared.next_reuse_limit_s() for _ in range(1000))

    assert kept_s[0] >= shared_resources.MAX_REUSE_S / 2
    assert kept_s[-1] <= shared_resources.MAX_REUSE_S
    assert max(after - before for before, after in pairwise(kept_s)) < 0.1


async def test_a_server_that_stops_answering_on_its_connection_is_found_silent() -> None:
    """The connection is not kept; the next probe opens another."""
    answers = raw(OK, closes=False)
    async with (
        served(answers) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        await asker.ask()
        silent = await asker.ask(0.1)
        again = await asker.ask()

    assert (silent.outcome, silent.detail) == (ProbeOutcome.FAILED, "no answer in 0.1 s")
    assert again.outcome is ProbeOutcome.PASSED


async def test_a_brisk_endpoint_that_grows_slow_is_waited_for_longer() -> None:
    """Brisk answers need not be learned; slow ones are."""
    server = KeepAlive()
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        for _ in range(10):
            await asker.ask(2.0, min_timeout_s=0.3)
        server.takes_s = 0.2
        for _ in range(3):
            await asker.ask(2.0, min_timeout_s=0.3)
        server.takes_s = 1.0
        given_up = await asker.ask(2.0, min_timeout_s=0.3)

    assert given_up.outcome is ProbeOutcome.FAILED
    assert 0.4 < given_up.latency_s < 1.0
    assert server.connections == 1


async def test_an_idle_connection_is_not_overdue() -> None:
    """The deadline belongs to the probe, not to the connection."""
    server = KeepAlive()
    async with (
        served(server) as address,
        asking(probe=f"http://{address}/", keep_alive=True) as asker,
    ):
        await asker.ask(1.0)
        await asyncio.sleep(1.2)
        await asker.ask(1.0)

    assert (server.connections, asker.unasked) == (1, 0)
