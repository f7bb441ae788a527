"""Faults of regions and of clocks, over hours of simulated time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from controller.model.configuration import Settings
from controller.model.decision import Hold
from controller.model.health import ProbeOutcome
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.loops.simulated import SETTINGS, World
from tests.loops.watching import decided

pytestmark = pytest.mark.looptime
WELL_S = 20
"""After this long everything is up and the start-up rule satisfied."""
DAY_S = 86_400.0
FLAPPING = "eu-west-1"


def careful() -> Settings:
    """The sandbox with production's limits on what the daemon does by itself."""
    limits = {"writes_per_5_min": 10, "auto_drains_per_h": 3}
    guards = SETTINGS.guards.model_copy(update=limits)
    ramp = SETTINGS.ramp.model_copy(update={"step_gap_s": 30.0})
    return SETTINGS.model_copy(update={"guards": guards, "ramp": ramp})


def probed(settings: Settings, interval_s: float) -> Settings:
    """Probed so seldom; a first failure is confirmed as quickly as ever."""
    probing = settings.probing.model_copy(update={"interval_s": interval_s})
    return settings.model_copy(update={"probing": probing})


@pytest.mark.parametrize(
    ("period_s", "interval_s", "most"),
    [(1.5, 1, 4), (4.0, 1, 4), (20.0, 2, 4), (90.0, 5, 4), (270.0, 5, 7), (600.0, 5, 4)],
)
async def test_a_flapping_region_is_drained_a_few_times_an_hour_and_then_kept_out(
    period_s: float, interval_s: float, most: int
) -> None:
    """Four times until flap damping keeps it out, or seven, so seldom that it never does.

    With four ramp steps after each that is twenty batches to a zone, or thirty-five. Probes are as
    frequent as the period needs: they are what an hour costs.
    """
    world = World(probed(careful(), interval_s))
    drains: set[int] = set()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        for _ in range(round(3600 / (2 * period_s))):
            world.kill(FLAPPING)
            await asyncio.sleep(period_s)
            world.heal(FLAPPING)
            await asyncio.sleep(period_s)
        for record in await controller.api_dependencies().store.records(limit=1_000):
            rules = [r for p in record.plans if p.changes for r in p.rules]
            if any(r.name == "region_down" and r.before > 0 and r.after == 0 for r in rules):
                # the zone's part and the accelerator's, a moment apart, are one drain
                drains.add(round(record.at.timestamp() / 10))

    assert 1 <= len(drains) <= most
    assert len(world.records.writes) <= most * 5
    assert len(world.accelerators.writes) <= most * 5


async def test_a_region_that_flaps_faster_than_it_is_trusted_moves_once() -> None:
    """Quick to doubt, slow to trust: five good seconds in a row never come."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        for _ in range(100):
            world.kill(FLAPPING)
            await asyncio.sleep(3)
            world.heal(FLAPPING)
            await asyncio.sleep(3)

    assert len(world.records.writes) == 1
    assert world.weights("world")[FLAPPING] == 0


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S])
async def test_a_stepping_wall_clock_ends_no_override_and_moves_nothing(step_s: float) -> None:
    """Durations are reckoned on the monotonic clock only."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        order = OverrideRequest(OverrideKind.DRAIN, "ann", "INC-42", 600, "us-east-1")
        override = await controller.overrides.add(order)
        await asyncio.sleep(5)
        before = len(world.records.writes), len(world.accelerators.writes)
        world.clock.start += timedelta(seconds=step_s)
        await asyncio.sleep(300)
        still = [o.id for o in controller.overrides.active()]
        after = len(world.records.writes), len(world.accelerators.writes)
        await asyncio.sleep(310)
        ended = [o.id for o in controller.overrides.active()]

    assert still == [override.id]
    assert after == before
    assert ended == []


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S])
async def test_a_stepping_wall_clock_does_not_hinder_a_failover(step_s: float) -> None:
    """Nor the way back."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill(FLAPPING)
        world.clock.start += timedelta(seconds=step_s)
        await asyncio.sleep(2)
        gone = world.weights("world")[FLAPPING]
        world.clock.start -= timedelta(seconds=2 * step_s)
        world.heal(FLAPPING)
        await asyncio.sleep(30)

    assert gone == 0
    assert (world.weights("world")[FLAPPING] or 0) > 0


async def test_all_endpoints_failing_moves_nothing_and_neither_does_their_recovery() -> None:
    """Panic: left to AWS's own checks, in all pools and behind the accelerator."""
    world = World()
    regions = ("eu-west-1", "eu-central-1", "us-east-1")
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        for region in regions:
            world.kill(region)
        await asyncio.sleep(600)
        held = {h.reason for p in decided(controller).plans for h in p.held}
        for region in regions:
            world.heal(region)
        await asyncio.sleep(60)

    assert Hold.PANIC in held
    assert world.records.writes == []
    assert world.accelerators.writes == []


async def test_failing_reference_targets_alone_move_nothing() -> None:
    """A prober that cannot reach what is known to be well believes nothing, not even good news."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        for probe in SETTINGS.reference_targets.known_good:
            world.prober.answer(probe, ProbeOutcome.FAILED, "network is unreachable")
        await asyncio.sleep(60)
        held = {h.reason for p in decided(controller).plans for h in p.held}
        world.kill(FLAPPING)
        await asyncio.sleep(60)

    assert Hold.SELF_ISOLATED in held
    assert world.records.writes == []


async def test_one_failing_reference_target_is_outvoted() -> None:
    """One of three may be down itself; a dead region is still believed."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.prober.answer(
            SETTINGS.reference_targets.known_good[0], ProbeOutcome.FAILED, "connection refused"
        )
        await asyncio.sleep(30)
        world.kill(FLAPPING)
        await asyncio.sleep(3)

    assert world.weights("world")[FLAPPING] == 0
