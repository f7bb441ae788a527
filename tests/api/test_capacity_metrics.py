"""Overload and degraded regions as metrics tell them."""

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
    """Europe has 20 requests/s too many; one of its regions is half well."""
    plan = PoolPlan("shop", "europe", SPLIT, SPLIT, SPLIT, overload_rps=20.0)
    gray = RegionHealth(Verdict.UP, "slow", degraded=2, usable=0.5)
    seen = {"shop": Observed(0.0, {})} if observed else {}
    snapshot = Snapshot(0.0, 0.0, SETTINGS, {}, {}, seen, {}, ())
    well = dict.fromkeys(SETTINGS.services["shop"].regions, RegionHealth(Verdict.UP, "well"))
    decision = Decision({"shop": {**well, "eu-west-1": gray}}, (plan,), {}, Memory())
    return CycleReport(1, snapshot, decision, (), None, 0.0)


class Told:
    """The metrics and what they tell."""

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


def test_overload_and_what_can_be_counted_on_are_told() -> None:
    """Each where it is, and nothing of a pool that no cycle has spoken of yet."""
    told = Told()
    told.metrics.cycle(report())

    assert told.overload("europe") == 20.0
    assert (told.usable("eu-west-1"), told.usable("us-east-1")) == (0.5, 1.0)
    unknown = told.overload("world")
    assert unknown is not None
    assert isnan(unknown)


def test_an_overload_of_what_was_not_read_is_unknown() -> None:
    """0 would say that everything fits."""
    told = Told()
    told.metrics.cycle(report(observed=False))
    overload = told.overload("europe")

    assert overload is not None
    assert isnan(overload)


def test_what_the_settings_no_longer_name_is_not_told() -> None:
    """A cycle may end after other settings were put in force."""
    told = Told()
    api = {"api": SETTINGS.services["api"]}
    told.metrics.follow_settings(SETTINGS.model_copy(update={"services": api}))
    told.metrics.cycle(report())

    assert (told.overload("europe"), told.usable("eu-west-1")) == (None, None)
