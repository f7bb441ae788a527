"""What users do, as reported to `POST /v1/measurements/traffic`, in a sliding window.

Measurements are what a decision's effect is held against: they tell whether users followed it, and
they can hold back or undo the return of a region that fails them, and behind an accelerator they
teach who is nearest to whom. They never empty a region that serves, unless it is on its way back.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from controller.model.traffic import MeasuredShare, Measurement
from controller.ports import Clock

_KEPT_S = 60.0
_KEPT_REPORTS = 6_000
"""Bounds memory however fast someone reports: a hundred reporters once a second, for a minute."""


class Traffic:
    """The measured split of every pool."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reports: deque[tuple[float, tuple[Measurement, ...]]] = deque(maxlen=_KEPT_REPORTS)

    def add(self, measurements: Iterable[Measurement]) -> None:
        """Take one report, as of now."""
        now = self._clock.monotonic()
        self._reports.append((now, tuple(measurements)))
        while self._reports and now - self._reports[0][0] > _KEPT_S:
            self._reports.popleft()

    def split(self, window_s: float) -> Mapping[tuple[str, str], Mapping[str, MeasuredShare]]:
        """(service, pool) to region to its part of the requests of the last `window_s` seconds."""
        since = self._clock.monotonic() - window_s
        requests: Counter[tuple[str, str, str]] = Counter()
        errors: Counter[tuple[str, str, str]] = Counter()
        for at, report in self._reports:
            if at <= since:
                continue
            for m in report:
                requests[(m.service, m.pool, m.region)] += m.requests
                errors[(m.service, m.pool, m.region)] += m.errors
        totals: Counter[tuple[str, str]] = Counter()
        for (service, pool, _), count in requests.items():
            totals[(service, pool)] += count
        found: dict[tuple[str, str], dict[str, MeasuredShare]] = {}
        for key, count in sorted(requests.items()):
            total = totals[key[:2]]
            share = count / total if total else 0.0
            found.setdefault(key[:2], {})[key[2]] = MeasuredShare(count, errors[key], share)
        return found

    def share(self, service: str, pool: str, region: str, window_s: float) -> float | None:
        """One region's measured part; None when no request of the pool's users was reported."""
        pool_split = self.split(window_s).get((service, pool), {})
        if not any(seen.requests for seen in pool_split.values()):
            return None
        seen = pool_split.get(region)
        return seen.share if seen else 0.0
