"""When each monitor probes: once in an interval, at a phase that it keeps.

A timing wheel: for each interval one array of phases, sorted, and an index into it that moves past
what is due. A scheduled probe costs neither a search nor an entry in a queue, and one timer of the
event loop serves all wheels.

Example: three items with an interval of 4 s and phases 0, 1 and 3 s; the wheel's rotation began at
100 s. At 101.5 s the items of phases 0 and 1 fire and the index is 2; the next time is 103 s. If
the timer fires only at 105.2 s, a new rotation began at 104 s: the item of phase 3 fires, then
those of phases 0 and 1. If it fires only at 120 s, each item still fires once: missed times are
skipped.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Generic, TypeVar

from controller.loops.probing.wakeup_timer import ROUNDING_S, WakeupTimer
from controller.ports import Clock

Item = TypeVar("Item")


class ProbeSchedule(Generic[Item]):
    """Fires each item once in its interval; idle until `start`."""

    def __init__(self, clock: Clock, fire: Callable[[Item], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._wheels: list[_Wheel[Item]] = []
        self._timer = WakeupTimer(clock, self._fire_due)

    def replace(self, entries: Iterable[tuple[Item, float, float]]) -> None:
        """Schedule these items and no others: item, interval in seconds, first time.

        An item that is scheduled already keeps its next time. If its interval becomes shorter, it
        fires one new interval after it last did; where that is past, at its new first time, so that
        items that waited for long do not all fire at once.
        """
        now = self._clock.monotonic()
        known = {
            item: (due, wheel.interval_s)
            for wheel in self._wheels
            for item, due in wheel.next_times()
        }
        by_interval: defaultdict[float, list[tuple[float, Item]]] = defaultdict(list)
        for item, interval_s, first in entries:
            due, old_s = known.get(item, (first, interval_s))
            if interval_s < old_s:
                soon = due - old_s + interval_s
                due = min(due, soon if soon >= now else first)
            by_interval[interval_s].append((due, item))
        self._wheels = [_Wheel(interval_s, dues) for interval_s, dues in by_interval.items()]
        self._timer.set(self._next())

    def next_times(self) -> Iterator[tuple[Item, float]]:
        """Each item and when it fires next."""
        for wheel in self._wheels:
            yield from wheel.next_times()

    def start(self) -> None:
        """Begin to fire."""
        self._timer.start(self._next())

    def stop(self) -> None:
        """Fire no more."""
        self._timer.stop()

    def _next(self) -> float:
        return min((wheel.next() for wheel in self._wheels), default=inf)

    def _fire_due(self, now: float) -> float:
        fire = self._fire
        for wheel in self._wheels:
            for item in wheel.advance(now + ROUNDING_S):
                fire(item)
        return self._next()


class _Wheel(Generic[Item]):
    """The items of one interval, sorted by phase, and the index of the next one.

    `0 <= phase < interval_s` for each; `0 <= index <= len(phases)`.
    """

    def __init__(self, interval_s: float, dues: list[tuple[float, Item]]) -> None:
        """`dues`, at least one: when each item fires next."""
        self.interval_s = interval_s
        self._begins = begins = min(due for due, _ in dues)
        """When the present rotation is, or will be, at phase 0."""
        phased = sorted(
            (((due - begins) % interval_s, item) for due, item in dues),
            key=lambda entry: entry[0],
        )
        self._phases = array("d", (phase for phase, _ in phased))
        self._items = [item for _, item in phased]
        self._index = 0
        """Of the item that fires next."""

    def next(self) -> float:
        """When the next item fires."""
        if self._index < len(self._phases):
            return self._begins + self._phases[self._index]
        return self._begins + self.interval_s + self._phases[0]

    def next_times(self) -> Iterator[tuple[Item, float]]:
        """Each item and when it fires next."""
        for index, (item, phase) in enumerate(zip(self._items, self._phases, strict=True)):
            passed_s = self.interval_s if index < self._index else 0.0
            yield item, self._begins + passed_s + phase

    def advance(self, now: float) -> list[Item]:
        """The items due since the last call, each once; missed times are skipped."""
        before, items = self._index, self._items
        rotations = (now - self._begins) // self.interval_s
        if rotations > 0:
            self._begins += rotations * self.interval_s
        self._index = index = bisect_right(self._phases, now - self._begins)
        if rotations <= 0:
            return items[before:index]
        return items[before:] + items[: index if rotations == 1 and index < before else before]
