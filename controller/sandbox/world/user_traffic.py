"""What the users did, second by second: the truth that steering is judged by."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from controller.model.traffic import MeasuredShare, Measurement

HISTORY_S = 120

Key = tuple[str, str, str]
"""Service, pool, region."""


@dataclass(frozen=True, slots=True)
class TrafficSecond:
    """All requests that ended within one second, which ended at `at`."""

    at: datetime
    measurements: tuple[Measurement, ...]


class UserTraffic:
    """Counts of requests by service, pool and region, for the running second and 120 before it."""

    def __init__(self) -> None:
        self._requests: Counter[Key] = Counter()
        self._errors: Counter[Key] = Counter()
        self._seconds: deque[TrafficSecond] = deque(maxlen=HISTORY_S)

    def record(self, service: str, pool: str, region: str, *, ok: bool) -> None:
        """Count one request."""
        key = (service, pool, region)
        self._requests[key] += 1
        if not ok:
            self._errors[key] += 1

    def close_second(self, at: datetime) -> TrafficSecond:
        """End the running second, keep it, and begin the next."""
        second = TrafficSecond(at, _measurements(self._requests, self._errors))
        self._seconds.append(second)
        self._requests, self._errors = Counter(), Counter()
        return second

    def history(self) -> tuple[TrafficSecond, ...]:
        """The seconds kept, oldest first."""
        return tuple(self._seconds)

    def shares(self, window_s: int) -> dict[Key, MeasuredShare]:
        """Requests, errors and share of its pool for each region over the last seconds."""
        latest = islice(reversed(self._seconds), window_s)
        return _shares(item for second in latest for item in second.measurements)


def _measurements(requests: Counter[Key], errors: Counter[Key]) -> tuple[Measurement, ...]:
    return tuple(Measurement(*key, requests[key], errors[key]) for key in sorted(requests))


def _shares(measurements: Iterable[Measurement]) -> dict[Key, MeasuredShare]:
    requests: Counter[Key] = Counter()
    errors: Counter[Key] = Counter()
    pools: Counter[tuple[str, str]] = Counter()
    for item in measurements:
        key = (item.service, item.pool, item.region)
        requests[key] += item.requests
        errors[key] += item.errors
        pools[item.service, item.pool] += item.requests
    return {
        key: MeasuredShare(requests[key], errors[key], requests[key] / pools[key[0], key[1]])
        for key in sorted(requests)
    }
