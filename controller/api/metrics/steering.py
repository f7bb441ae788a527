"""Where traffic is meant to go, how the levers stand, and where users really go."""

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
"""Seconds of users' reports that count as now."""

_PLACE = ("service", "pool", "region")


class SteeringMetrics:
    """Observes every cycle's verdicts, shares and levers."""

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

    def follow(self, settings: Settings) -> None:
        """Have the series of the regions and pools that these settings name."""
        self._positions = positions(settings)
        for series in (self._desired, self._observed, self._answered, self._weight):
            series.follow(self._positions)
        self._dial.follow(
            position
            for position in self._positions
            if not lever_of(settings.services[position.service]).shares_add_up
        )
        self._leak_series.follow(
            (name, pool)
            for name, service in settings.services.items()
            for pool, noun in service.pools.items()
            if noun.residency is not None
        )
        self._follow_regions(settings)

    def _follow_regions(self, settings: Settings) -> None:
        regions = [
            (name, r) for name, service in settings.services.items() for r in service.regions
        ]
        self._up_series.follow(regions)
        self._state_series.follow((*one, verdict.value) for one in regions for verdict in Verdict)
        for service, region in regions:
            if (service, region) not in self._regions:
                self._tell_region(service, region, RegionHealth(Verdict.UNKNOWN, ""))
        self._regions = frozenset(regions)

    def cycle(self, report: CycleReport) -> None:
        """Take over one cycle's report."""
        for service, regions in report.decision.regions.items():
            for region, seen in regions.items():
                self._tell_region(service, region, seen)
        plans = {(plan.service, plan.pool): plan for plan in report.decision.plans}
        for position in self._positions:
            # The settings may have changed since the cycle.
            if (plan := plans.get(position[:2])) is not None:
                self._desired.set(position, plan.desired.get(position.region, nan))
                self._observed.set(position, plan.before.get(position.region, nan))
        self._tell_answered(report)
        self._tell_levers(report)
        self._tell_leaks(report)

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
                _PLACE,
                registry=registry,
            ),
            nan,
        )
        self._observed = MetricSeries(
            Gauge(
                "gtc_region_share_observed_ratio",
                "Share of a pool that AWS directs to a region, as last read",
                _PLACE,
                registry=registry,
            ),
            nan,
        )

        self._answered = MetricSeries(
            Gauge(
                "gtc_region_share_answered_ratio",
                "Share of the zone's answers to a pool's users that lately led to a region",
                _PLACE,
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
                _PLACE,
                registry=registry,
            ),
            nan,
        )
        self._dial = MetricSeries(
            Gauge(
                "gtc_lever_dial_percent",
                "Traffic dial of a region's endpoint group, as read",
                _PLACE,
                registry=registry,
            ),
            nan,
        )

    def _tell_region(self, service: str, region: str, seen: RegionHealth) -> None:
        self._up.labels(service, region).set(seen.verdict is Verdict.UP)
        for verdict in Verdict:
            self._state.labels(service, region, verdict.value).set(seen.verdict is verdict)

    def _tell_leaks(self, report: CycleReport) -> None:
        """How many each bound pool has; the settings may have changed since the cycle."""
        for name, observed in report.snapshot.observed.items():
            for pool, leaks in observed.leaks.items():
                if (name, pool) in self._leak_series:
                    self._leaks.labels(name, pool).set(len(leaks))

    def _tell_answered(self, report: CycleReport) -> None:
        for position in self._positions:
            answered = report.snapshot.answered.get(position[:2])
            share = answered_share(answered, position.region)
            self._answered.set(position, nan if share is None else share)

    def _tell_levers(self, report: CycleReport) -> None:
        settings = {
            position: setting
            for observed in report.snapshot.observed.values()
            for position, setting in observed.settings.items()
        }
        for position in self._positions:
            setting = settings.get(position)
            self._weight.set(position, setting.weight if setting else nan)
            if position in self._dial:
                dial = setting.dial if setting else None
                self._dial.set(position, nan if dial is None else dial)


class MeasuredShares(Collector):
    """Where users really go, reckoned when somebody asks."""

    def __init__(self, traffic: TrafficReports, places: Callable[[], Iterable[Position]]) -> None:
        """`places` tells the positions of the settings in force."""
        self._traffic = traffic
        self._places = places

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The family without its values."""
        yield GaugeMetricFamily(
            "gtc_region_share_measured_ratio",
            "Share of a pool's requests that reached a region lately; NaN while nobody reports",
            labels=_PLACE,
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The family with a value for every position."""
        split = self._traffic.split(MEASURED_WINDOW_S)
        for family in self.describe():
            for position in self._places():
                pool = split.get((position.service, position.pool))
                seen = pool.get(position.region) if pool else None
                nothing = 0.0 if pool else nan
                family.add_metric(position, seen.share if seen else nothing)
            yield family


def positions(settings: Settings) -> tuple[Position, ...]:
    """Every region of every pool."""
    return tuple(
        Position(name, pool_name, region)
        for name, service in settings.services.items()
        for pool_name, pool in service.pools.items()
        for region in pool.regions
    )
