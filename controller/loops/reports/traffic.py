"""Users' traffic as reported to `POST /v1/measurements/traffic`, in a sliding window.

It shows whether users followed a decision. It can hold back or undo the return of a region that
fails its users, and behind an accelerator it shows which region is nearest to which users. It never
drains a region, unless that region is on its way back.

A sliding window of counters: requests and errors are added up per position in a ring of buckets of
half a second. Memory and time to read depend on the number of positions, not on how many
applications report how often; a position takes 2 kB. Example: at 10.3 s a window of 2 s reads the
buckets that began at 8.5, 9, 9.5 and 10 s.
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
    """The measured split of every pool; `sum(shares) == 1` where requests were reported.

    A bucket counts while its beginning is younger than the window. So a report counts for the
    window's length or up to BUCKET_S less, never for longer. Callers report positions of the
    settings only; one without a report for KEPT_S is forgotten.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pools: dict[PoolName, dict[str, _Counts]] = {}
        self._tidied_at = clock.monotonic()

    def add(self, measurements: Iterable[Measurement]) -> None:
        """Take one report, as of now."""
        now = self._clock.monotonic()
        bucket = int(now // BUCKET_S)
        for report in measurements:
            regions = self._pools.setdefault((report.service, report.pool), {})
            counts = regions.get(report.region)
            if counts is None:
                counts = regions[report.region] = _Counts()
            counts.add(bucket, report.requests, report.errors)
        if now - self._tidied_at >= KEPT_S:
            self._tidied_at = now
            self._forget_before(bucket - _BUCKETS)

    def begin_anew(self) -> None:
        """Forget all reports."""
        self._pools.clear()

    def split(self, window_s: float) -> Mapping[PoolName, Mapping[str, MeasuredShare]]:
        """Pool to region to its share of the requests of the last `window_s` seconds."""
        splits = {name: self.of_pool(*name, window_s) for name in sorted(self._pools)}
        return {name: regions for name, regions in splits.items() if regions}

    def of_pool(self, service: str, pool: str, window_s: float) -> Mapping[str, MeasuredShare]:
        """Region to its share of one pool's requests; empty when nothing was reported."""
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
        """One region's measured share; None when no request of the pool's users was reported."""
        split = self.of_pool(service, pool, window_s)
        if not any(seen.requests for seen in split.values()):
            return None
        seen = split.get(region)
        return seen.share if seen else 0.0

    def _forget_before(self, bucket: int) -> None:
        for name, regions in list(self._pools.items()):
            left = {region: counts for region, counts in regions.items() if counts.newest > bucket}
            if left:
                self._pools[name] = left
            else:
                del self._pools[name]


class _Counts:
    """Requests and errors of one position: a ring of the newest _BUCKETS buckets."""

    __slots__ = ("errors", "newest", "requests")

    def __init__(self) -> None:
        self.requests = array("q", bytes(8 * _BUCKETS))
        self.errors = array("q", bytes(8 * _BUCKETS))
        self.newest = -_BUCKETS
        """The number of the bucket that was added to last."""

    def add(self, bucket: int, requests: int, errors: int) -> None:
        """Count in this bucket; `bucket >= newest`."""
        for passed in range(max(self.newest + 1, bucket - _BUCKETS + 1), bucket + 1):
            self.requests[passed % _BUCKETS] = self.errors[passed % _BUCKETS] = 0
        self.newest = bucket
        self.requests[bucket % _BUCKETS] += requests
        self.errors[bucket % _BUCKETS] += errors

    def since(self, first: int) -> tuple[int, int]:
        """Requests and errors in this bucket, which must be kept still, and all later ones."""
        begin = first % _BUCKETS
        end = self.newest % _BUCKETS + 1
        if begin < end:
            return sum(self.requests[begin:end]), sum(self.errors[begin:end])
        return (
            sum(self.requests[begin:]) + sum(self.requests[:end]),
            sum(self.errors[begin:]) + sum(self.errors[:end]),
        )
