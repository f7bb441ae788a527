"""What the daemon remembers follows the settings that a reload puts in their place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from controller.composition import Controller
from controller.loops.reload.reload import ReloadRefusedError
from controller.model.configuration import Settings
from controller.model.levers import Position
from tests.loops.simulated import SETTINGS, ZONE, World
from tests.loops.test_reload import File, edited

pytestmark = pytest.mark.looptime
GONE = "eu-central-1"


def without(service: str, region: str) -> Settings:
    """The sandbox's settings without one region of a service."""

    def edit(data: dict[str, Any]) -> None:
        one = data["services"][service]
        del one["regions"][region]
        for pool in one["pools"].values():
            pool["regions"] = [name for name in pool["regions"] if name != region]
            pool["latency_ms"].pop(region, None)
        nearest = (one["levers"]["accelerator"] or {}).get("nearest", {})
        nearest.pop(region, None)

    return edited(edit)


async def reloaded(controller: Controller, file: File, settings: Settings) -> None:
    """Accepted, whatever moves."""
    file.settings = settings
    try:
        await controller.reload.reload("ann")
    except ReloadRefusedError as error:
        await controller.reload.reload("ann", error.proposal.hash)


def drift(controller: Controller) -> dict[Position, str]:
    latest = controller.reconciliation.latest
    return {} if latest is None else dict(latest.decision.drift)


async def test_what_became_of_a_region_while_it_was_not_steered_is_no_drift() -> None:
    """It left and came back; whatever weight it has by then is where its steps begin."""
    world, file = World(), File()
    async with file.running(world) as controller:
        await reloaded(controller, file, without("shop", GONE))
        await asyncio.sleep(30)
        expected_meanwhile = {p.region for p in controller.expectations.all if p.service == "shop"}
        stored_meanwhile = {p.region for p in await world.store.expected() if p.service == "shop"}
        for record in world.records.stored(ZONE):
            if record.set_identifier == GONE:
                world.records.put(ZONE, replace(record, weight=7))
        await asyncio.sleep(15)
        await reloaded(controller, file, SETTINGS)
        seen = []
        for _ in range(30):
            await asyncio.sleep(2)
            seen.append(drift(controller))

    assert GONE not in expected_meanwhile | stored_meanwhile
    assert seen == [{}] * 30


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
async def test_a_region_behind_an_accelerator_may_go_and_come_back(region: str) -> None:
    """Cycles go on, of all services: a region that dies meanwhile leaves."""
    world, file = World(), File()
    async with file.running(world) as controller:
        await reloaded(controller, file, without("api", region))
        await asyncio.sleep(10)
        latest = controller.reconciliation.latest
        assert latest is not None
        undecided = dict(latest.decision.undecided)
        await reloaded(controller, file, SETTINGS)
        await asyncio.sleep(10)
        world.kill("eu-west-1")
        await asyncio.sleep(5)
        latest = controller.reconciliation.latest

    assert latest is not None
    assert (undecided, dict(latest.decision.undecided)) == ({}, {})
    assert world.weights("world")["eu-west-1"] == 0
    assert world.dials()["eu-west-1"] == (0, 0)


async def test_who_is_nearest_is_taken_over_from_the_settings() -> None:
    """What was learned under the old ones is forgotten with them."""
    world, file = World(), File()
    async with file.running(world) as controller:
        before = dict(controller.snapshots.memory.of("api").nearest)

        def nearer(data: dict[str, Any]) -> None:
            lever = data["services"]["api"]["levers"]["accelerator"]
            lever["nearest"] = {"eu-west-1": 1.0, "us-east-1": 9.0}

        await reloaded(controller, file, edited(nearer))
        await asyncio.sleep(15)
        after = dict(controller.snapshots.memory.of("api").nearest)

    assert before["us-east-1"] < 0.9
    assert after["us-east-1"] == pytest.approx(0.9)
