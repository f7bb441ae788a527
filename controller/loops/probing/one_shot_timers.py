"""What is due when: one heap behind one alarm, however much there is."""

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
    """Hands out items when they are due, those due first coming first; asleep until `wake`."""

    def __init__(self, clock: Clock, hand_out: Callable[[Item, float, float], None]) -> None:
        """`hand_out(item, due, now)` is called for each."""
        self._hand_out = hand_out
        self._entries: list[tuple[float, int, Item]] = []
        self._numbers = count()
        self._timer = WakeupTimer(clock, self._hand_out_due)

    def add(self, due: float, item: Item) -> None:
        """Enter an item; it is never handed out before this call has returned."""
        heapq.heappush(self._entries, (due, next(self._numbers), item))
        self._timer.set(due)

    def wake(self) -> None:
        """Begin to hand out."""
        self._timer.wake(self._next())

    def sleep(self) -> None:
        """Hand out nothing any more."""
        self._timer.sleep()

    def _next(self) -> float:
        return self._entries[0][0] if self._entries else inf

    def _hand_out_due(self, now: float) -> float:
        while self._next() <= now + ROUNDING_S:
            due, _, item = heapq.heappop(self._entries)
            self._hand_out(item, due, now)
        return self._next()
