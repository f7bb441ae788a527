"""Writes that are lost, refused or overtaken by another writer: the loops together."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.decision import Hold
from controller.model.levers import Outcome, OutcomeStatus, Position
from tests.fakes.methods import Method
from tests.loops.simulated import SETTINGS, World
from tests.loops.watching import (
    CALM,
    WELL_S,
    careful,
    decided,
    drifting,
    edit,
    reasons,
    zone_writes,
)

pytestmark = pytest.mark.looptime


async def test_a_lost_reply_is_read_again_and_neither_doubled_nor_refused() -> None:
    """The batch was applied although its reply was lost: the next cycle observes it and agrees."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.records.trouble.lose_replies = 1
        world.kill("eu-west-1")
        await asyncio.sleep(8)

    outcomes = [w.outcome.status for r in await world.store.records(limit=50) for w in r.written]
    assert len(world.records.writes) == 1
    assert world.weights("world")["eu-west-1"] == 0
    assert OutcomeStatus.UNKNOWN in outcomes
    assert OutcomeStatus.REFUSED not in outcomes


async def test_a_request_that_never_arrived_is_sent_again() -> None:
    """Unknown, read again, still as before: write again."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.records.trouble.lose_requests = 2
        world.kill("eu-west-1")
        await asyncio.sleep(8)

    assert world.weights("world")["eu-west-1"] == 0
    assert len(world.records.writes) == 3


async def test_aws_gone_while_a_region_dies_is_bounded_in_calls_and_applied_on_return() -> None:
    """Writes back off, the plan is visible, and it is carried out when AWS answers again."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.records.trouble.unavailable = True
        world.kill("eu-west-1")
        await asyncio.sleep(60)
        attempts = len(world.records.writes)
        world.records.trouble.unavailable = False
        await asyncio.sleep(15)

    assert attempts <= 15
    assert world.weights("world")["eu-west-1"] == 0


async def test_writes_of_unknown_fate_do_not_use_up_the_allowance() -> None:
    """A minute without AWS: when it returns the failover happens, not five minutes later."""
    world = World(careful(writes_per_5_min=2))
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        world.records.trouble.unavailable = True
        world.accelerators.trouble.unavailable = True
        world.kill("eu-west-1")
        await asyncio.sleep(60)
        meanwhile = reasons(controller)
        world.records.trouble.unavailable = False
        world.accelerators.trouble.unavailable = False
        await asyncio.sleep(15)

    assert Hold.BLAST_RADIUS not in meanwhile
    assert world.weights("world")["eu-west-1"] == 0
    assert world.dials()["eu-west-1"] == (0.0, 0)


async def test_nor_do_those_that_no_cycle_waits_for() -> None:
    """Cycles are requested while Route 53 does not answer: each attempt is still the same write."""
    world = World(careful(writes_per_5_min=2))
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        with Method(world.records.change).replaced(lost_after_4_s):
            for _ in range(60):
                await asyncio.sleep(1)
                controller.reconciliation._wakeup.notify()
            meanwhile = reasons(controller)
        await asyncio.sleep(15)

    assert Hold.BLAST_RADIUS not in meanwhile
    assert world.weights("world")["eu-west-1"] == 0


async def lost_after_4_s(*_: object, **__: object) -> Outcome:
    """Nothing is applied, and Route 53 does not say so."""
    await asyncio.sleep(4)
    return Outcome(OutcomeStatus.UNKNOWN, "no answer within 4 s")


async def test_the_last_drain_allowed_is_carried_out_on_every_lever() -> None:
    """A failover that stopped half-way would be worse than none."""
    world = World(careful(auto_drains_per_h=1))
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.accelerators.trouble.throttle_next = 3
        world.kill("eu-west-1")
        await asyncio.sleep(10)

    assert world.weights("world")["eu-west-1"] == 0
    assert world.dials()["eu-west-1"] == (0.0, 0)


async def test_a_store_that_fails_does_not_keep_users_on_a_dead_region() -> None:
    """A full disk is logged; the failover happens."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.store.unavailable = True
        world.kill("eu-west-1")
        await asyncio.sleep(3)

    assert world.weights("world")["eu-west-1"] == 0


async def test_a_manual_edit_between_reading_and_writing_is_not_overwritten() -> None:
    """The compare-and-swap refuses that pool alone; the edit is seen, then the region leaves."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        edit(world, "world", "eu-west-1", 10)
        world.kill("eu-west-1")
        await asyncio.sleep(4)
    records = [r for r in reversed(await world.store.records(limit=50)) if zone_writes(r)]
    first, second = (zone_writes(record) for record in records)

    assert first == [
        ("refused", ["shop/europe/eu-west-1 64→0", "shop/world/eu-west-1 64→0"]),
        ("applied", ["shop/europe/eu-west-1 64→0"]),
        ("refused", ["shop/world/eu-west-1 64→0"]),
    ]
    assert second == [("applied", ["shop/world/eu-west-1 10→0"])]
    assert "drift: shop/world/eu-west-1: weight 64 expected, weight 10 seen" in records[1].trigger


async def test_a_manual_edit_elsewhere_stands_while_the_dead_region_is_drained() -> None:
    """The emergency does not wait for it, nor touch it; balance is restored after the hold."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        edit(world, "world", "us-east-1", 200)
        world.kill("eu-west-1")
        await asyncio.sleep(2)
        soon, drift = world.weights("world"), drifting(controller)
        await asyncio.sleep(8)
        held = world.weights("world")
        await asyncio.sleep(5)
        later = world.weights("world")

    assert drift == {Position("shop", "world", "us-east-1")}
    assert soon == held == {"eu-west-1": 0, "eu-central-1": 64, "us-east-1": 200}
    assert later == {"eu-west-1": 0, "eu-central-1": 100, "us-east-1": 200}
    statuses = {w.outcome.status for r in await world.store.records(limit=50) for w in r.written}
    assert statuses == {OutcomeStatus.APPLIED}


async def test_drift_is_held_and_then_put_right() -> None:
    """A manual change stays for the hold time, is reported, then our plan returns by steps."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        edit(world, "world", "us-east-1", 10)
        await asyncio.sleep(SETTINGS.cycle.period_s)
        seen, reasons_then = drifting(controller), reasons(controller)
        since = decided(controller).memory.of("shop").drift_since
        (seen_at,) = since.values()
        left_s = seen_at + SETTINGS.guards.drift.hold_s - world.clock.monotonic()
        await asyncio.sleep(left_s - 0.1)
        held, writes = world.weights("world"), len(world.records.writes)
        await asyncio.sleep(0.5)
        first_step = world.weights("world")
        await asyncio.sleep(10)

        assert seen == {Position("shop", "world", "us-east-1")}
        assert Hold.DRIFT in reasons_then
        assert (held, writes) == ({**CALM, "us-east-1": 10}, 0)
        assert first_step == {**CALM, "us-east-1": 61}
        assert world.weights("world") == CALM
        assert drifting(controller) == set()
    assert len(world.records.writes) == 2
