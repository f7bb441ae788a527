"""Nothing that hangs keeps users on a region that dies meanwhile: one case for each wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from controller.composition import Controller
from controller.model.errors import StateUnavailableError
from controller.model.levers import OutcomeStatus
from controller.model.overrides import OverrideKind
from tests.loops.hanging import hanging
from tests.loops.simulated import SETTINGS, World
from tests.loops.small import events, logged
from tests.loops.test_reload import File, edited
from tests.loops.watching import WELL_S, drain

pytestmark = pytest.mark.looptime

OUT_S = 1.0 + sum(SETTINGS.probing.confirm_gaps_s) + SETTINGS.probing.interval_s
"""A region that refuses is out within a second, and the time that its probes take."""


@asynccontextmanager
async def returning(world: World, **options: Any) -> AsyncIterator[Controller]:
    """The loops, while eu-west-1 has steps to go on its way back: calm writes are pending."""
    async with world.running(**options) as controller:
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        await asyncio.sleep(10)
        world.heal("eu-west-1")
        await asyncio.sleep(4)
        yield controller


async def out_after(world: World, region: str, is_out: Any = None) -> float:
    """Seconds until a region that dies now has no weight any more; 60 s are enough."""
    world.kill(region)
    since = world.clock.monotonic()
    is_out = is_out or (lambda: world.weights("world")[region] == 0)
    for _ in range(1200):
        if is_out():
            break
        await asyncio.sleep(0.05)
    return world.clock.monotonic() - since


@pytest.mark.parametrize("method", ["expect", "add_record", "update_record"])
async def test_a_disk_that_hangs_while_a_calm_step_is_pending(method: str) -> None:
    """Whatever the disk is asked: the next emergency does not wait for it."""
    world = World()
    async with returning(world):
        with hanging(world.store, method):
            await asyncio.sleep(6)
            took_s = await out_after(world, "us-east-1")

    assert took_s <= OUT_S


async def test_a_disk_that_hangs_for_an_hour_stops_no_cycle() -> None:
    """However many cycles wait to be kept: the newest are, the others are told to be lost."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        with hanging(world.store, "add_record"), logged() as lines:
            for _ in range(120):
                order = await controller.overrides.add(drain("us-east-1"))
                await asyncio.sleep(1)
                await controller.overrides.withdraw(order.id, "ann")
                await asyncio.sleep(1)
            before = controller.reconciliation.latest
            took_s = await out_after(world, "eu-west-1")
            unrecorded = controller.reconciliation.unrecorded
            await asyncio.sleep(1)
            counted = controller.api_dependencies().metrics.registry.get_sample_value(
                "gtc_cycles_total"
            )

    assert before is not None
    assert took_s <= OUT_S
    assert unrecorded is not None
    assert "no answer" in unrecorded
    assert counted is not None
    assert counted >= before.cycle, "listeners are told, whatever the disk does"
    assert "record_given_up" in events(lines)


@pytest.mark.parametrize("method", ["audit", "add_record", "expect"])
async def test_a_disk_that_hangs_during_a_reload(method: str) -> None:
    """The reload is refused, or it waits; the failover does not wait for the reload."""
    world, file = World(), File()
    file.settings = edited(lambda data: data["cycle"].update(period_s=5))
    async with file.running(world) as controller:
        await controller.overrides.add(drain("eu-central-1"))
        with hanging(world.store, method):
            reload = asyncio.create_task(controller.reload.reload("ann"))
            await asyncio.sleep(0.5)
            took_s = await out_after(world, "us-east-1")
            await asyncio.wait({reload}, timeout=30)
            ended = reload.done()
        reload.cancel()
        result = (await asyncio.gather(reload, return_exceptions=True))[0]
        settings = controller.api_dependencies().settings

    assert took_s <= OUT_S
    assert ended, "a reload ends, one way or the other"
    if method == "audit":
        assert isinstance(result, StateUnavailableError)
        assert "nothing has changed" in str(result)
        assert settings is SETTINGS
    else:
        assert settings is file.settings


async def test_a_write_that_hangs_delays_no_drain_on_another_lever() -> None:
    """The zone does not answer to a calm step; behind the accelerator a region dies."""
    world = World()
    async with returning(world):
        with hanging(world.records, "change"):
            await asyncio.sleep(6)
            took_s = await out_after(
                world, "us-east-1", lambda: world.dials()["us-east-1"] == (0.0, 0)
            )
            assert world.records.writes == [] or world.weights("world")["us-east-1"] != 0

    assert took_s <= OUT_S


async def test_a_group_that_hangs_delays_no_drain_on_another_lever() -> None:
    """The other way round."""
    world = World()
    async with returning(world):
        with hanging(world.accelerators, "change"):
            await asyncio.sleep(6)
            took_s = await out_after(world, "us-east-1")

    assert took_s <= OUT_S


async def test_a_reading_that_hangs_is_waited_for_once() -> None:
    """Not in every cycle again, nor where it was never read before."""
    world = World()
    with hanging(world.accelerators, "read"):
        async with world.running():
            await asyncio.sleep(WELL_S)
            took_s = await out_after(world, "us-east-1")

    assert took_s <= OUT_S


async def test_while_a_write_is_read_back_slowly_it_is_not_repeated_and_others_go_on() -> None:
    """A large zone takes seconds to list: what was sent is not sent again meanwhile."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        with hanging(world.records, "read", 5):
            world.kill("eu-west-1")
            await asyncio.sleep(2.5)
            assert world.weights("world")["eu-west-1"] == 0
            await controller.overrides.add(drain("eu-central-1", 600, OverrideKind.FAILOVER))
            await asyncio.sleep(0.5)
            assert world.weights("world")["eu-central-1"] == 0, "it does not wait for the listing"
            await asyncio.sleep(30)
    records = await world.store.records(limit=50)
    statuses = [w.outcome.status for r in records for w in r.written if w.lever == "route53"]

    assert statuses == [OutcomeStatus.APPLIED] * 2
    assert len(world.records.writes) == 2
