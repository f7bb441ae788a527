"""Metric of the state file, computed at every scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controller.ports import StateReport

_TABLES = ("overrides", "expected", "records")
"""Tables whose rows are read one by one; others have no rows that can be unreadable."""


class StateFileCollector(Collector):
    """How many rows of the state file were skipped because they make no sense."""

    def __init__(self, store: StateReport, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The family without its values."""
        yield GaugeMetricFamily(
            "gtc_state_unreadable_rows",
            "Rows of the state file that were skipped because they cannot be read",
            labels=("table",),
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The family with a value for every table."""
        found = Counter(row.table for row in self._store.condition().unreadable_at(self._now()))
        for family in self.describe():
            for table in _TABLES:
                family.add_metric((table,), found[table])
            yield family
