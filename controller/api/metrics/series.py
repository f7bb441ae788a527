"""Labelled metrics whose series follow the settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client import Gauge
from prometheus_client.metrics import MetricWrapperBase

Labels = tuple[str, ...]


@dataclass(slots=True)
class _Series:
    metric: Any
    """The labelled child of the metric."""
    value: float | None
    """The value that `set` gave it last; None: it shows 0, or a value that was set directly."""


class MetricSeries:
    """The series of one metric: exactly those that `keep` was last called with.

    A new series exists at once, so that a rate shows its first event. The series of a region that
    was removed disappears, so that no alert on it stays for ever.
    """

    def __init__(self, family: MetricWrapperBase, initial: float | None = None) -> None:
        """`initial` is the first value of a gauge; other metrics begin at 0."""
        self._family = family
        self._initial = initial
        self._series: dict[Labels, _Series] = {}

    def __contains__(self, labels: Labels) -> bool:
        return labels in self._series

    def keep(self, wanted: Iterable[Labels]) -> None:
        """Have exactly these series; those that stay keep their values."""
        labels = dict.fromkeys(wanted)
        for removed in self._series.keys() - labels.keys():
            self._family.remove(*removed)
        self._series = {each: self._series.get(each) or self._new(each) for each in labels}

    def set(self, labels: Labels, value: float) -> None:
        """Set the value of one series of a gauge; no other code may set it.

        A value that did not change is not set again: there are thousands of series, and looking up
        labels in the gauge and setting it costs ten times as much as this comparison. Raises
        KeyError for labels that are not kept.
        """
        series = self._series[labels]
        if series.value is not value and series.value != value:
            series.metric.set(value)
            series.value = value

    def _new(self, labels: Labels) -> _Series:
        metric = self._family.labels(*labels)
        if self._initial is not None and isinstance(metric, Gauge):
            metric.set(self._initial)
        return _Series(metric, self._initial)
