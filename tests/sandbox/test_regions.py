"""The regional applications over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from random import Random
from urllib.parse import urlsplit

import aiohttp
import pytest

from controller.sandbox.errors import SandboxError
from controller.sandbox.world.region_modes import RegionMode
from controller.sandbox.world.regions import (
    ListenAddress,
    SandboxRegions,
    address_of,
    addresses,
    region_addresses,
)
from tests.sandbox.worlds import region, service, settings, two_regions


@asynccontextmanager
async def running() -> AsyncIterator[tuple[SandboxRegions, dict[str, str]]]:
    configuration, probes = two_regions()
    regions = SandboxRegions(configuration, rng=Random(1), now=lambda: datetime.now(UTC))
    await regions.open()
    try:
        yield regions, probes
    finally:
        await regions.close()


async def get(url: str, within_s: float = 2.0) -> tuple[int, str, str]:
    timeout = aiohttp.ClientTimeout(total=within_s)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
        return response.status, response.headers["X-Region"], await response.text()


@asynccontextmanager
async def connected(
    probe: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(probe)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def first_line(probe: str, within_s: float = 2.0) -> bytes:
    async with connected(probe) as (reader, _), asyncio.timeout(within_s):
        return await reader.readline()


async def test_a_region_that_is_well_says_who_it_is() -> None:
    """Probes get ok, users the region's name, over HTTP and TCP."""
    async with running() as (_, probes):
        assert await get(f"{probes['eu']}healthz") == (200, "eu-west-1", "ok\n")
        assert await get(probes["us"]) == (200, "us-east-1", "us-east-1\n")
        assert await get(probes["known_good"]) == (200, "reference-targets", "reference-targets\n")
        assert await first_line(probes["tcp"]) == b"eu-west-1\n"


async def test_a_tcp_endpoint_closes_after_the_clients_line() -> None:
    """One line each way; a silent client is disconnected after a while."""
    async with running() as (_, probes):
        for said in (b"thanks\n", b""):
            async with connected(probes["tcp"]) as (reader, writer), asyncio.timeout(1.5):
                writer.write(said)
                assert await reader.read() == b"eu-west-1\n"


async def test_a_dead_region_refuses_and_drops() -> None:
    """All its endpoints refuse at once, open connections end, other regions continue."""
    async with running() as (regions, probes):
        async with connected(probes["tcp"]) as (reader, _):
            assert await reader.readline() == b"eu-west-1\n"
            await regions.set_mode("eu-west-1", RegionMode.DEAD)
            async with asyncio.timeout(0.5):
                assert await reader.read() == b""
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(probes["eu"])
        with pytest.raises(ConnectionRefusedError):
            await first_line(probes["tcp"])
        assert (await get(probes["us"]))[0] == 200


async def test_a_dead_region_drops_requests_it_was_answering() -> None:
    """A process that dies answers no request, not even accepted ones."""
    async with running() as (regions, probes):
        await regions.set_mode("us-east-1", RegionMode.HANG)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(succeeds(probes["us"]))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await regions.set_mode("us-east-1", RegionMode.DEAD)
            async with asyncio.timeout(0.5):
                assert not await waiting


async def succeeds(url: str) -> bool:
    try:
        await get(url, within_s=5)
    except aiohttp.ClientError:
        return False
    return True


async def test_a_hanging_region_accepts_and_is_silent() -> None:
    """The connection succeeds, the answer does not come."""
    async with running() as (regions, probes):
        await regions.set_mode("eu-west-1", RegionMode.HANG)
        with pytest.raises(TimeoutError):
            await get(probes["eu"], within_s=0.2)
        with pytest.raises(TimeoutError):
            await first_line(probes["tcp"], within_s=0.2)


async def test_a_region_with_errors_fails_every_request() -> None:
    """HTTP gets 500, TCP is closed without data."""
    async with running() as (regions, probes):
        await regions.set_mode("eu-west-1", RegionMode.ERRORS)
        assert (await get(probes["eu"]))[:2] == (500, "eu-west-1")
        assert await first_line(probes["tcp"]) == b""


async def test_healing_brings_a_dead_region_back_at_the_same_address() -> None:
    """After any number of times; the state has the time of the last change."""
    async with running() as (regions, probes):
        before = regions.state()["eu-west-1"].since
        for _ in range(2):
            await regions.set_mode("eu-west-1", RegionMode.DEAD)
            await regions.set_mode("eu-west-1", RegionMode.WELL)
            assert (await get(probes["eu"]))[0] == 200
            assert await first_line(probes["tcp"]) == b"eu-west-1\n"
        assert regions.state()["eu-west-1"].mode is RegionMode.WELL
        assert regions.state()["eu-west-1"].since > before
        assert regions.state()["us-east-1"].since <= before


async def test_a_region_whose_address_was_taken_stays_dead() -> None:
    """Healing fails completely and can be tried again."""
    async with running() as (regions, probes):
        await regions.set_mode("eu-west-1", RegionMode.DEAD)
        parts = urlsplit(probes["tcp"])
        squatter = await asyncio.start_server(lambda r, w: w.close(), parts.hostname, parts.port)
        with pytest.raises(OSError, match="in use"):
            await regions.set_mode("eu-west-1", RegionMode.WELL)
        assert regions.state()["eu-west-1"].mode is RegionMode.DEAD
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(probes["eu"])
        squatter.close()
        await squatter.wait_closed()
        await regions.set_mode("eu-west-1", RegionMode.WELL)
        assert (await get(probes["eu"]))[0] == 200


async def test_an_unknown_region_is_answered_with_the_known_ones() -> None:
    """The error lists what can be broken, the reference targets included."""
    async with running() as (regions, _):
        with pytest.raises(SandboxError, match="'eu-west-9'") as caught:
            await regions.set_mode("eu-west-9", RegionMode.DEAD)
        assert caught.value.valid == ("eu-west-1", "us-east-1", "reference-targets")


def test_services_may_share_an_endpoint_of_one_region() -> None:
    """One listener serves all services with the same address."""
    regions = {"eu-west-1": region("http://127.0.71.1:8080/a")}
    shared = settings({"one": service(regions), "two": service(regions)})
    assert addresses(shared) == {"eu-west-1": (ListenAddress("http", "127.0.71.1", 8080),)}
    assert region_addresses(shared) == {"127.0.71.1": "eu-west-1"}


def test_two_regions_at_one_address_are_refused() -> None:
    """Breaking one of them would break the other."""
    regions = {name: region("tcp://127.0.71.1:9000") for name in ("eu-west-1", "us-east-1")}
    with pytest.raises(SandboxError, match=r"tcp://127\.0\.71\.1:9000 .*eu-west-1 and of us-east-"):
        addresses(settings({"shop": service(regions)}))


def test_https_is_refused_with_what_is_possible() -> None:
    """The sandbox has no certificates."""
    with pytest.raises(SandboxError, match="http and tcp only"):
        address_of("https://shop.example.test/healthz")
