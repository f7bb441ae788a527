"""A region that answers, but badly: noticed when it happens, not at the next periodic cycle."""

from __future__ import annotations

import asyncio

import pytest

from tests.loops.probed import FAST, QUICK, Bench, probe
from tests.loops.simulated import SETTINGS, World
from tests.loops.watching import CALM

pytestmark = pytest.mark.looptime

GRAY = {"over_probes": 20, "bad_ratio": 0.1, "slow_factor": 3, "slow_least_s": 0.05}
SELDOM = SETTINGS.model_copy(
    update={
        "cycle": SETTINGS.cycle.model_copy(update={"period_s": 600.0, "observed_max_age_s": 600.0}),
    }
)
"""Cycles ten minutes apart: whatever happens sooner, something woke the loop."""
BASELINE_S = 100


def slow_from_now(world: World, region: str, takes_s: float) -> None:
    for address in world.probes(region):
        world.prober.slow(address, takes_s)


async def test_a_region_that_grows_slow_loses_what_has_no_room_at_once() -> None:
    """A quarter of its capacity is left with the 31st slow probe, and so it moves then."""
    world = World(SELDOM)
    for region in CALM:
        slow_from_now(world, region, 0.01)
    async with world.running() as controller:
        await asyncio.sleep(BASELINE_S)
        slow_from_now(world, "eu-west-1", 0.4)
        await asyncio.sleep(30)
        before = world.weights("world")
        await asyncio.sleep(4)
        after = world.weights("world")
        slow_from_now(world, "eu-west-1", 0.01)
        await asyncio.sleep(60)
        seen = controller.reconciliation.latest

    assert before == CALM
    assert after["eu-west-1"] < after["eu-central-1"]
    assert seen is not None
    assert seen.decision.regions["shop"]["eu-west-1"].degraded < 3, "nor is its recovery waited for"


async def test_every_step_down_and_up_wakes_the_loop_and_nothing_between() -> None:
    """Ten slow answers, then quick ones: two steps down, two up."""
    bench = Bench({}, probing={**FAST, "confirm_gaps_s": [10]}, health={**QUICK, "gray": GRAY})
    bench.prober.slow(probe("a"), 0.01)
    async with bench.running():
        await asyncio.sleep(40)
        bench.wakes.clear()
        bench.prober.slow(probe("a"), 0.5)
        await asyncio.sleep(10)
        down = list(bench.wakes)
        bench.prober.slow(probe("a"), 0.01)
        await asyncio.sleep(60)
        up = bench.wakes[len(down) :]

    # 1 - 0.95**n passes 0.1 with the third and 0.3 with the seventh bad probe
    assert down == [43.5, 47.5]
    assert len(up) == 2
    assert bench.state("a").bad_ratio < 0.05
