"""Where endpoints are down, and since when the last of them fails: others' answers before that say
nothing about it (`planning.health.quorum`)."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from controller.model.configuration import EndpointId
from controller.model.health import HealthState

Place = tuple[str, str]
"""Service and region."""


class OpenFailures:
    """What down votes wait for."""

    def __init__(self) -> None:
        self.latest = -inf
        """When the endpoint that is down and began to fail last did so; `-inf`: none is down."""
        self._latest_of: dict[Place, float] = {}

    def add(self, suspect: EndpointId, state: HealthState) -> None:
        """An endpoint is down."""
        since = state.first_failure_at or 0.0
        place = (suspect.service, suspect.region)
        self._latest_of[place] = max(since, self._latest_of.get(place, since))
        self.latest = max(self.latest, since)

    def forget(self) -> None:
        """Nothing is down any more."""
        self._latest_of.clear()
        self.latest = -inf

    def since(self, at: float) -> Iterator[Place]:
        """Where endpoints began to fail after this time."""
        if at < self.latest:
            yield from (place for place, latest in self._latest_of.items() if at < latest)
