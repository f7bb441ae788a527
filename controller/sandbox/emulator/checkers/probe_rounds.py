"""Periodic probing with hysteresis, as AWS's health checkers do it.

Route 53's health checkers and Global Accelerator's endpoint checks share it. The clock is a
parameter, so both can be tested without waiting. An opinion changes only after a number of equal
results in a row (developer guides: *FailureThreshold* and *ThresholdCount*, "consecutive health
checks"). Example: with threshold 3, a healthy endpoint is unhealthy after its third failure in a
row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

TICK_S = 0.1
"""Seconds between two searches for due probes."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One checker's opinion, and the number of results in a row that contradicted it."""

    healthy: bool
    contrary_in_row: int = 0

    def advance(self, passed: bool, threshold: int) -> "Opinion":
        """The opinion after one more result; `threshold` results in a row change it."""
        if passed == self.healthy:
            return Opinion(self.healthy)
        if self.contrary_in_row + 1 >= threshold:
            return Opinion(passed)
        return Opinion(self.healthy, self.contrary_in_row + 1)


class ProbeRounds(Generic[K]):
    """Makes probes, each at its interval; the first within one interval after it was added.

    First times are random, because AWS's checkers do not coordinate. At most one probe of a key
    runs at a time; a slow one delays the next.
    """

    def __init__(
        self,
        wanted: Callable[[], Mapping[K, float]],
        probe: Callable[[K], Awaitable[None]],
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        """`wanted` returns the keys to probe with their intervals in seconds, `clock` the time."""
        self._wanted = wanted
        self._probe = probe
        self._clock = clock
        self._rng = rng
        self._due_at: dict[K, float] = {}
        self._under_way: set[K] = set()

    async def run(self) -> None:
        """Probe until cancelled."""
        async with asyncio.TaskGroup() as probes:
            while True:
                for key in self.due():
                    probes.create_task(self.run_probe(key))
                await asyncio.sleep(TICK_S)

    def due(self) -> list[K]:
        """The keys to probe now; the caller must pass each to `run_probe`."""
        intervals_s, now = self._wanted(), self._clock()
        for key in self._due_at.keys() - intervals_s.keys():
            del self._due_at[key]
        for key, interval_s in intervals_s.items():
            if key not in self._due_at:
                self._due_at[key] = now + self._rng.random() * interval_s
        waiting = (key for key in intervals_s if key not in self._under_way)
        ready = [key for key in waiting if self._due_at[key] <= now]
        for key in ready:
            self._due_at[key] = now + intervals_s[key]
        self._under_way.update(ready)
        return ready

    async def run_probe(self, key: K) -> None:
        """Make the probe of a key that was due."""
        try:
            await self._probe(key)
        finally:
            self._under_way.discard(key)
