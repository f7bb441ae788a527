"""One user's request to a regional application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from urllib.parse import urlsplit

import pytest

from controller.sandbox.emulator.geography import location_of
from controller.sandbox.world.population import UserDestination
from controller.sandbox.world.region_modes import RegionMode
from controller.sandbox.world.regions import SandboxRegions
from controller.sandbox.world.visits import Visitor
from tests.sandbox.worlds import free_port, two_regions


@asynccontextmanager
async def world() -> AsyncIterator[tuple[SandboxRegions, dict[str, UserDestination], Visitor]]:
    configuration, probes = two_regions()
    regions = SandboxRegions(configuration, rng=Random(1), now=lambda: datetime.now(UTC))
    ports = {name: urlsplit(probe).port or 0 for name, probe in probes.items()}
    destinations = {
        "http": UserDestination("shop.example.test.", "http", ports["eu"]),
        "tcp": UserDestination("shop.example.test.", "tcp", ports["tcp"]),
    }
    await regions.open()
    async with Visitor() as visitor:
        yield regions, destinations, visitor
    await regions.close()


@pytest.mark.parametrize("scheme", ["http", "tcp"])
@pytest.mark.parametrize(
    ("mode", "served_by"),
    [
        (RegionMode.WELL, "eu-west-1"),
        (RegionMode.SLOW, "eu-west-1"),
        (RegionMode.DEAD, None),
        (RegionMode.ERRORS, None),
    ],
)
async def test_a_visit_says_which_region_served_it(
    scheme: str, mode: RegionMode, served_by: str | None
) -> None:
    """Over both protocols; a failed visit has no region."""
    async with world() as (regions, destinations, visitor):
        await regions.set_mode("eu-west-1", mode)
        assert await visitor.visit(destinations[scheme], "127.0.71.1", "DE") == served_by


async def test_a_user_gives_up_after_two_seconds() -> None:
    """With a hanging region."""
    async with world() as (regions, destinations, visitor):
        await regions.set_mode("eu-west-1", RegionMode.HANG)
        async with asyncio.timeout(2.5), asyncio.TaskGroup() as tasks:
            visits = [
                tasks.create_task(visitor.visit(destination, "127.0.71.1", "DE"))
                for destination in destinations.values()
            ]
        assert [visit.result() for visit in visits] == [None, None]


async def test_tcp_users_come_from_their_country() -> None:
    """An accelerator locates them by their source address."""
    seen: list[str] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername")[0])
        writer.write(b"ap-northeast-1\n")
        writer.close()

    port = free_port("127.0.74.1")
    server = await asyncio.start_server(accept, "127.0.74.1", port)
    async with Visitor() as visitor:
        destination = UserDestination("api.example.test.", "tcp", port)
        assert await visitor.visit(destination, "127.0.74.1", "JP") == "ap-northeast-1"
    server.close()
    await server.wait_closed()
    location = location_of(seen[0])
    assert location is not None
    assert location.country == "JP"
