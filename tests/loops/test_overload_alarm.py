"""A pool that does not fit is logged once, and once when it fits again."""

from __future__ import annotations

from controller.loops.alarms.overload import OverloadAlarm
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.decision import Decision, PoolPlan, Snapshot
from controller.model.memory import Memory
from tests.loops.small import logged, small


def report(europe_rps: float) -> CycleReport:
    """A cycle in which one pool has so much too much, and another fits."""
    split = {"eu-west-1": 0.0, "eu-central-1": 1.0}
    plans = (
        PoolPlan("shop", "europe", split, split, split, overload_rps=europe_rps),
        PoolPlan("shop", "world", split, split, split),
    )
    nothing = Snapshot(0.0, 0.0, small(), {}, {}, {}, {}, ())
    return CycleReport(1, nothing, Decision({}, plans, {}, Memory()), (), None, 0.0)


def test_an_overload_is_logged_when_it_begins_and_when_it_ends() -> None:
    """Not every cycle, and not when only its number changes."""
    alarm = OverloadAlarm()
    with logged() as lines:
        for rps in (0.0, 20.04, 25.0, 0.0, 0.0):
            alarm.on_cycle(report(rps))

    assert lines == [
        {
            "event": "overload",
            "log_level": "error",
            "service": "shop",
            "pool": "europe",
            "rps": 20.0,
            "regions": ["eu-central-1"],
        },
        {"event": "overload_over", "log_level": "info", "service": "shop", "pool": "europe"},
    ]
