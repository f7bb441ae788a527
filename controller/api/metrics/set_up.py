"""Metrics of how AWS is set up: faults of pools, and answers that are not steered."""

from __future__ import annotations

from math import nan

from prometheus_client import CollectorRegistry, Gauge

from controller.api.metrics.series import MetricSeries
from controller.api.metrics.steering import positions
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Settings
from controller.model.levers import Position


class SetUpMetrics:
    """What is misconfigured or not steered at AWS, by the last cycle's readings."""

    def __init__(self, registry: CollectorRegistry) -> None:
        faults = Gauge(
            "gtc_misconfigured",
            "Faults of a pool's records or endpoint groups, which no waiting cures; NaN unknown",
            ("service", "pool"),
            registry=registry,
        )
        unsteered = Gauge(
            "gtc_region_share_unsteered_ratio",
            "Largest share of answers of a type that is not steered that leads there; NaN unknown",
            ("service", "pool", "region"),
            registry=registry,
        )
        self._faults = MetricSeries(faults, nan)
        self._unsteered = MetricSeries(unsteered, nan)
        self._positions: tuple[Position, ...] = ()

    def follow_settings(self, settings: Settings) -> None:
        """Keep exactly the series of the pools and positions of these settings."""
        self._positions = positions(settings)
        self._faults.keep(dict.fromkeys(position[:2] for position in self._positions))
        self._unsteered.keep(self._positions)

    def cycle(self, report: CycleReport) -> None:
        """Set all values of the services that were read."""
        for position in self._positions:
            observed = report.snapshot.observed.get(position.service)
            if observed is None:
                continue
            self._faults.set(position[:2], len(observed.misconfigured(position.pool)))
            shares = observed.unsteered.get(position, {}).values()
            self._unsteered.set(position, max(shares, default=0.0))
