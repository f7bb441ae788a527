"""Metrics whose labels take their values from the settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client import Gauge
from prometheus_client.metrics import MetricWrapperBase

Labels = tuple[str, ...]


@dataclass(slots=True)
class _KnownSeries:
    child: Any
    """What of the metric has the labels."""
    shown: float | None
    """What it shows; None: 0, or what others have set."""


class MetricSeries:
    """Keeps exactly those series of a metric that the settings call for.

    New ones exist from the start, so that a first event shows in a rate; those of a region that is
    gone vanish, so that no alert waits for it for ever.
    """

    def __init__(self, family: MetricWrapperBase, initial: float | None = None) -> None:
        """`initial` is what a new gauge shows; other metrics begin at 0."""
        self._family = family
        self._initial = initial
        self._known: dict[Labels, _KnownSeries] = {}

    def __contains__(self, labels: Labels) -> bool:
        return labels in self._known

    def follow(self, wanted: Iterable[Labels]) -> None:
        """Have these series and no others; those that stay keep their values."""
        labels = dict.fromkeys(wanted)
        for gone in self._known.keys() - labels.keys():
            self._family.remove(*gone)
        self._known = {one: self._known.get(one) or self._new(one) for one in labels}

    def set(self, labels: Labels, value: float) -> None:
        """Have one of a gauge's series show a value, which nobody else sets.

        There are thousands, and most show what they showed: looking labels up in the gauge and
        setting it costs ten times as much as finding that out.
        """
        known = self._known[labels]
        if known.shown is not value and known.shown != value:
            known.child.set(value)
            known.shown = value

    def _new(self, labels: Labels) -> _KnownSeries:
        child = self._family.labels(*labels)
        if self._initial is not None and isinstance(child, Gauge):
            child.set(self._initial)
        return _KnownSeries(child, self._initial)
