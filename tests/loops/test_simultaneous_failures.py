"""Everything fails at one moment, wherever in their round the probes happen to be."""

from __future__ import annotations

import asyncio

import pytest

from tests.loops.simulated import World

pytestmark = pytest.mark.looptime
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")


@pytest.mark.parametrize("offset_s", [tenth / 10 for tenth in range(10)])
@pytest.mark.parametrize("how", ["refused", "silent", "mixed"])
async def test_nothing_moves_whenever_it_happens(offset_s: float, how: str) -> None:
    """The first region to be asked must not be drained before the others could be."""
    world = World()
    async with world.running():
        await asyncio.sleep(20 + offset_s)
        for number, region in enumerate(REGIONS):
            if how == "silent" or (how == "mixed" and number % 2):
                for probe in world.probes(region):
                    world.prober.hang(probe)
            else:
                world.kill(region)
        await asyncio.sleep(60)

    assert world.records.writes == []
    assert world.accelerators.writes == []


@pytest.mark.parametrize("offset_s", [tenth / 10 for tenth in range(10)])
async def test_two_of_three_regions_at_once_are_left_to_route_53(offset_s: float) -> None:
    """More than half of a service's regions is no failure to believe on one word."""
    world = World()
    async with world.running():
        await asyncio.sleep(20 + offset_s)
        world.kill("eu-west-1")
        world.kill("us-east-1")
        await asyncio.sleep(60)

    assert world.records.writes == []


@pytest.mark.parametrize("offset_s", [tenth / 10 for tenth in range(10)])
async def test_one_region_alone_is_out_within_a_second_of_its_first_failure(
    offset_s: float,
) -> None:
    """Waiting for the other regions' word must not cost what was promised."""
    world = World()
    async with world.running():
        await asyncio.sleep(20 + offset_s)
        killed_at = world.clock.monotonic()
        world.kill("eu-west-1")
        await asyncio.sleep(2.1)
    probe = world.probes("eu-west-1")[0]
    first = min(at for at, asked in world.prober.asked if asked == probe and at >= killed_at)
    written = [r for r in await world.store.records(limit=20) if r.written]
    moments = {m.name: m.at for m in written[-1].timeline}

    assert world.weights("world")["eu-west-1"] == 0
    assert first - killed_at <= 1
    assert (moments["applied"] - moments["first_failure"]).total_seconds() < 1
