"""Timers that fire once: a binary heap of due times behind one timer of the event loop."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Generic, TypeVar

from controller.loops.probing.wakeup_timer import ROUNDING_S, WakeupTimer
from controller.ports import Clock

Item = TypeVar("Item")


class OneShotTimers(Generic[Item]):
    """Fires each item once, in the order of due times; idle until `start`."""

    def __init__(self, clock: Clock, fire: Callable[[Item, float, float], None]) -> None:
        """`fire(item, due, now)` is called for each item."""
        self._fire = fire
        self._entries: list[tuple[float, int, Item]] = []
        self._numbers = count()
        self._timer = WakeupTimer(clock, self._fire_due)

    def add(self, due: float, item: Item) -> None:
        """Fire `item` at `due` (monotonic seconds); never before this call has returned."""
        heapq.heappush(self._entries, (due, next(self._numbers), item))
        self._timer.set(due)

    def start(self) -> None:
        """Begin to fire."""
        self._timer.start(self._next())

    def stop(self) -> None:
        """Fire no more."""
        self._timer.stop()

    def _next(self) -> float:
        return self._entries[0][0] if self._entries else inf

    def _fire_due(self, now: float) -> float:
        while self._next() <= now + ROUNDING_S:
            due, _, item = heapq.heappop(self._entries)
            self._fire(item, due, now)
        return self._next()
