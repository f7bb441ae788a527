"""A and AAAA records of unequal weights: found so, drained and returned in their ratio."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controller.model.configuration import Settings
from controller.model.errors import StateUnavailableError
from controller.model.levers import Position
from tests.loops.hanging import failing
from tests.loops.simulated import SETTINGS, ZONE, World
from tests.loops.small import events, logged
from tests.loops.watching import WELL_S, drain, drifting, reasons

pytestmark = pytest.mark.looptime

WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
HOLD_S = SETTINGS.guards.drift.hold_s
BACK_S = 45
Weights = dict[str, int | None]


def edit(world: World, region: str, pool: str = "world", **weights: int) -> None:
    """Set the weights of a region's records by type."""
    for record in world.records.stored(ZONE):
        is_own = record.name.startswith(f"{pool}.") and record.set_identifier == region
        if is_own and record.type in weights:
            world.records.put(ZONE, replace(record, weight=weights[record.type]))


def twins(world: World, region: str, pool: str = "world") -> Weights:
    """Record type to weight."""
    return {
        record.type: record.weight
        for record in world.records.stored(ZONE)
        if record.name.startswith(f"{pool}.") and record.set_identifier == region
    }


async def test_unequal_twins_that_are_found_keep_their_ratio() -> None:
    """No drift, no hold and no write while all is calm; equal twins beside them stay equal."""
    world = World()
    edit(world, WEST, AAAA=16)
    before = {region: twins(world, region) for region in (WEST, CENTRAL, EAST)}
    async with world.running() as controller:
        await asyncio.sleep(WELL_S + 2 * HOLD_S)
        assert (drifting(controller), reasons(controller)) == (set(), set())
        assert world.records.writes == []
        (notice,) = controller.observation.observed()["shop"].notices
        for region in (WEST, CENTRAL):
            world.kill(region)
            await asyncio.sleep(10)
            assert twins(world, region) == {"A": 0, "AAAA": 0}
            world.heal(region)
            await asyncio.sleep(BACK_S)
        assert (drifting(controller), reasons(controller)) == (set(), set())

    assert "world.shop.example.test. eu-west-1 have unequal weights: A 64, AAAA 16" in notice
    assert {region: twins(world, region) for region in before} == before


async def test_the_ratio_outlives_a_restart_and_scales_with_the_share() -> None:
    """At every step of the ramp AAAA has a quarter of what A has."""
    world = World()
    edit(world, WEST, AAAA=16)
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill(WEST)
        await asyncio.sleep(10)
    world.heal(WEST)
    async with world.running():
        seen = []
        for _ in range(BACK_S):
            await asyncio.sleep(1)
            seen.append((twins(world, WEST)["A"], twins(world, WEST)["AAAA"]))

    steps = list(dict.fromkeys(seen))
    assert (steps[0], steps[-1]) == ((0, 0), (64, 16))
    assert all(a is not None and aaaa == max(min(a, 1), round(a / 4)) for a, aaaa in steps)


@pytest.mark.parametrize("when", ["running", "stopped"])
async def test_one_twin_changed_by_hand_later_is_drift_and_put_right(when: str) -> None:
    """Also a change while the daemon did not run: it knows what it left there."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        if when == "running":
            edit(world, WEST, AAAA=16)
            await asyncio.sleep(HOLD_S + 1)
            assert drifting(controller) == {Position("shop", "world", WEST)}
    edit(world, WEST, AAAA=16)
    async with world.running():
        await asyncio.sleep(WELL_S + 2 * HOLD_S)

    assert twins(world, WEST) == {"A": 64, "AAAA": 64}


async def test_twins_made_equal_by_hand_are_as_the_record_plan_wants_them() -> None:
    """The old ratio is given up, without drift, and does not come back after a drain."""
    world = World()
    edit(world, WEST, AAAA=16)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        edit(world, WEST, AAAA=64)
        await asyncio.sleep(2 * HOLD_S)
        assert (drifting(controller), reasons(controller)) == (set(), set())
        await controller.overrides.add(drain(WEST, ttl_s=10))
        await asyncio.sleep(BACK_S)

    assert twins(world, WEST) == {"A": 64, "AAAA": 64}


async def test_a_half_closed_position_at_the_start_is_neither_finished_nor_opened() -> None:
    """Nobody knows whether it is meant so: said as a fault, and only an urgent drain goes on."""
    world = World()
    edit(world, WEST, AAAA=0)
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(WELL_S + 2 * HOLD_S)
            assert twins(world, WEST) == {"A": 64, "AAAA": 0}
            assert {reason.value for reason in reasons(controller)} == {"misconfigured"}
            world.kill(WEST)
            await asyncio.sleep(10)
    assert twins(world, WEST) == {"A": 0, "AAAA": 0}
    assert [e for e in events(lines) if e == "misconfigured"] == ["misconfigured"]
    assert "one_way_drain" in events(lines)


def stated(**ratio: int) -> Settings:
    """Settings that state the ratio of eu-west-1 in the pool world."""
    shop = SETTINGS.services["shop"]
    assert shop.levers.route53 is not None
    weights = {"world": {WEST: ratio}} if ratio else {}
    lever = shop.levers.route53.model_copy(update={"weights": weights})
    levers = shop.levers.model_copy(update={"route53": lever})
    services = {**SETTINGS.services, "shop": shop.model_copy(update={"levers": levers})}
    return SETTINGS.model_copy(update={"services": services})


@pytest.mark.parametrize(
    ("others", "ratio", "expected"),
    [
        ({}, {}, {"A": 64, "AAAA": 64}),
        ({CENTRAL: 16, EAST: 32}, {}, {"A": 64, "AAAA": 16}),
        ({CENTRAL: 16}, {"A": 2, "AAAA": 1}, {"A": 64, "AAAA": 32}),
        ({CENTRAL: 16}, {}, {"A": 0, "AAAA": 0}),
    ],
    ids=["equal as planned", "as the others", "as stated", "unknown"],
)
async def test_a_region_that_was_never_seen_open_gets_no_invented_ratio(
    others: dict[str, int], ratio: dict[str, int], expected: Weights
) -> None:
    """Equal twins, or the one ratio of the pool's others; where these differ, one is stated."""
    world = World(stated(**ratio))
    edit(world, WEST, A=0, AAAA=0)
    for region, weight in others.items():
        edit(world, region, AAAA=weight)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S + BACK_S)
        faults = controller.observation.observed()["shop"].misconfigured("world")

    assert twins(world, WEST) == expected
    if expected["A"]:
        assert faults == ()
    else:
        assert "services.shop.levers.route53.weights.world.eu-west-1" in faults[0]


async def test_a_disk_that_fails_is_tried_again_and_holds_nothing() -> None:
    """The ratio stays in memory meanwhile."""
    world = World()
    edit(world, WEST, AAAA=16)
    with logged() as lines:
        async with world.running():
            with failing(world.store, "keep_weights", StateUnavailableError("disk full")):
                await asyncio.sleep(WELL_S)
                world.kill(WEST)
                await asyncio.sleep(5)
                assert twins(world, WEST) == {"A": 0, "AAAA": 0}
            await asyncio.sleep(15)
    kept = await world.store.kept_weights()

    assert "weights_not_durable" in events(lines)
    assert kept[Position("shop", "world", WEST)].weights == {"A": 64, "AAAA": 16}
