"""Nothing in the daemon grows with time: a day of flapping, and every collection is measured.

Everything that the loops reach is walked, so that a collection added later is measured too. The
few that fill up to a bound of their own are named with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from controller.composition import Controller
from controller.loops import event_stream
from controller.loops.process import heartbeat
from controller.model.configuration import AnswerSettings, Settings
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.model.traffic import Measurement
from tests.loops.simulated import SETTINGS, ZONE, World

HOUR_S = 3600.0
FULL = {
    "event_stream._kept": event_stream.MAX_EVENTS,
    "reconciliation._recording._open": 100,
    "follow_up._recording._open": 100,
}
"""What fills up, and to where."""
_DEEPEST = 12

SLOW: Settings = SETTINGS.model_copy(
    update={
        "answers": AnswerSettings(subnets={"country:DE": "192.0.2.0/24"}, interval_s=60.0, asks=1),
        "probing": SETTINGS.probing.model_copy(
            update={
                "interval_s": 20.0,
                "deadline_s": 5.0,
                "confirm_gaps_s": (1.0,),
                "fresh_for_s": 60.0,
            }
        ),
        "cycle": SETTINGS.cycle.model_copy(update={"period_s": 60.0, "observed_max_age_s": 60.0}),
    }
)
"""A day of it in seconds."""


@pytest.mark.looptime
@pytest.mark.timeout(170)
@pytest.mark.slow
async def test_a_day_of_flapping_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes after two hours are the sizes after twenty-four, or below their bound."""
    monkeypatch.setattr(heartbeat, "SAMPLE_S", 60.0)
    world = World(SLOW)
    async with world.running() as controller:
        for hour in range(2):
            await a_busy_hour(world, controller, hour)
        early = dict(sizes(controller))
        for hour in range(2, 24):
            await a_busy_hour(world, controller, hour)
        late = dict(sizes(controller))

    grown = {
        name: f"{early.get(name, 0)} → {size}"
        for name, size in late.items()
        if size > max(early.get(name, 0), _bound(name))
    }
    assert grown == {}
    assert len(late) > 20, "the walk has lost its way"
    assert len(await world.store.records(limit=10_000)) > 100, "it was a calm day"


def _bound(name: str) -> int:
    """What is small may vary with what happens to be under way."""
    return next((bound for tail, bound in FULL.items() if name.endswith(tail)), 16)


async def a_busy_hour(world: World, controller: Controller, hour: int) -> None:
    """A region flaps, operators give orders, one edits the zone, users report."""
    for quarter in range(4):
        region = ("eu-west-1", "us-east-1")[quarter % 2]
        world.kill(region)
        await a_while(controller, 300)
        world.heal(region)
        if quarter == 1:
            await controller.overrides.add(
                OverrideRequest(OverrideKind.DRAIN, "ana", f"hour {hour}", 60.0, "eu-central-1")
            )
        if quarter == 2:
            leaf = world.records.stored(ZONE)[hour % 4]
            world.records.put(ZONE, replace(leaf, weight=hour + 1))
        await a_while(controller, 600)


async def a_while(controller: Controller, seconds: int) -> None:
    """Seconds pass; in the last minute of them users report every second."""
    await asyncio.sleep(seconds - 60)
    for _ in range(60):
        controller.traffic.add([Measurement("shop", "europe", "eu-west-1", 10, 0)])
        controller.figures.report_demand("shop", "europe", 10)
        await asyncio.sleep(1)


def sizes(controller: Controller) -> Iterator[tuple[str, int]]:
    """Path to length of every collection that the loops reach."""
    seen: set[int] = set()
    yield from _walk(controller, "", seen, 0)


def _walk(value: Any, path: str, seen: set[int], depth: int) -> Iterator[tuple[str, int]]:
    if id(value) in seen or depth > _DEEPEST or isinstance(value, str | bytes | int | float):
        return
    seen.add(id(value))
    if isinstance(value, asyncio.Queue):
        yield path, value.qsize()
    elif isinstance(value, Mapping | list | tuple | set | frozenset | deque):
        yield path, len(value)
        items = list(value.values()) if isinstance(value, Mapping) else list(value)
        for item in items[:1]:
            yield from _walk(item, f"{path}[]", seen, depth + 1)
    elif type(value).__module__.startswith("controller."):
        for name, attribute in _attributes(value):
            yield from _walk(attribute, f"{path}.{name}", seen, depth + 1)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value):
        yield from ((f.name, getattr(value, f.name)) for f in fields(value))
    elif hasattr(value, "__dict__"):
        yield from list(vars(value).items())
    else:
        slots: tuple[str, ...] = type(value).__slots__
        yield from ((name, getattr(value, name)) for name in slots if hasattr(value, name))
