"""Whose turn it is: everybody's comes once in an interval, at a phase of its own.

Whoever has the same interval stands in one round, ordered by phase, and one hand moves along all of
them: a turn costs neither a search nor an entry in a queue, and there is one alarm for everybody.
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
    """Hands out items turn after turn; asleep until `wake`."""

    def __init__(self, clock: Clock, hand_out: Callable[[Item], None]) -> None:
        self._clock = clock
        self._hand_out = hand_out
        self._rounds: list[_Round[Item]] = []
        self._timer = WakeupTimer(clock, self._hand_out_due)

    def follow(self, wanted: Iterable[tuple[Item, float, float]]) -> None:
        """Turns for these and nobody else: item, interval in seconds, when its first turn comes.

        An item that has turns already keeps the next one. If its interval becomes shorter, that
        comes one new interval after the last one; where that is over, at its new first turn, so
        that those who waited for long do not all come at once.
        """
        now = self._clock.monotonic()
        known = {item: (due, one.interval_s) for one in self._rounds for item, due in one.dues()}
        entries: defaultdict[float, list[tuple[float, Item]]] = defaultdict(list)
        for item, interval_s, first in wanted:
            due, old_s = known.get(item, (first, interval_s))
            if interval_s < old_s:
                soon = due - old_s + interval_s
                due = min(due, soon if soon >= now else first)
            entries[interval_s].append((due, item))
        self._rounds = [_Round(interval_s, ones) for interval_s, ones in entries.items()]
        self._timer.set(self._next())

    def dues(self) -> Iterator[tuple[Item, float]]:
        """When the next turn of each item comes."""
        for one in self._rounds:
            yield from one.dues()

    def wake(self) -> None:
        """Begin to hand out."""
        self._timer.wake(self._next())

    def sleep(self) -> None:
        """Hand out nothing any more."""
        self._timer.sleep()

    def _next(self) -> float:
        return min((one.next() for one in self._rounds), default=inf)

    def _hand_out_due(self, now: float) -> float:
        hand_out = self._hand_out
        for one in self._rounds:
            for item in one.passed(now + ROUNDING_S):
                hand_out(item)
        return self._next()


class _Round(Generic[Item]):
    """Whoever has turns at one interval, and the hand that moves past them."""

    def __init__(self, interval_s: float, entries: list[tuple[float, Item]]) -> None:
        """`entries`, at least one: when the next turn of each comes."""
        self.interval_s = interval_s
        self._begins = begins = min(due for due, _ in entries)
        """When the hand was, or will be, at phase 0."""
        phased = sorted(
            (((due - begins) % interval_s, item) for due, item in entries),
            key=lambda entry: entry[0],
        )
        self._phases = array("d", (phase for phase, _ in phased))
        self._items = [item for _, item in phased]
        self._hand = 0
        """Who is next."""

    def next(self) -> float:
        """When the next turn comes."""
        if self._hand < len(self._phases):
            return self._begins + self._phases[self._hand]
        return self._begins + self.interval_s + self._phases[0]

    def dues(self) -> Iterator[tuple[Item, float]]:
        """When whose next turn comes."""
        for place, (item, phase) in enumerate(zip(self._items, self._phases, strict=True)):
            passed_s = self.interval_s if place < self._hand else 0.0
            yield item, self._begins + passed_s + phase

    def passed(self, now: float) -> list[Item]:
        """Whose turn has come since the last call: each once, missed turns are skipped."""
        was, items = self._hand, self._items
        rounds = (now - self._begins) // self.interval_s
        if rounds > 0:
            self._begins += rounds * self.interval_s
        self._hand = hand = bisect_right(self._phases, now - self._begins)
        if rounds <= 0:
            return items[was:hand]
        return items[was:] + items[: hand if rounds == 1 and hand < was else was]
