"""The loops together, in simulated time, against a world that can be broken."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controller.model.decision import DecisionRecord, Hold
from controller.model.health import ProbeOutcome
from controller.model.levers import OutcomeStatus, Setting
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.loops.simulated import SETTINGS, ZONE, World

pytestmark = pytest.mark.looptime

CALM = {"eu-west-1": 64, "eu-central-1": 64, "us-east-1": 128}
WELL_S = 20
"""After this long everything is up and the start-up rule satisfied."""


def drain(
    region: str, ttl_s: float = 60, kind: OverrideKind = OverrideKind.DRAIN
) -> OverrideRequest:
    return OverrideRequest(kind, "ann", "INC-42", ttl_s, region)


async def test_a_calm_day_costs_one_listing_a_cycle_and_no_write() -> None:
    """Ten minutes of calm: nothing is written, nothing asked more often than once a cycle."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(600)
        cycles = house.reconciliation.latest

    assert cycles is not None
    assert len(world.records.reads) <= cycles.cycle
    assert cycles.cycle <= 600 / SETTINGS.cycle.period_s + 15
    assert world.records.writes == []
    assert world.accelerators.writes == []


async def test_a_refused_region_is_at_weight_zero_within_a_second() -> None:
    """From the first failed probe to the acknowledged batch, in both pools and behind the dial."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        killed_at = world.clock.monotonic()
        await asyncio.sleep(2)

    first_failure = min(
        at for at, probe in world.prober.asked if at >= killed_at and "10.1" in probe
    )
    assert world.weights("world") == {**CALM, "eu-west-1": 0}
    assert world.weights("europe")["eu-west-1"] == 0
    assert world.dials()["eu-west-1"] == (0.0, 0)
    record = await failover_record(world)
    assert first_failure - killed_at <= SETTINGS.probing.interval_s
    assert [m.name for m in record.timeline][:3] == ["first_failure", "detected", "decided"]
    took = record.timeline[2].at - record.timeline[0].at
    assert took.total_seconds() < 1


async def test_a_silent_region_is_at_weight_zero_within_five_seconds() -> None:
    """Probes that time out take longer than refusals, but not much."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        for probe in world.probes("eu-west-1"):
            world.prober.hang(probe)
        await asyncio.sleep(5)

        assert world.weights("world")["eu-west-1"] == 0


async def test_one_lost_probe_moves_nothing() -> None:
    """A single failure is answered by confirmation probes, and they pass."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.prober.answer_next(world.probes("eu-west-1")[0], ProbeOutcome.FAILED, "lost")
        await asyncio.sleep(30)

    assert world.records.writes == []


async def test_everything_failing_at_once_moves_nothing() -> None:
    """With canaries that answer it is a panic, with canaries that fail our own blindness."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(WELL_S)
        for region in CALM:
            world.kill(region)
        await asyncio.sleep(120)
        holds = reasons(house)

    assert world.records.writes == []
    assert world.accelerators.writes == []
    assert Hold.PANIC in holds


async def test_a_broken_prober_moves_nothing_and_starts_over_when_it_is_mended() -> None:
    """What a blind prober saw is no evidence afterwards either."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(WELL_S)
        break_network(world)
        await asyncio.sleep(60)
        blind = reasons(house)
        mend_network(world)
        await asyncio.sleep(60)

    assert Hold.SELF_ISOLATED in blind
    assert world.records.writes == []
    assert world.accelerators.writes == []


async def test_a_recovered_region_comes_back_in_steps() -> None:
    """Up after five seconds of success, then 25 points every four seconds."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        await asyncio.sleep(10)
        world.heal("eu-west-1")
        await asyncio.sleep(4)
        still_out = world.weights("europe")["eu-west-1"]
        await asyncio.sleep(4)
        first_step = world.weights("europe")
        await asyncio.sleep(20)

    assert still_out == 0
    assert first_step["eu-west-1"] == pytest.approx(first_step["eu-central-1"] / 3, abs=1)
    assert world.weights("europe")["eu-west-1"] == world.weights("europe")["eu-central-1"]
    assert world.dials()["eu-west-1"] == (100.0, 128)


async def test_a_lost_reply_is_read_again_and_neither_doubled_nor_refused() -> None:
    """The batch was applied although nobody said so: the next cycle sees it and is content."""
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


async def test_a_hand_edit_between_reading_and_writing_is_not_trampled() -> None:
    """The compare-and-swap refuses, the edit is seen as drift, and the dead region still leaves."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(WELL_S)
        for twin in world.records.stored(ZONE):
            if twin.name.startswith("world.") and twin.set_identifier == "us-east-1":
                world.records.put(ZONE, replace(twin, weight=200))
        world.kill("eu-west-1")
        await asyncio.sleep(4)
        drift = house.reconciliation.latest.decision.drift if house.reconciliation.latest else {}
        statuses = [w.outcome.status for r in await world.store.records(limit=9) for w in r.written]

    assert world.weights("world")["eu-west-1"] == 0
    assert any(position.region == "us-east-1" for position in drift) or statuses


async def test_drift_is_held_and_then_put_right() -> None:
    """Somebody's change stays for the hold time, is reported, and then our plan is re-asserted."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(WELL_S)
        for twin in world.records.stored(ZONE):
            if twin.name.startswith("world.") and twin.set_identifier == "us-east-1":
                world.records.put(ZONE, replace(twin, weight=10))
        # drift is known only of positions that were set before: set one by draining and back
        await house.overrides.add(drain("eu-west-1", ttl_s=5))
        await asyncio.sleep(60)

    assert world.weights("world")["us-east-1"] != 10


