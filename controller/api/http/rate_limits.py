"""Rate limits: a token bucket for each caller and each class of request.

A request of a remote address takes a token of the address's bucket, too. A loopback address has no
bucket: behind a proxy on this machine it is the same for all callers. A request without a valid
token takes from a bucket of its address alone, so it never limits callers that have a token.

A token of reads stands for 5 ms of the event loop or 64 kB of an answer. What a read took is known
afterwards, so a bucket may go below empty; the caller waits until it has filled again.

Example: a bucket of burst 10 that fills at 2/s lets 10 requests pass at once, then 2 a second.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from controller.api.http.problems import ProblemError
from controller.api.http.route import RateClass
from controller.model.access import Principal, is_loopback
from controller.model.configuration import ApiLimits
from controller.ports import Clock

_MAX_BUCKETS = 4096
"""Buckets kept; beyond that the one not used for longest is dropped, so it is full again."""
_MINUTE_S = 60.0
_CPU_S = 0.005
"""CPU seconds that one token of reads stands for."""
_BYTES = 64 * 1024
"""Bytes of an answer that one token of reads stands for."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: tokens per second at which it fills, and tokens it can hold."""

    per_s: float
    burst: float


UNAUTHENTICATED = Rate(10 / _MINUTE_S, 10)
"""For requests of one address without a valid token."""


class RateLimits:
    """The buckets of all callers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def count(
        self,
        rate_class: RateClass,
        limits: ApiLimits,
        principal: Principal,
        address: str,
        tokens: int = 1,
    ) -> None:
        """Take tokens for a request. Raises ProblemError 429 when there is none; the rest of
        several may be owed."""
        rate = _rate(rate_class, limits)
        buckets = _buckets(rate_class, principal, address)
        detail = f"{principal.name} asks more than {_shown(rate)}"
        if rate_class is RateClass.READ:
            detail += ", where what takes long or is large counts as several"
        self._take(buckets, rate, detail, tokens)

    def charge_read(
        self, limits: ApiLimits, principal: Principal, address: str, cpu_s: float, size: int
    ) -> None:
        """Take what an answered read of so many CPU seconds and bytes cost beyond its token."""
        tokens = max(cpu_s / _CPU_S, size / _BYTES) - 1.0
        if tokens > 0:
            rate, now = _rate(RateClass.READ, limits), self._clock.monotonic()
            for bucket in _buckets(RateClass.READ, principal, address):
                level = max(-rate.burst, self._level(bucket, rate, now) - tokens)
                self._buckets[bucket] = (level, now)

    def count_unauthenticated(self, address: str) -> None:
        """Take a token for a request without a valid token. Raises ProblemError 429."""
        self._take(
            [("unauthenticated", address)],
            UNAUTHENTICATED,
            "too many requests without a right token",
        )

    def _take(self, buckets: list[Hashable], rate: Rate, detail: str, tokens: int = 1) -> None:
        """Take tokens from each of these buckets, or from none. Raises ProblemError 429."""
        now = self._clock.monotonic()
        levels = [self._level(bucket, rate, now) for bucket in buckets]
        if min(levels) < 1:
            wait_s = math.ceil((1 - min(levels)) / rate.per_s)
            raise ProblemError(
                429,
                f"{detail}; ask again in {wait_s} s",
                headers={"Retry-After": str(wait_s)},
                more={"retry_after_s": wait_s},
            )
        for bucket, level in zip(buckets, levels, strict=True):
            self._buckets[bucket] = (max(level - tokens, -rate.burst), now)
            self._buckets.move_to_end(bucket)
        while len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)

    def _level(self, bucket: Hashable, rate: Rate, now: float) -> float:
        """Tokens in the bucket now, `level <= rate.burst`; below 0 they are owed."""
        level, at = self._buckets.get(bucket, (rate.burst, now))
        return min(rate.burst, level + (now - at) * rate.per_s)


def _buckets(rate_class: RateClass, principal: Principal, address: str) -> list[Hashable]:
    buckets: list[Hashable] = [(rate_class, principal.name)]
    if not is_loopback(address):
        buckets.append((rate_class, "from", address))
    return buckets


def _rate(rate_class: RateClass, limits: ApiLimits) -> Rate:
    match rate_class:
        case RateClass.READ:
            return Rate(limits.reads_per_s, limits.reads_burst)
        case RateClass.WRITE:
            return Rate(limits.writes_per_min / _MINUTE_S, limits.writes_burst)
        case RateClass.MEASUREMENT:
            return Rate(limits.measurements_per_s, limits.measurements_burst)


def _shown(rate: Rate) -> str:
    speed = f"{rate.per_s:g} a second" if rate.per_s > 1 else f"{rate.per_s * _MINUTE_S:g} a minute"
    return f"{speed} ({rate.burst:g} at once)"
