"""Regular probing, as every health checker of AWS does it: when to ask, and when to believe.

Shared by Route 53's health checkers and Global Accelerator's endpoint checks. Time is passed in,
so both can be tested without waiting. An opinion changes only after a number of equal results in a
row (developer guides: *FailureThreshold* and *ThresholdCount*, "consecutive health checks").
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


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
    """Which probes are due: each at its own interval, first within one interval of being wanted.

    First times are drawn at random, since AWS's checkers do not coordinate. At most one probe of a
    key is under way; a slow one delays its next.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._next_at: dict[K, float] = {}
        self._under_way: set[K] = set()

    def due(self, intervals_s: Mapping[K, float], now: float) -> list[K]:
        """The wanted keys to probe now; each must later be passed to `finished`."""
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

    def finished(self, key: K) -> None:
        """The probe of `key` has ended, one way or another."""
        self._under_way.discard(key)
