"""The loops together, in simulated time: regions die and return, people order, daemons restart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.loops.cycle import recording
from controller.model.health import ProbeOutcome
from controller.model.levers import LeverState
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.loops.simulated import SETTINGS, ZONE, World, groups
from tests.loops.small import events, logged
from tests.loops.watching import (
    CALM,
    WELL_S,
    drain,
    failover_record,
)

pytestmark = pytest.mark.looptime


async def test_a_calm_day_costs_one_listing_a_cycle_and_no_write() -> None:
    """Ten minutes of calm: nothing is written, nothing asked more often than once a cycle."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(600)
        cycles = controller.reconciliation.latest

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

    async with world.running() as controller:
        await asyncio.sleep(60)
        drift = (
            controller.reconciliation.latest.decision.drift
            if controller.reconciliation.latest
            else None
        )

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
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(drain("us-east-1", ttl_s=10))
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
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(drain("us-east-1", ttl_s=600))
        await asyncio.sleep(1)
    async with world.running() as controller:
        await asyncio.sleep(60)
        kept = [o.region for o in controller.overrides.active()]

    assert kept == ["us-east-1"]
    assert world.weights("world")["us-east-1"] == 0


async def test_a_freeze_stops_an_emergency_and_says_what_it_would_do() -> None:
    """Frozen means frozen."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(OverrideRequest(OverrideKind.FREEZE, "ann", "INC-42", 60))
        world.kill("eu-west-1")
        await asyncio.sleep(20)
        frozen = controller.reconciliation.latest
        assert frozen is not None
        writes = list(world.records.writes)
        await asyncio.sleep(60)

    assert writes == []
    assert any(p.withheld for p in frozen.decision.plans)
    assert world.weights("world")["eu-west-1"] == 0


async def test_the_record_has_trigger_writes_and_what_followed() -> None:
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
    assert LeverState(0) in [c.after for w in record.written for c in w.changes]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
async def test_what_was_written_is_read_back_within_the_gap_between_two_cycles(region: str) -> None:
    """Each lever, although nothing else happens and the period is long over it."""
    world, written, read = World(), dict[str, float](), dict[str, list[float]]()

    def noting(port: Any) -> None:
        change, reading = port.change, port.read

        async def noted_change(target: str, *args: Any, **kwargs: Any) -> Any:
            written[target] = world.clock.monotonic()
            return await change(target, *args, **kwargs)

        async def noted_read(target: str) -> Any:
            read.setdefault(target, []).append(world.clock.monotonic())
            return await reading(target)

        port.change, port.read = noted_change, noted_read

    (arn,) = groups(SETTINGS)
    noting(world.records)
    noting(world.accelerators)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S + 3)
        await controller.overrides.add(drain(region, ttl_s=600))
        await asyncio.sleep(5)

    assert set(written) == {ZONE, arn}
    for target, at in written.items():
        later = [one for one in read[target] if one > at]
        assert later[0] - at <= SETTINGS.cycle.min_gap_s + 0.01


async def test_a_decision_that_cannot_be_recorded_is_carried_out_and_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a mistake of ours in its account. Or what was written would never be counted."""

    def mistaken(_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(recording, "expected_effect", mistaken)
    world = World()
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            world.kill("eu-west-1")
            await asyncio.sleep(5)
            drained = controller.snapshots.memory.of("shop").drains
            silent_s = controller.heartbeat.silent_s

    assert world.weights("world")["eu-west-1"] == 0
    assert drained.keys() == {"eu-west-1"}
    assert silent_s <= 5
    assert "record_not_drafted" in events(lines)
    assert "cycle_failed" not in events(lines)
