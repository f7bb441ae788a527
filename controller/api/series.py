"""Metrics whose labels take their values from the settings."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Gauge
from prometheus_client.metrics import MetricWrapperBase

Labels = tuple[str, ...]


class Series:
    """Keeps exactly those series of a metric that the settings call for.

    New ones exist from the start, so that a first event shows in a rate; those of a region that is
    gone vanish, so that no alert waits for it for ever.
    """

    def __init__(self, family: MetricWrapperBase, initial: float | None = None) -> None:
        """`initial` is what a new gauge shows; other metrics begin at 0."""
        self._family = family
        self._initial = initial
        self._known: dict[Labels, None] = {}

    def __contains__(self, labels: Labels) -> bool:
        return labels in self._known

    def follow(self, wanted: Iterable[Labels]) -> None:
        """Have these series and no others; those that stay keep their values."""
        labels = dict.fromkeys(wanted)
        for gone in self._known.keys() - labels.keys():
            self._family.remove(*gone)
        for new in labels:
            if new not in self._known:
                child = self._family.labels(*new)
                if self._initial is not None and isinstance(child, Gauge):
                    child.set(self._initial)
        self._known = labels
