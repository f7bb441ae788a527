"""What is due when: one heap behind one alarm, however much there is."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Generic, TypeVar

from controller.ports import Alarm, Clock

GRAIN_S = 0.001
"""What is due within this time is handed out together: an alarm for each would cost more."""
_ROUNDING_S = 1e-6
Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Hands out items when they are due, those due first coming first; asleep until `wake`."""

    def __init__(
        self, clock: Clock, hand_out: Callable[[Item, float, float], float | None]
    ) -> None:
        """`hand_out(item, due, now)` says when the item is due again; None: not any more."""
        self._clock = clock
        self._hand_out = hand_out
        self._entries: list[tuple[float, int, Item]] = []
        self._numbers = count()
        self._alarm: Alarm | None = None
        self._alarm_at = -inf
        """When the alarm rings; `-inf` while nobody needs to set it."""

    def add(self, due: float, item: Item) -> None:
        """Enter an item; it is never handed out before this call has returned."""
        heapq.heappush(self._entries, (due, next(self._numbers), item))
        if due < self._alarm_at:
            self._set_alarm(due)

    def wake(self) -> None:
        """Begin to hand out."""
        self._alarm_at = inf
        if self._entries:
            self._set_alarm(self._entries[0][0])

    def sleep(self) -> None:
        """Hand out nothing any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = None, -inf

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._clock.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, -inf
        now, entries = self._clock.monotonic(), self._entries
        while entries and entries[0][0] <= now + _ROUNDING_S:
            due, number, item = entries[0]
            again = self._hand_out(item, due, now)
            # What was entered meanwhile is due later, or has a higher number: ours is still first.
            if again is None:
                heapq.heappop(entries)
            else:
                heapq.heapreplace(entries, (again, number, item))
        self._alarm_at = inf
        if entries:
            self._set_alarm(max(entries[0][0], now + GRAIN_S))
