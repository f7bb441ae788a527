"""How much a caller may ask: a token bucket for each caller and each kind of request.

A request from elsewhere is counted on its address, too. On this machine addresses tell nobody
apart, for a proxy may stand there. Callers without a right token are counted on their address alone
and never keep out one who has it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from controller.api.http.problems import ProblemError
from controller.api.http.route import Meter
from controller.model.access import Principal, is_loopback
from controller.model.configuration import ApiLimits
from controller.ports import Clock

_MOST_BUCKETS = 4096
"""Callers remembered; the one not heard of for longest is forgotten, and begins anew."""
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a bucket fills, and how much it holds."""

    per_s: float
    burst: float


STRANGERS = Rate(10 / _MINUTE_S, 10)


class RateLimits:
    """The buckets of all callers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def count(self, meter: Meter, limits: ApiLimits, principal: Principal, address: str) -> None:
        """Count a request. Raises ProblemError 429 when it is too much."""
        rate = _rate(meter, limits)
        callers: list[Hashable] = [(meter, principal.name)]
        if not is_loopback(address):
            callers.append((meter, "from", address))
        self._take(callers, rate, f"{principal.name} asks more than {_shown(rate)}")

    def count_stranger(self, address: str) -> None:
        """Count a caller nobody knows. Raises ProblemError 429 when there were too many."""
        self._take([("stranger", address)], STRANGERS, "too many requests without a right token")

    def _take(self, callers: list[Hashable], rate: Rate, detail: str) -> None:
        """Take one from every caller's bucket, or from none."""
        now = self._clock.monotonic()
        levels = [self._level(caller, rate, now) for caller in callers]
        if min(levels) < 1:
            wait_s = math.ceil((1 - min(levels)) / rate.per_s)
            raise ProblemError(
                429,
                f"{detail}; ask again in {wait_s} s",
                headers={"Retry-After": str(wait_s)},
                more={"retry_after_s": wait_s},
            )
        for caller, level in zip(callers, levels, strict=True):
            self._buckets[caller] = (level - 1, now)
            self._buckets.move_to_end(caller)
        while len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)

    def _level(self, caller: Hashable, rate: Rate, now: float) -> float:
        level, at = self._buckets.get(caller, (rate.burst, now))
        return min(rate.burst, level + (now - at) * rate.per_s)


def _rate(meter: Meter, limits: ApiLimits) -> Rate:
    match meter:
        case Meter.READ:
            return Rate(limits.reads_per_s, limits.reads_burst)
        case Meter.WRITE:
            return Rate(limits.writes_per_min / _MINUTE_S, limits.writes_burst)
        case Meter.MEASUREMENT:
            return Rate(limits.measurements_per_s, limits.measurements_burst)


def _shown(rate: Rate) -> str:
    pace = f"{rate.per_s:g} a second" if rate.per_s > 1 else f"{rate.per_s * _MINUTE_S:g} a minute"
    return f"{pace} ({rate.burst:g} at once)"
