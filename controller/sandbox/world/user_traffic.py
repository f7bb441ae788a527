"""Counts of the users' requests, second by second: the measure of steering's success."""

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
    """The counts of requests that ended within the second before `at`."""

    at: datetime
    measurements: tuple[Measurement, ...]


class UserTraffic:
    """Counts of requests by service, pool and region: the present second and the last 120."""

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
        """End the present second and begin the next; return the ended one."""
        second = TrafficSecond(at, _measurements(self._requests, self._errors))
        self._seconds.append(second)
        self._requests, self._errors = Counter(), Counter()
        return second

    def history(self) -> tuple[TrafficSecond, ...]:
        """The last seconds, oldest first."""
        return tuple(self._seconds)

    def shares(self, window_s: int) -> dict[Key, MeasuredShare]:
        """Each region's requests, errors and share of its pool in the last `window_s` seconds."""
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
