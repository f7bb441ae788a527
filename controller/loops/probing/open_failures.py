"""The regions where endpoints are down now, and when the last of these began to fail.

What other endpoints answered before that time says nothing about such a failure
(`planning.health.quorum`).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from controller.model.configuration import EndpointId
from controller.model.health import HealthState

ServiceRegionKey = tuple[str, str]
"""Service and region."""


class OpenFailures:
    """Failures of endpoints that are down, newest first failure per service and region.

    `latest == max(first failures)`, or `-inf` when no endpoint is down.
    """

    def __init__(self) -> None:
        self.latest = -inf
        """The newest first failure, monotonic seconds; `-inf`: no endpoint is down."""
        self._latest_of: dict[ServiceRegionKey, float] = {}

    def add(self, suspect: EndpointId, state: HealthState) -> None:
        """Note that an endpoint is down."""
        first_failure_at = state.first_failure_at or 0.0
        key = (suspect.service, suspect.region)
        self._latest_of[key] = max(first_failure_at, self._latest_of.get(key, first_failure_at))
        self.latest = max(self.latest, first_failure_at)

    def clear(self) -> None:
        """Note that no endpoint is down any more."""
        self._latest_of.clear()
        self.latest = -inf

    def since(self, at: float) -> Iterator[ServiceRegionKey]:
        """Where endpoints began to fail after `at` (monotonic seconds)."""
        if at < self.latest:
            yield from (key for key, latest in self._latest_of.items() if at < latest)
