"""Metrics of readings of AWS: what they took and showed, and how old the last whole one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controller.loops.levers.listings import ListingState

_TARGET = ("target",)


class ReadingsCollector(Collector):
    """The last reading of each hosted zone and accelerator, computed at every scrape."""

    def __init__(self, states: Callable[[], Mapping[str, ListingState]]) -> None:
        """`states` returns target to how it was listed."""
        self._states = states

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The families without their values."""
        return iter(_families())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families with a value for every target that was read."""
        pages, resources, age = families = _families()
        for target, state in self._states().items():
            if state.pages is not None:
                pages.add_metric((target,), state.pages)
            resources.add_metric((target,), state.resources)
            age.add_metric((target,), state.whole_age_s)
        return iter(families)


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "gtc_reading_pages",
            "Requests for record sets that the last reading of a hosted zone took",
            labels=_TARGET,
        ),
        GaugeMetricFamily(
            "gtc_reading_resources",
            "Record sets or endpoint groups that the last reading of a target showed",
            labels=_TARGET,
        ),
        GaugeMetricFamily(
            "gtc_whole_reading_age_seconds",
            "Time since all of a hosted zone or accelerator was listed",
            labels=_TARGET,
        ),
    )
