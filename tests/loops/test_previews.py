"""What begins another state, and how old a preview may become within one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from controller.composition import Controller
from controller.loops.cycle import previews
from controller.model.configuration import Settings
from controller.model.decision import Decision, Hold, Snapshot
from controller.model.health import ProbeOutcome, Verdict
from controller.model.levers import Position
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.planning.decision import decide
from tests.loops.simulated import SETTINGS, ZONE, World

pytestmark = pytest.mark.looptime

WEST = "eu-west-1"
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ann", "launch", ttl_s=3600.0)
RARELY: Settings = SETTINGS.model_copy(
    update={"cycle": SETTINGS.cycle.model_copy(update={"period_s": 1000.0})}
)
"""Cycles come on a wake-up, and otherwise rarely: a preview may become old."""


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    """What previews decided on."""
    made: list[Snapshot] = []

    def counting(snapshot: Snapshot) -> Decision:
        made.append(snapshot)
        return decide(snapshot)

    monkeypatch.setattr(previews, "decide", counting)
    return made


@asynccontextmanager
async def calm(settings: Settings = RARELY) -> AsyncIterator[tuple[World, Controller]]:
    """A daemon whose regions are up and whose guards of the start are over."""
    world = World(settings)
    async with world.running() as controller:
        await asyncio.sleep(settings.guards.startup_data_s + 60)
        yield world, controller


async def test_within_one_state_a_preview_is_the_same_object(decided: list[Snapshot]) -> None:
    """However long, up to a period of cycles, endpoints answering all the time."""
    async with calm() as (_, controller):
        one = controller.previews.present()
        await asyncio.sleep(900)
        assert controller.previews.present() is one

    assert len(decided) == 1


async def test_no_preview_is_older_than_a_period_of_cycles(decided: list[Snapshot]) -> None:
    """Whatever the state leaves out is seen then."""
    async with calm() as (_, controller), controller.reconciliation.paused():  # as if a write hung
        one = controller.previews.present()
        await asyncio.sleep(999.9)
        assert controller.previews.present() is one
        await asyncio.sleep(0.2)
        assert controller.previews.present() is not one

    assert decided[1].now - decided[0].now == pytest.approx(1000, abs=0.2)


async def passes(happened: Callable[[], bool]) -> None:
    """Return within a hundredth of a second of its happening; fail after ten."""
    for _ in range(1000):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it has not happened")


async def reading(world: World, controller: Controller) -> None:
    """An operator edits a weight, and it is read."""
    record = next(r for r in world.records.stored(ZONE) if r.set_identifier == WEST)
    world.records.put(ZONE, replace(record, weight=1))
    await controller.observation.refresh(0)


async def suspicion(world: World, controller: Controller) -> None:
    """One endpoint fails once: no verdict has changed."""
    probe = world.probes(WEST)[0]
    world.prober.answer(probe, ProbeOutcome.FAILED, "connection refused")
    await passes(lambda: any(s.suspect for s in controller.probing.health.values()))
    states = controller.probing.health.values()
    assert not any(state.verdict is Verdict.DOWN for state in states)


async def verdict(world: World, controller: Controller) -> None:
    """A region dies."""
    world.kill(WEST)
    await passes(lambda: any(s.verdict is Verdict.DOWN for s in controller.probing.health.values()))


async def demand(_world: World, controller: Controller) -> None:
    """A pool's demand is reported."""
    controller.figures.report_demand("shop", "europe", 5000.0)


async def distance(_world: World, controller: Controller) -> None:
    """A pool's latency is reported."""
    controller.figures.report_latency(Position("shop", "europe", WEST), 35.0)


async def settings(_world: World, controller: Controller) -> None:
    """A reload, between its swap and the next cycle."""
    changed = {"guards": RARELY.guards.model_copy(update={"auto_drains_per_h": 7})}
    controller.active_settings.swap(RARELY.model_copy(update=changed))


async def order(_world: World, controller: Controller) -> None:
    """A freeze."""
    await controller.overrides.add(FREEZE)


async def cycle(_world: World, controller: Controller) -> None:
    """A cycle ends."""
    await controller.reconciliation.reconcile()


async def blindness(_world: World, controller: Controller) -> None:
    """What was seen is forgotten."""
    controller.probing.reset()


CHANGES = (reading, suspicion, verdict, demand, distance, settings, order, cycle, blindness)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_whatever_a_decision_rests_on_begins_another_state(
    decided: list[Snapshot], change: Callable[[World, Controller], Awaitable[None]]
) -> None:
    """Seen at once, before any cycle has seen it, and once."""
    async with calm() as (world, controller):
        one = controller.previews.present()
        await change(world, controller)
        two = controller.previews.present()
        three = controller.previews.present()

    assert two is three is not one
    assert len(decided) == 2


async def test_what_time_alone_changes_is_seen_when_it_changes() -> None:
    """The guard of the start ends without a cycle, an order or a probe."""
    guards = SETTINGS.guards.model_copy(update={"startup_data_s": 300.0})
    world = World(RARELY.model_copy(update={"guards": guards}))
    drain = OverrideRequest(OverrideKind.DRAIN, "ann", "INC-42", 3600.0, region=WEST)
    async with world.running() as controller:
        await asyncio.sleep(60)
        (override,) = supposed = (await controller.overrides.add(drain),)
        await controller.overrides.withdraw(override.id, "ann")
        await asyncio.sleep(60)
        async with controller.reconciliation.paused():
            first = controller.previews.under(supposed)
            await asyncio.sleep(170)
            second = controller.previews.under(supposed)
            await asyncio.sleep(20)
            third = controller.previews.under(supposed)

    assert first is second
    assert [reasons(one) for one in (second, third)] == [{Hold.STARTUP}, set()]


def reasons(preview: previews.Preview) -> set[Hold]:
    """What the preview holds."""
    return {held.reason for plan in preview.evidence.decision.plans for held in plan.held}


async def test_of_many_previews_the_last_few_are_kept(decided: list[Snapshot]) -> None:
    """A caller who previews all day does not fill the memory; one in use stays."""
    async with calm() as (_, controller):
        given = await controller.overrides.add(FREEZE)
        await controller.overrides.withdraw(given.id, "ann")
        await asyncio.sleep(60)
        wanted = [(replace(given, reason=f"reason {n}"),) for n in range(20)]
        present = controller.previews.present()
        for one in wanted:
            controller.previews.under(one)
            assert controller.previews.present() is present
        assert len(decided) == 21
        controller.previews.under(wanted[-1])
        assert len(decided) == 21
        controller.previews.under(wanted[0])
        assert len(decided) == 22
