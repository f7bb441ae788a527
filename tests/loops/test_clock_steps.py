"""A wall clock that is set is noticed, and told of for a day."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from controller.loops.process.clock_steps import CHECK_EVERY_S, ClockSteps
from tests.fakes.clock import FakeClock
from tests.loops.small import events, in_background, logged

pytestmark = pytest.mark.looptime
DAY_S = 86_400


@pytest.mark.parametrize("by_s", [-365 * DAY_S, -3600, -11, 11, 3600, 365 * DAY_S])
async def test_a_step_is_noticed_once(by_s: float) -> None:
    """With its size, its direction and the new time."""
    clock = FakeClock()
    steps = ClockSteps(clock)
    with logged() as lines:
        async with in_background(steps.run()):
            await asyncio.sleep(25)
            before = steps.last
            clock.start += timedelta(seconds=by_s)
            await asyncio.sleep(CHECK_EVERY_S + 0.1)
            step = steps.last
            await asyncio.sleep(100)
    assert before is None
    assert step is not None
    assert step.by_s == pytest.approx(by_s)
    assert abs(step.at - clock.wall()) < timedelta(seconds=120)
    assert events(lines) == ["clock_stepped"]


async def test_slow_corrections_and_a_suspended_machine_are_no_steps() -> None:
    """A clock that is corrected by a second in ten is right in the end."""
    clock = FakeClock()
    steps = ClockSteps(clock)
    async with in_background(steps.run()):
        for _ in range(100):
            clock.start += timedelta(seconds=1)
            await asyncio.sleep(CHECK_EVERY_S)
        clock.suspend(5000)
        await asyncio.sleep(CHECK_EVERY_S + 0.1)
        assert steps.last is None


async def test_a_step_is_told_of_for_a_day() -> None:
    """And the next one instead of it."""
    clock = FakeClock()
    steps = ClockSteps(clock)
    async with in_background(steps.run()):
        clock.start += timedelta(days=1)
        await asyncio.sleep(DAY_S / 2)
        clock.start -= timedelta(days=1)
        await asyncio.sleep(CHECK_EVERY_S + 0.1)
        second = steps.last
        await asyncio.sleep(DAY_S - 60)
        still = steps.last
        await asyncio.sleep(61)
        assert steps.last is None
    assert second is not None
    assert second.by_s == pytest.approx(-DAY_S)
    assert still == second
