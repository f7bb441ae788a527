"""Long computations: in slices, once for all who ask, and not for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from math import inf

import pytest

from controller.loops.sliced import SlicedComputation, Wanted
from controller.loops.steering_first import SteeringFirst
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime
SLICES = 5
CALM = SteeringFirst(FakeClock(), lambda: -inf)


class Slow:
    """A computation whose slices take a second each, and how often it was begun and went on."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.steps = 0
        self.key = "now"
        self.clock = FakeClock()
        self.computation = SlicedComputation[str](self.clock, CALM)

    def slices(self) -> Generator[str, None, None]:
        key = self.key
        self.begun.append(key)
        for number in range(SLICES):
            self.steps += 1
            yield f"{key} {number}"

    async def until_step(self, number: int) -> None:
        for _ in range(1000):
            if self.steps >= number:
                return
            await asyncio.sleep(0)
        raise AssertionError("it does not go on")

    async def ask(self) -> tuple[str, ...]:
        return await self.computation.result(lambda: Wanted(self.key, self.slices))


def parts(key: str) -> tuple[str, ...]:
    return tuple(f"{key} {number}" for number in range(SLICES))


async def test_it_is_computed_once_for_all_who_ask_meanwhile_and_later() -> None:
    """However many."""
    slow = Slow()
    found = await asyncio.gather(*(slow.ask() for _ in range(20)))
    assert set(found) == {parts("now")}
    assert await slow.ask() == parts("now")
    assert slow.begun == ["now"]


async def test_everything_else_runs_between_slices() -> None:
    """At least once after each."""
    slow, turns = Slow(), 0
    asking = asyncio.ensure_future(slow.ask())
    while not asking.done():
        before = slow.steps
        await asyncio.sleep(0)
        turns += 1
        assert slow.steps - before <= 1
    assert turns >= SLICES


async def test_what_nobody_waits_for_any_more_is_given_up() -> None:
    """When the last client leaves, and not before."""
    slow = Slow()
    first, second = (asyncio.ensure_future(slow.ask()) for _ in range(2))
    await slow.until_step(1)
    first.cancel()
    await slow.until_step(2)
    second.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert slow.steps <= 3 < SLICES
    assert await slow.ask() == parts("now")
    assert slow.begun == ["now", "now"]


async def test_another_state_waits_for_its_turn_and_gets_its_own() -> None:
    """One at a time; the one that waits sees what is wanted by then."""
    slow = Slow()
    first = asyncio.ensure_future(slow.ask())
    await slow.until_step(1)
    slow.key = "later"
    second = asyncio.ensure_future(slow.ask())
    await asyncio.sleep(0)
    assert slow.begun == ["now"]
    assert await first == parts("now")
    assert await second == parts("later")


async def test_whoever_waits_for_its_turn_keeps_no_other_state_alive() -> None:
    """The first computation ends with its last client, and the next begins at once."""
    slow = Slow()
    first = asyncio.ensure_future(slow.ask())
    await slow.until_step(1)
    slow.key = "later"
    second = asyncio.ensure_future(slow.ask())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == parts("later")
    assert slow.steps < 2 * SLICES


async def test_one_that_fails_fails_for_those_who_wait_and_is_begun_anew() -> None:
    """It is not kept."""
    slow = Slow()

    def failing() -> Generator[str, None, None]:
        yield "one"
        raise RuntimeError("no")

    asking = [slow.computation.result(lambda: Wanted("x", failing)) for _ in range(2)]
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(one) for one in found] == ["no", "no"]
    assert await slow.ask() == parts("now")
