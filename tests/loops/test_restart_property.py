"""For any history, once each endpoint was asked again, decisions equal those without the restart.

Except what the start-up guard holds, and at most the last step that was not saved yet: what a
process decides in a few seconds is compared, whichever moment of them either is at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace

import looptime
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.composition import Controller
from controller.model.decision import Decision, Hold
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.planning.account.digest import digest
from tests.loops.simulated import SETTINGS, World
from tests.loops.watching import CALM, WELL_S, careful, edit

ASKED_S = 2.0
"""By then each endpoint was asked again."""
COMPARED_S = 4.0
BLIP_S = 4.0
GUARDED_S = SETTINGS.guards.startup_data_s + 1.0
"""Nothing happens for so long after a restart: what the start-up guard holds may differ."""
READ_S = SETTINGS.cycle.observed_max_age_s + 1.0
HELD_S = SETTINGS.guards.drift.hold_s + 1.0
_REGION = st.sampled_from(sorted(CALM))
_KINDS = st.sampled_from(["kill", "heal", *["blip"] * 3, "drain", "pin", "edit", "demand"])


@dataclass(frozen=True)
class Event:
    """What happens, and how long nothing else does afterwards."""

    kind: str
    region: str
    wait_s: float


EVENTS = st.lists(
    st.builds(Event, _KINDS, _REGION, st.sampled_from([0.3, 1.1, 3.0, 7.0, 20.0, 45.0])),
    min_size=1,
    max_size=6,
)


def timed(events: list[Event]) -> list[Event]:
    """The events, each manual edit with the time in which it is read and put right: a start reads
    sooner than a calm daemon would, and what it finds first may be another edit."""
    return [
        replace(event, wait_s=max(event.wait_s, READ_S + HELD_S)) if event.kind == "edit" else event
        for event in events
    ]


async def happen(event: Event, world: World, controller: Controller) -> None:
    """One event, and the time after it."""
    match event.kind:
        case "kill":
            world.kill(event.region)
        case "heal":
            world.heal(event.region)
        case "blip":
            world.kill(event.region)
            await asyncio.sleep(BLIP_S)
            world.heal(event.region)
        case "drain":
            order = OverrideRequest(OverrideKind.DRAIN, "ann", "INC-42", 30, event.region)
            await controller.overrides.add(order)
        case "pin":
            order = OverrideRequest(OverrideKind.PIN, "ann", "INC-42", 600, event.region)
            await controller.overrides.add(replace(order, share=0.3))
        case "edit":
            edit(world, "world", event.region, 77)
        case "demand":
            controller.figures.report_demand("shop", "world", 500.0)
    await asyncio.sleep(event.wait_s)


async def life(events: list[Event], split: int, boots_at: float | None) -> set[str]:
    """What is decided in the seconds that are compared. Killed after so many events and started
    anew when the monotonic clock shows `boots_at`; None: not killed."""
    world = World(careful(auto_drains_per_h=1, startup_data_s=0))
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        for event in events[:split]:
            await happen(event, world, controller)
        if boots_at is None:
            await asyncio.sleep(GUARDED_S)
            for event in events[split:]:
                await happen(event, world, controller)
            return await decided(world, controller)
        world.store.unavailable = True
    world.store.unavailable = False
    world.clock.boot(boots_at)
    async with world.running() as controller:
        await asyncio.sleep(GUARDED_S)
        for event in events[split:]:
            await happen(event, world, controller)
        return await decided(world, controller)


async def decided(world: World, controller: Controller) -> set[str]:
    """Digests of what is decided, and how the levers stand, without what the start-up holds."""
    await asyncio.sleep(ASKED_S)
    found = set[str]()
    for _ in range(int(COMPARED_S / 0.5)):
        latest = controller.reconciliation.latest
        assert latest is not None
        if not holds_start_up(latest.decision):
            weights = [world.weights(pool) for pool in ("world", "europe")]
            found.add(f"{digest(latest.decision)} {weights} {world.dials()}")
        await asyncio.sleep(0.5)
    return found


def in_simulated_time(main: Coroutine[None, None, set[str]]) -> set[str]:
    """Its result, in a loop of its own whose time begins at 0."""
    loop = looptime.new_event_loop(start=0, idle_timeout=None, noop_cycles=0)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)


def holds_start_up(decision: Decision) -> bool:
    return any(h.reason is Hold.STARTUP for plan in decision.plans for h in plan.held)


@settings(parent=settings(), max_examples=max(3, settings().max_examples // 100))
@given(EVENTS, st.integers(0, 5), st.sampled_from([0.0, 1e6]))
def test_a_restart_changes_no_decision(
    events: list[Event], restart_after: int, boots_at: float
) -> None:
    """Killed after any event, on a machine that booted or not."""
    split = min(restart_after, len(events))
    calm = in_simulated_time(life(timed(events), split, None))
    restarted = in_simulated_time(life(timed(events), split, boots_at))

    assert not restarted or calm & restarted, f"{calm}\n{restarted}"
