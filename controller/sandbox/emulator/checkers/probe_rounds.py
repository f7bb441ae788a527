"""Regular probing, as every health checker of AWS does it: when to ask, and when to believe.

Shared by Route 53's health checkers and Global Accelerator's endpoint checks. The clock is passed
in, so both can be tested without waiting. An opinion changes only after a number of equal results
in a row (developer guides: *FailureThreshold* and *ThresholdCount*, "consecutive health checks").
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

TICK_S = 0.1
"""How often it is looked what is due."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one checker believes, and how many results in a row have contradicted it."""

    healthy: bool
    contrary: int = 0

    def advance(self, passed: bool, threshold: int) -> "Opinion":
        """The opinion after one more result."""
        if passed == self.healthy:
            return Opinion(self.healthy)
        if self.contrary + 1 >= threshold:
            return Opinion(passed)
        return Opinion(self.healthy, self.contrary + 1)


class ProbeRounds(Generic[K]):
    """Makes probes, each at its own interval, first within one interval of being wanted.

    First times are drawn at random, since AWS's checkers do not coordinate. At most one probe of a
    key is under way; a slow one delays its next.
    """

    def __init__(
        self,
        wanted: Callable[[], Mapping[K, float]],
        probe: Callable[[K], Awaitable[None]],
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        """`wanted` tells the keys to probe with their intervals in seconds, `clock` the time."""
        self._wanted = wanted
        self._probe = probe
        self._clock = clock
        self._rng = rng
        self._next_at: dict[K, float] = {}
        self._under_way: set[K] = set()

    async def run(self) -> None:
        """Probe until cancelled."""
        async with asyncio.TaskGroup() as probes:
            while True:
                for key in self.due():
                    probes.create_task(self.make(key))
                await asyncio.sleep(TICK_S)

    def due(self) -> list[K]:
        """The keys to probe now; each must later be passed to `make`."""
        intervals_s, now = self._wanted(), self._clock()
        for key in self._next_at.keys() - intervals_s.keys():
            del self._next_at[key]
        for key, interval_s in intervals_s.items():
            if key not in self._next_at:
                self._next_at[key] = now + self._rng.random() * interval_s
        waiting = (key for key in intervals_s if key not in self._under_way)
        ready = [key for key in waiting if self._next_at[key] <= now]
        for key in ready:
            self._next_at[key] = now + intervals_s[key]
        self._under_way.update(ready)
        return ready

    async def make(self, key: K) -> None:
        """Make the probe of a key that was due."""
        try:
            await self._probe(key)
        finally:
            self._under_way.discard(key)
