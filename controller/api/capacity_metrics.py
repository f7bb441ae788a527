"""How much regions can be counted on for, and how much more is asked than they can carry."""

from __future__ import annotations

from math import nan

from prometheus_client import CollectorRegistry, Gauge

from controller.api.series import Series
from controller.loops.reconciliation import CycleReport
from controller.model.configuration import Settings


class CapacityMetrics:
    """Observes every cycle's overload and degraded regions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._overload = Gauge(
            "gtc_pool_overload_rps",
            "Requests/s of a pool beyond what the regions that may serve it carry; NaN unknown",
            ("service", "pool"),
            registry=registry,
        )
        self._usable = Gauge(
            "gtc_region_usable_ratio",
            "Part of a region's capacity that can be counted on; below 1 it is degraded",
            ("service", "region"),
            registry=registry,
        )
        self._pools = Series(self._overload, nan)
        self._regions = Series(self._usable, nan)

    def follow(self, settings: Settings) -> None:
        """Have the series of the pools and regions that these settings name."""
        services = settings.services.items()
        self._pools.follow((name, pool) for name, service in services for pool in service.pools)
        self._regions.follow((name, r) for name, service in services for r in service.regions)

    def cycle(self, report: CycleReport) -> None:
        """Take over one cycle's report; the settings may have changed since."""
        for plan in report.decision.plans:
            if (plan.service, plan.pool) in self._pools:
                known = plan.service in report.snapshot.observed
                self._overload.labels(plan.service, plan.pool).set(
                    plan.overload_rps if known else nan
                )
        for service, regions in report.decision.regions.items():
            for region, seen in regions.items():
                if (service, region) in self._regions:
                    self._usable.labels(service, region).set(seen.usable)
