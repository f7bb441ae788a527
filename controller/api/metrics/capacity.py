"""How much is asked of regions, how much they can carry, and how much too much that is."""

from __future__ import annotations

from math import nan

from prometheus_client import CollectorRegistry, Gauge

from controller.api.metrics.series import MetricSeries
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Settings
from controller.planning.placement.believed import believed_capacities, believed_demands

_POOL = ("service", "pool")
_REGION = ("service", "region")


class CapacityMetrics:
    """Observes every cycle's figures, overload and degraded regions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._demand = Gauge(
            "gtc_pool_demand_rps",
            "Requests/s a pool's users are believed to ask for; NaN before the first cycle",
            _POOL,
            registry=registry,
        )
        self._overload = Gauge(
            "gtc_pool_overload_rps",
            "Requests/s of a pool beyond what the regions that may serve it carry; NaN unknown",
            _POOL,
            registry=registry,
        )
        self._capacity = Gauge(
            "gtc_region_capacity_rps",
            "Requests/s a region is believed to carry as it is now; NaN before the first cycle",
            _REGION,
            registry=registry,
        )
        self._usable = Gauge(
            "gtc_region_usable_ratio",
            "Part of a region's capacity that can be counted on; below 1 it is degraded",
            _REGION,
            registry=registry,
        )
        self._pool_series = [MetricSeries(gauge, nan) for gauge in (self._demand, self._overload)]
        self._region_series = [MetricSeries(gauge, nan) for gauge in (self._capacity, self._usable)]
        self._settings: Settings | None = None

    def follow(self, settings: Settings) -> None:
        """Have the series of the pools and regions that these settings name."""
        self._settings = settings
        services = settings.services.items()
        for series in self._pool_series:
            series.follow((name, pool) for name, service in services for pool in service.pools)
        for series in self._region_series:
            series.follow((name, r) for name, service in services for r in service.regions)

    def cycle(self, report: CycleReport) -> None:
        """Take over one cycle's report, unless other settings are in force since."""
        if report.snapshot.settings is not self._settings:
            return
        for plan in report.decision.plans:
            known = plan.service in report.snapshot.observed
            overload_rps = plan.overload_rps if known else nan
            self._overload.labels(plan.service, plan.pool).set(overload_rps)
        for service, regions in report.decision.regions.items():
            for pool, demand in believed_demands(report.snapshot, service).items():
                self._demand.labels(service, pool).set(demand.value)
            for region, room in believed_capacities(report.snapshot, service, regions).items():
                self._capacity.labels(service, region).set(room.value)
                self._usable.labels(service, region).set(room.usable)
