"""Metrics of steering: health of regions, shares, levers and residency leaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import nan

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controller.api.metrics.series import MetricSeries
from controller.loops.cycle.reconciliation import CycleReport
from controller.loops.reports.traffic import TrafficReports
from controller.model.configuration import Settings
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.planning.health.answered_shares import answered_share
from controller.planning.levers.registry import lever_of

MEASURED_WINDOW_S = 5.0
"""Seconds of users' reports from which the measured shares of now are computed."""

_POSITION = ("service", "pool", "region")


class SteeringMetrics:
    """Verdicts of regions, shares and levers of positions, leaks of pools, by the last cycle."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._positions: tuple[Position, ...] = ()
        self._regions: frozenset[tuple[str, str]] = frozenset()
        self._register_regions(registry)
        self._register_shares(registry)
        self._register_levers(registry)
        self._leaks = Gauge(
            "gtc_residency_leaks",
            "Ways out of a bound pool's lawful regions, over all failures and drains; NaN unknown",
            ("service", "pool"),
            registry=registry,
        )
        self._leak_series = MetricSeries(self._leaks, nan)

    def follow_settings(self, settings: Settings) -> None:
        """Keep exactly the series of the regions and pools of these settings."""
        self._positions = positions(settings)
        for series in (self._desired, self._observed, self._answered, self._weight):
            series.keep(self._positions)
        self._dial.keep(
            position
            for position in self._positions
            if not lever_of(settings.services[position.service]).shares_add_up
        )
        self._leak_series.keep(
            (name, pool_name)
            for name, service in settings.services.items()
            for pool_name, pool in service.pools.items()
            if pool.residency is not None
        )
        self._keep_regions(settings)

    def _keep_regions(self, settings: Settings) -> None:
        regions = [
            (name, r) for name, service in settings.services.items() for r in service.regions
        ]
        self._up_series.keep(regions)
        self._state_series.keep(
            (*region, verdict.value) for region in regions for verdict in Verdict
        )
        for service, region in regions:
            if (service, region) not in self._regions:
                self._set_region(service, region, RegionHealth(Verdict.UNKNOWN, ""))
        self._regions = frozenset(regions)

    def cycle(self, report: CycleReport) -> None:
        """Set all values by a cycle's report."""
        for service, regions in report.decision.regions.items():
            for region, health in regions.items():
                self._set_region(service, region, health)
        plans = {(plan.service, plan.pool): plan for plan in report.decision.plans}
        for position in self._positions:
            # The settings may have changed since the cycle.
            if (plan := plans.get(position[:2])) is not None:
                self._desired.set(position, plan.desired.get(position.region, nan))
                self._observed.set(position, plan.before.get(position.region, nan))
        self._set_answered(report)
        self._set_levers(report)
        self._set_leaks(report)

    def _register_regions(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "gtc_region_up",
            "1 for a region that is up, 0 for one that is down or unknown",
            ("service", "region"),
            registry=registry,
        )
        self._state = Gauge(
            "gtc_region_state",
            "1 for the verdict a region has",
            ("service", "region", "state"),
            registry=registry,
        )
        self._up_series = MetricSeries(self._up)
        self._state_series = MetricSeries(self._state)

    def _register_shares(self, registry: CollectorRegistry) -> None:
        self._desired = MetricSeries(
            Gauge(
                "gtc_region_share_desired_ratio",
                "Share of a pool that placement wants a region to carry",
                _POSITION,
                registry=registry,
            ),
            nan,
        )
        self._observed = MetricSeries(
            Gauge(
                "gtc_region_share_observed_ratio",
                "Share of a pool that AWS directs to a region, as last read",
                _POSITION,
                registry=registry,
            ),
            nan,
        )

        self._answered = MetricSeries(
            Gauge(
                "gtc_region_share_answered_ratio",
                "Share of the zone's answers to a pool's users that lately led to a region",
                _POSITION,
                registry=registry,
            ),
            nan,
        )

    def _register_levers(self, registry: CollectorRegistry) -> None:
        self._weight = MetricSeries(
            Gauge(
                "gtc_lever_weight",
                "Weight of a region's records (Route 53) or endpoints (Global Accelerator), "
                "as read",
                _POSITION,
                registry=registry,
            ),
            nan,
        )
        self._dial = MetricSeries(
            Gauge(
                "gtc_lever_dial_percent",
                "Traffic dial of a region's endpoint group, as read",
                _POSITION,
                registry=registry,
            ),
            nan,
        )

    def _set_region(self, service: str, region: str, health: RegionHealth) -> None:
        self._up.labels(service, region).set(health.verdict is Verdict.UP)
        for verdict in Verdict:
            self._state.labels(service, region, verdict.value).set(health.verdict is verdict)

    def _set_leaks(self, report: CycleReport) -> None:
        """Set the number of leaks of each bound pool that the settings still name."""
        for name, observed in report.snapshot.observed.items():
            for pool, leaks in observed.leaks.items():
                if (name, pool) in self._leak_series:
                    known = sum(leak.unread is None for leak in leaks)
                    self._leaks.labels(name, pool).set(nan if leaks and not known else known)

    def _set_answered(self, report: CycleReport) -> None:
        for position in self._positions:
            answered = report.snapshot.answered.get(position[:2])
            share = answered_share(answered, position.region)
            self._answered.set(position, nan if share is None else share)

    def _set_levers(self, report: CycleReport) -> None:
        states = {
            position: state
            for observed in report.snapshot.observed.values()
            for position, state in observed.settings.items()
        }
        for position in self._positions:
            state = states.get(position)
            self._weight.set(position, state.weight if state else nan)
            if position in self._dial:
                dial = state.dial if state else None
                self._dial.set(position, nan if dial is None else dial)


class MeasuredShareCollector(Collector):
    """Measured shares of positions, computed at every scrape."""

    def __init__(
        self, traffic: TrafficReports, positions: Callable[[], Iterable[Position]]
    ) -> None:
        """`positions` returns the positions of the active settings."""
        self._traffic = traffic
        self._positions = positions

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The family without its values."""
        yield GaugeMetricFamily(
            "gtc_region_share_measured_ratio",
            "Share of a pool's requests that reached a region lately; NaN while nobody reports",
            labels=_POSITION,
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The family with a value for every position."""
        measured = self._traffic.split(MEASURED_WINDOW_S)
        for family in self.describe():
            for position in self._positions():
                pool = measured.get((position.service, position.pool))
                region = pool.get(position.region) if pool else None
                share_without_requests = 0.0 if pool else nan
                family.add_metric(position, region.share if region else share_without_requests)
            yield family


def positions(settings: Settings) -> tuple[Position, ...]:
    """The position of every region in every pool."""
    return tuple(
        Position(name, pool_name, region)
        for name, service in settings.services.items()
        for pool_name, pool in service.pools.items()
        for region in pool.regions
    )