async def test_a_restart_in_the_middle_of_a_failover_changes_nothing_needless() -> None:
    """The process dies after its batch was applied and before it knew; the next one agrees."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.records.trouble.lose_replies = 1
        world.kill("eu-west-1")
        await asyncio.sleep(2)
    before = world.weights("world")
    writes = len(world.records.writes)

    async with world.running() as house:
        await asyncio.sleep(60)
        drift = house.reconciliation.latest.decision.drift if house.reconciliation.latest else None

    assert drift == {}
    assert world.weights("world") == before
    assert len(world.records.writes) == writes


async def test_a_region_that_died_while_the_daemon_was_stopped_is_taken_out_once() -> None:
    """After the start-up rule is satisfied: one batch, and only the dead region's leaves."""
    world = World()
    world.kill("eu-west-1")
    async with world.running():
        await asyncio.sleep(60)

    assert len(world.records.writes) == 1
    assert {c.record.set_identifier for c in world.records.writes[0][1]} == {"eu-west-1"}
    assert {c.weight for c in world.records.writes[0][1]} == {0}


async def test_a_persons_drain_is_obeyed_at_once_and_eased_back_at_its_end() -> None:
    """Drain, expiry, ramp."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(WELL_S)
        await house.overrides.add(drain("us-east-1", ttl_s=10))
        await asyncio.sleep(0.5)
        drained = world.weights("world")
        await asyncio.sleep(10)
        returning = world.weights("world")
        await asyncio.sleep(30)

    assert drained["us-east-1"] == 0
    assert (returning["us-east-1"] or 0) > 0
    assert world.weights("world") == CALM


async def test_an_override_survives_a_restart() -> None:
    """Acknowledged means durable."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(WELL_S)
        await house.overrides.add(drain("us-east-1", ttl_s=600))
        await asyncio.sleep(1)
    async with world.running() as house:
        await asyncio.sleep(60)
        kept = [o.region for o in house.overrides.active()]

    assert kept == ["us-east-1"]
    assert world.weights("world")["us-east-1"] == 0


async def test_a_freeze_stops_an_emergency_and_says_what_it_would_do() -> None:
    """Frozen means frozen."""
    world = World()
    async with world.running() as house:
        await asyncio.sleep(WELL_S)
        await house.overrides.add(OverrideRequest(OverrideKind.FREEZE, "ann", "INC-42", 60))
        world.kill("eu-west-1")
        await asyncio.sleep(20)
        frozen = house.reconciliation.latest
        assert frozen is not None
        writes = list(world.records.writes)
        await asyncio.sleep(60)

    assert writes == []
    assert any(p.withheld for p in frozen.decision.plans)
    assert world.weights("world")["eu-west-1"] == 0


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


async def test_a_store_that_fails_does_not_keep_users_on_a_dead_region() -> None:
    """A full disk is logged; the failover happens."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.store.unavailable = True
        world.kill("eu-west-1")
        await asyncio.sleep(3)

    assert world.weights("world")["eu-west-1"] == 0


async def test_the_record_tells_trigger_writes_and_what_followed() -> None:
    """One record holds the whole story of a failover."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        await asyncio.sleep(10)
    record = await failover_record(world)

    assert any("up → down" in line and "connection refused" in line for line in record.trigger)
    assert "insync" in [m.name for m in record.timeline]
    assert "nobody reports measured traffic" in record.measured_effect
    assert Setting(0) in [c.after for w in record.written for c in w.changes]


async def failover_record(world: World) -> DecisionRecord:
    """The decision that wrote the zone because of a region that is down."""
    return next(
        record
        for record in await world.store.records(limit=50)
        if any(w.lever == "route53" for w in record.written)
        if any(rule.name == "region_down" for plan in record.plans for rule in plan.rules)
    )


def reasons(house: object) -> set[Hold]:
    latest = house.reconciliation.latest  # type: ignore[attr-defined]
    return {held.reason for plan in latest.decision.plans for held in plan.held}


def break_network(world: World) -> None:
    """Every probe of the daemon fails, canaries too."""
    for region in CALM:
        world.kill(region)
    for canary in world.settings.canaries:
        world.prober.answer(canary, ProbeOutcome.FAILED, "network is unreachable")


def mend_network(world: World) -> None:
    for region in CALM:
        world.heal(region)
    for canary in world.settings.canaries:
        world.prober.answer(canary, ProbeOutcome.PASSED, "200")
