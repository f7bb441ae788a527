"""A prober that cannot see, or sees only trouble, moves nothing: the loops together."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.configuration import ReferenceTargets
from controller.model.decision import Hold
from controller.model.health import ProbeOutcome
from tests.loops.probed import KNOWN_BAD, with_known_bad
from tests.loops.simulated import SETTINGS, World
from tests.loops.watching import (
    CALM,
    WELL_S,
    break_network,
    mend_network,
    reasons,
)

pytestmark = pytest.mark.looptime


async def test_everything_failing_at_once_moves_nothing() -> None:
    """With reference targets that answer it is a panic, with some that fail our own blindness."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        for region in CALM:
            world.kill(region)
        await asyncio.sleep(120)
        holds = reasons(controller)

    assert world.records.writes == []
    assert world.accelerators.writes == []
    assert Hold.PANIC in holds


async def test_a_broken_prober_moves_nothing_and_starts_over_when_it_is_mended() -> None:
    """What a blind prober saw is no evidence afterwards either."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        break_network(world)
        await asyncio.sleep(60)
        blind = reasons(controller)
        mend_network(world)
        await asyncio.sleep(60)

    assert Hold.SELF_ISOLATED in blind
    assert world.records.writes == []
    assert world.accelerators.writes == []


async def test_a_prober_that_was_blind_to_some_is_not_believed_when_it_sees_again() -> None:
    """The reference targets are back before the regions were asked anew."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        break_network(world)
        await asyncio.sleep(45)
        world.heal("eu-west-1")
        await asyncio.sleep(15.3)
        mend_network(world)
        await asyncio.sleep(60)

    assert world.records.writes == []
    assert world.accelerators.writes == []


async def test_a_prober_to_which_a_known_bad_target_answers_moves_nothing() -> None:
    """Until it fails again; then everything starts over, and a region that is dead leaves."""
    world = World(with_known_bad(SETTINGS))
    world.prober.answer(KNOWN_BAD, ProbeOutcome.FAILED, "connection refused")
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        calm = reasons(controller)
        world.prober.answer(KNOWN_BAD, ProbeOutcome.PASSED)
        await asyncio.sleep(3)
        lying = reasons(controller)
        world.kill("eu-west-1")
        await asyncio.sleep(60)
        before = [*world.records.writes, *world.accelerators.writes]
        world.prober.answer(KNOWN_BAD, ProbeOutcome.FAILED, "connection refused")
        await asyncio.sleep(60)

    assert calm == set()
    assert lying == {Hold.SELF_ISOLATED}
    assert before == []
    assert world.weights("world") == {**CALM, "eu-west-1": 0}


async def test_a_known_bad_target_that_fails_delays_nothing() -> None:
    """Not even one that is silent: no down vote waits for it."""
    world = World(with_known_bad(SETTINGS))
    world.prober.hang(KNOWN_BAD)
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        await asyncio.sleep(2)

    assert world.weights("world") == {**CALM, "eu-west-1": 0}


@pytest.mark.parametrize("offset_s", [0.1, 0.3, 0.5, 0.7, 0.9])
async def test_without_reference_targets_nothing_moves_either_when_everything_fails(
    offset_s: float,
) -> None:
    """The other endpoints corroborate then, and time alone makes nothing believable."""
    world = World(SETTINGS.model_copy(update={"reference_targets": ReferenceTargets()}))
    async with world.running():
        await asyncio.sleep(WELL_S + offset_s)
        for region in CALM:
            world.kill(region)
        await asyncio.sleep(200)

    assert world.records.writes == []
    assert world.accelerators.writes == []


async def test_without_reference_targets_a_dead_region_leaves_as_fast() -> None:
    """The corroborators are probed at once."""
    world = World(SETTINGS.model_copy(update={"reference_targets": ReferenceTargets()}))
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        await asyncio.sleep(2)

    assert world.weights("world") == {**CALM, "eu-west-1": 0}
