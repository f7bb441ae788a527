"""One-shot timers: order, start and stop, and few timers of the event loop."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.probing.one_shot_timers import OneShotTimers
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime


class Noted:
    """Timers for names, and when each fired."""

    def __init__(self) -> None:
        self.fired: list[tuple[str, float]] = []
        self.timers: OneShotTimers[str] = OneShotTimers(FakeClock(), self._fire)

    def _fire(self, name: str, due: float, now: float) -> None:
        self.fired.append((name, round(now, 3)))


async def test_items_fire_when_they_are_due_whatever_the_order_of_adding() -> None:
    """An earlier item moves the event loop's timer forward."""
    noted = Noted()
    noted.timers.start()
    for due, name in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        noted.timers.add(due, name)
    await asyncio.sleep(2.5)
    noted.timers.add(2.6, "late")
    await asyncio.sleep(1)

    assert noted.fired == [("a", 1), ("b", 2), ("late", 2.6), ("c", 3)]


async def test_nothing_fires_before_the_start_and_after_the_stop() -> None:
    """Items due before the start fire at once, in the order of due times."""
    noted = Noted()
    noted.timers.add(1.0, "a")
    noted.timers.add(0.5, "b")
    await asyncio.sleep(2)
    assert noted.fired == []
    noted.timers.start()
    await asyncio.sleep(0.1)
    assert noted.fired == [("b", 2), ("a", 2)]
    noted.timers.add(3.0, "c")
    noted.timers.stop()
    await asyncio.sleep(5)
    assert len(noted.fired) == 2


async def test_items_due_within_a_millisecond_fire_together() -> None:
    """Thousands of items a second must not take thousands of timers; none fires early."""
    noted = Noted()
    for number in range(10):
        noted.timers.add(1 + number * 0.0001, str(number))
    noted.timers.start()
    await asyncio.sleep(2)

    assert [name for name, _ in noted.fired] == [str(number) for number in range(10)]
    assert len({at for _, at in noted.fired}) == 2
