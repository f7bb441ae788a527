"""What users do, as reported to `POST /v1/measurements/traffic`, in a sliding window.

Measurements are what a decision's effect is held against: they tell whether users followed it, and
they can hold back or undo the return of a region that fails them, and behind an accelerator they
teach who is nearest to whom. They never empty a region that serves, unless it is on its way back.

Reports are added up as they come, place by place, in buckets of half a second: memory and time to
read depend on the number of places, not on how many report how often. A place takes 2 kB.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

from controller.model.decision import PoolName
from controller.model.traffic import MeasuredShare, Measurement
from controller.ports import Clock

BUCKET_S = 0.5
KEPT_S = 60.0
_BUCKETS = int(KEPT_S / BUCKET_S)


class TrafficReports:
    """The measured split of every pool.

    A bucket counts as long as its beginning is younger than the window. So a report counts for the
    window's length or up to BUCKET_S less, never for longer. Callers name places of the settings
    only; a place of which nothing came for KEPT_S is forgotten.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pools: dict[PoolName, dict[str, _Counts]] = {}
        self._tidied_at = clock.monotonic()

    def add(self, measurements: Iterable[Measurement]) -> None:
        """Take one report, as of now."""
        now = self._clock.monotonic()
        bucket = int(now // BUCKET_S)
        for one in measurements:
            regions = self._pools.setdefault((one.service, one.pool), {})
            counts = regions.get(one.region)
            if counts is None:
                counts = regions[one.region] = _Counts()
            counts.add(bucket, one.requests, one.errors)
        if now - self._tidied_at >= KEPT_S:
            self._tidied_at = now
            self._forget_before(bucket - _BUCKETS)

    def split(self, window_s: float) -> Mapping[PoolName, Mapping[str, MeasuredShare]]:
        """(service, pool) to region to its part of the requests of the last `window_s` seconds."""
        splits = {place: self.of_pool(*place, window_s) for place in sorted(self._pools)}
        return {place: regions for place, regions in splits.items() if regions}

    def of_pool(self, service: str, pool: str, window_s: float) -> Mapping[str, MeasuredShare]:
        """Region to its part of one pool's requests; empty when nothing was reported."""
        now = self._clock.monotonic()
        first = int((now - min(window_s, KEPT_S)) // BUCKET_S) + 1
        regions = self._pools.get((service, pool), {})
        counted = {
            region: counts.since(first)
            for region, counts in sorted(regions.items())
            if counts.newest >= first
        }
        total = sum(requests for requests, _ in counted.values())
        return {
            region: MeasuredShare(requests, errors, requests / total if total else 0.0)
            for region, (requests, errors) in counted.items()
        }

    def share(self, service: str, pool: str, region: str, window_s: float) -> float | None:
        """One region's measured part; None when no request of the pool's users was reported."""
        split = self.of_pool(service, pool, window_s)
        if not any(seen.requests for seen in split.values()):
            return None
        seen = split.get(region)
        return seen.share if seen else 0.0

    def _forget_before(self, bucket: int) -> None:
        for place, regions in list(self._pools.items()):
            left = {region: one for region, one in regions.items() if one.newest > bucket}
            if left:
                self._pools[place] = left
            else:
                del self._pools[place]


class _Counts:
    """Requests and errors of one place, in the newest _BUCKETS buckets of time."""

    __slots__ = ("errors", "newest", "requests")

    def __init__(self) -> None:
        self.requests = array("q", bytes(8 * _BUCKETS))
        self.errors = array("q", bytes(8 * _BUCKETS))
        self.newest = -_BUCKETS
        """The bucket that was added to last."""

    def add(self, bucket: int, requests: int, errors: int) -> None:
        """Count in this bucket, never an earlier one than before."""
        for passed in range(max(self.newest + 1, bucket - _BUCKETS + 1), bucket + 1):
            self.requests[passed % _BUCKETS] = self.errors[passed % _BUCKETS] = 0
        self.newest = bucket
        self.requests[bucket % _BUCKETS] += requests
        self.errors[bucket % _BUCKETS] += errors

    def since(self, first: int) -> tuple[int, int]:
        """Requests and errors in this bucket and all later ones; it is one that is kept."""
        begin = first % _BUCKETS
        end = self.newest % _BUCKETS + 1
        if begin < end:
            return sum(self.requests[begin:end]), sum(self.errors[begin:end])
        return (
            sum(self.requests[begin:]) + sum(self.requests[:end]),
            sum(self.errors[begin:]) + sum(self.errors[:end]),
        )
