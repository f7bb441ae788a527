"""Metrics of overload and degraded regions."""

from __future__ import annotations

from math import isnan

from prometheus_client import CollectorRegistry

from controller.api.metrics.capacity import CapacityMetrics
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.decision import Decision, PoolPlan, Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Observed
from controller.model.memory import Memory
from tests.loops.simulated import SETTINGS

SPLIT = {"eu-west-1": 0.5, "eu-central-1": 0.5}


def report(*, observed: bool = True) -> CycleReport:
    """Europe is overloaded by 20 requests/s; half of one region's capacity is usable."""
    plan = PoolPlan("shop", "europe", SPLIT, SPLIT, SPLIT, overload_rps=20.0)
    gray = RegionHealth(Verdict.UP, "slow", degraded=2, usable=0.5)
    seen = {"shop": Observed(0.0, {})} if observed else {}
    snapshot = Snapshot(0.0, 0.0, SETTINGS, {}, {}, seen, {}, ())
    well = dict.fromkeys(SETTINGS.services["shop"].regions, RegionHealth(Verdict.UP, "well"))
    decision = Decision({"shop": {**well, "eu-west-1": gray}}, (plan,), {}, Memory())
    return CycleReport(1, snapshot, decision, (), None, 0.0)


class Scraped:
    """The metrics and their values."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = CapacityMetrics(self.registry)
        self.metrics.follow_settings(SETTINGS)

    def overload(self, pool: str) -> float | None:
        labels = {"service": "shop", "pool": pool}
        return self.registry.get_sample_value("gtc_pool_overload_rps", labels)

    def usable(self, region: str) -> float | None:
        labels = {"service": "shop", "region": region}
        return self.registry.get_sample_value("gtc_region_usable_ratio", labels)


def test_overload_and_usable_capacity_are_shown() -> None:
    """At their pool and region; NaN for a pool that no cycle has reported yet."""
    scraped = Scraped()
    scraped.metrics.cycle(report())

    assert scraped.overload("europe") == 20.0
    assert (scraped.usable("eu-west-1"), scraped.usable("us-east-1")) == (0.5, 1.0)
    unknown = scraped.overload("world")
    assert unknown is not None
    assert isnan(unknown)


def test_overload_is_unknown_before_the_service_was_read() -> None:
    """0 would say that everything fits."""
    scraped = Scraped()
    scraped.metrics.cycle(report(observed=False))
    overload = scraped.overload("europe")

    assert overload is not None
    assert isnan(overload)


def test_a_service_that_was_removed_has_no_series() -> None:
    """A cycle may end after a reload."""
    scraped = Scraped()
    api = {"api": SETTINGS.services["api"]}
    scraped.metrics.follow_settings(SETTINGS.model_copy(update={"services": api}))
    scraped.metrics.cycle(report())

    assert (scraped.overload("europe"), scraped.usable("eu-west-1")) == (None, None)
