"""What only informs may fail in any way: steering goes on, and it shows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.loops.alarms.contradiction import ContradictionAlarm
from controller.loops.alarms.overload import OverloadAlarm
from controller.loops.alarms.residency import ResidencyAlarm
from controller.loops.event_stream import EventStream
from controller.loops.levers.follow_up import FollowUp
from controller.loops.process.audit_head import AuditHead
from controller.loops.reload.reload import Reload
from controller.loops.second_opinion.dns_sampling import DnsSampling
from controller.loops.second_opinion.health_checks import HealthCheckOpinions
from tests.loops.hanging import failing
from tests.loops.simulated import World
from tests.loops.watching import CALM, WELL_S, drain

pytestmark = pytest.mark.looptime

LOOPS = {
    "check_opinions": HealthCheckOpinions,
    "answered": DnsSampling,
    "follow_up": FollowUp,
    "live": EventStream,
    "audit_head": AuditHead,
    "reload": Reload,
}
LISTENERS = {
    "live_cycles": (EventStream, "on_cycle"),
    "live_records": (EventStream, "on_record"),
    "live_overrides": (EventStream, "on_override"),
    "follow_up_begin": (FollowUp, "follow"),
    "residency_alarm": (ResidencyAlarm, "on_cycle"),
    "check_opinions_follow": (HealthCheckOpinions, "on_cycle"),
    "check_opinions_latest": (HealthCheckOpinions, "latest"),
    "answered_follow": (DnsSampling, "on_cycle"),
    "answered_latest": (DnsSampling, "latest"),
    "contradiction_alarm": (ContradictionAlarm, "on_cycle"),
    "overload_alarm": (OverloadAlarm, "on_cycle"),
}


async def broken(*_args: Any, **_kwargs: Any) -> None:
    raise KeyError("a mistake of ours")


def raising(*_args: Any, **_kwargs: Any) -> Any:
    raise KeyError("a mistake of ours")


@pytest.mark.parametrize("name", LOOPS)
async def test_an_advisory_loop_that_fails_ends_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The region is drained, the metric and the status say which loop fails."""
    monkeypatch.setattr(LOOPS[name], "run", broken)
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        await asyncio.sleep(3)
        assert set(controller.supervision.failing) == {name}
        sample = controller.api_dependencies().metrics.registry.get_sample_value
        assert sample("gtc_advisory_failing", {"part": name}) == 1
        assert (sample("gtc_advisory_failures_total", {"part": name}) or 0) >= 3

    assert world.weights("world") == {**CALM, "eu-west-1": 0}


@pytest.mark.parametrize("name", LISTENERS)
async def test_a_listener_that_fails_hides_no_other_ones_news(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cycles are counted, events told, orders acknowledged; only that listener is missing."""
    monkeypatch.setattr(*LISTENERS[name], raising)
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(drain("us-east-1", ttl_s=600))
        world.kill("eu-west-1")
        await asyncio.sleep(20)
        latest = controller.reconciliation.latest
        assert latest is not None
        sample = controller.api_dependencies().metrics.registry.get_sample_value
        assert sample("gtc_cycles_total") == latest.cycle
        assert set(controller.supervision.failing) <= {name}
        assert (sample("gtc_advisory_failures_total", {"part": name}) or 0) >= 1
        assert controller.event_stream.recent(1) or name == "live_cycles"

    assert world.weights("world")["eu-west-1"] == 0


async def test_one_write_that_cannot_be_followed_leaves_the_others_alone() -> None:
    """Behind the accelerator a mistake of ours; the zone is followed to INSYNC."""
    world = World()
    async with world.running() as controller:
        with failing(world.accelerators, "is_deployed", KeyError("a mistake of ours")):
            await asyncio.sleep(WELL_S)
            world.kill("eu-west-1")
            await asyncio.sleep(10)
        assert controller.supervision.failing == {}
        moments = [m.name for r in await world.store.records(limit=50) for m in r.timeline]

    assert "insync" in moments
    assert "deployed" not in moments
