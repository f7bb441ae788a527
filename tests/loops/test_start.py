"""A start on a state file that hangs: the daemon comes up, and holds all until it is read."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.decision import Hold
from controller.model.errors import StateUnavailableError
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from tests.fakes.methods import Method
from tests.loops.hanging import failing, hanging
from tests.loops.simulated import World
from tests.loops.small import events, logged
from tests.loops.watching import CALM, WELL_S, drain, edit, reasons

pytestmark = pytest.mark.looptime
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ann", "INC-42", 6000)


@pytest.mark.parametrize("method", ["overrides", "expected", "kept_weights"])
async def test_until_earlier_orders_are_read_nothing_moves_and_it_says_so(method: str) -> None:
    """Not even a region that died: a freeze may be among them."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(FREEZE)
    with hanging(world.store, method, 60):
        began = world.clock.monotonic()
        async with world.running() as controller:
            came_up_s = world.clock.monotonic() - began
            await asyncio.sleep(WELL_S)
            world.kill("eu-west-1")
            await asyncio.sleep(10)
            held, unread = reasons(controller), controller.snapshots.unread
            latest = controller.reconciliation.latest
            if method == "overrides":
                with pytest.raises(StateUnavailableError):
                    await controller.overrides.add(drain("us-east-1"))
            await asyncio.sleep(30)
            assert controller.snapshots.unread is None
            assert [o.kind for o in controller.overrides.active()] == [OverrideKind.FREEZE]
            await controller.overrides.withdraw(1, "ann")
            await asyncio.sleep(1)

    assert came_up_s <= 5
    assert unread == "the state file with earlier orders has not been read yet"
    assert held == {Hold.STATE_UNREAD}
    assert latest is not None
    assert {h.detail for p in latest.decision.plans for h in p.held} == {unread}
    assert len(world.records.writes) == 1, "only once the freeze was withdrawn"
    assert world.weights("world")["eu-west-1"] == 0


async def test_a_store_that_fails_at_the_start_refuses_it() -> None:
    """As it answers, there is no need to wait: the service manager tries again."""
    world = World()
    error = StateUnavailableError("disk I/O error")
    with failing(world.store, "overrides", error), pytest.raises(StateUnavailableError):
        async with world.running():
            raise AssertionError("it must not come up")


async def test_a_store_that_hung_and_then_fails_is_asked_again() -> None:
    """Every second, until it answers."""
    world = World()
    error = StateUnavailableError("disk I/O error")

    async def hang_and_fail() -> tuple[Override, ...]:
        await asyncio.sleep(20)
        raise error

    async def fail() -> tuple[Override, ...]:
        raise error

    method = Method(world.store.overrides)
    method.replace(hang_and_fail)
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(10)
            method.replace(fail)
            await asyncio.sleep(10)
            meanwhile = controller.snapshots.unread
            method.restore()
            await asyncio.sleep(3)
            assert controller.snapshots.unread is None
    assert meanwhile is not None
    assert events(lines).count("state_not_read") > 3


async def test_what_an_earlier_process_expected_is_not_forgotten_meanwhile() -> None:
    """A weight was changed while no daemon ran: that is drift, not the first sight of it."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
    edit(world, "world", "us-east-1", 10)
    with hanging(world.store, "expected", 30):
        async with world.running() as controller:
            await asyncio.sleep(30)
            latest = controller.reconciliation.latest

    assert latest is not None
    assert [position.region for position in latest.decision.drift] == ["us-east-1"]
    assert world.weights("world") == {**CALM, "us-east-1": 10}
