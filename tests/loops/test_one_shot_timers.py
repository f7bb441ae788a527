"""What is due when."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.probing.one_shot_timers import OneShotTimers
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime


class Noted:
    """An agenda of names, and when each was handed out."""

    def __init__(self) -> None:
        self.handed_out: list[tuple[str, float]] = []
        self.timers: OneShotTimers[str] = OneShotTimers(FakeClock(), self._fire)

    def _fire(self, name: str, due: float, now: float) -> None:
        self.handed_out.append((name, round(now, 3)))


async def test_items_come_when_they_are_due_whatever_the_order_of_entering() -> None:
    """An earlier one moves the alarm forward."""
    noted = Noted()
    noted.timers.start()
    for due, name in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        noted.timers.add(due, name)
    await asyncio.sleep(2.5)
    noted.timers.add(2.6, "late")
    await asyncio.sleep(1)

    assert noted.handed_out == [("a", 1), ("b", 2), ("late", 2.6), ("c", 3)]


async def test_nothing_is_handed_out_before_waking_and_after_falling_asleep() -> None:
    """What was due meanwhile comes at once, those due first coming first."""
    noted = Noted()
    noted.timers.add(1.0, "a")
    noted.timers.add(0.5, "b")
    await asyncio.sleep(2)
    assert noted.handed_out == []
    noted.timers.start()
    await asyncio.sleep(0.1)
    assert noted.handed_out == [("b", 2), ("a", 2)]
    noted.timers.add(3.0, "c")
    noted.timers.stop()
    await asyncio.sleep(5)
    assert len(noted.handed_out) == 2


async def test_what_is_due_within_a_millisecond_comes_together() -> None:
    """Thousands of items a second must not ring thousands of alarms; none comes early."""
    noted = Noted()
    for number in range(10):
        noted.timers.add(1 + number * 0.0001, str(number))
    noted.timers.start()
    await asyncio.sleep(2)

    assert [name for name, _ in noted.handed_out] == [str(number) for number in range(10)]
    assert len({at for _, at in noted.handed_out}) == 2
