"""Logs what is set up wrongly at AWS, and drains that such a fault lets nothing come back from."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.model.decision import Hold, PoolName, PoolPlan

_log = structlog.get_logger("misconfigured")
_LASTING = (Hold.MISCONFIGURED, Hold.RESIDENCY)
"""Holds that keep what left a region from coming back until a person mends something."""


class MisconfiguredAlarm:
    """Logs one error for each pool whose faults begin or change, and one line when they end.

    An automatic drain in a pool with such a fault is an error of its own: users come first, but
    the way back is closed.
    """

    def __init__(self) -> None:
        self._faults: dict[PoolName, tuple[str, ...]] = {}

    def on_cycle(self, report: CycleReport) -> None:
        """Compare one cycle's faults with those of the cycle before it."""
        now = {
            (service, pool): observed.misconfigured(pool)
            for service, observed in report.snapshot.observed.items()
            for pool in report.snapshot.settings.services[service].pools
        }
        for (service, pool), faults in now.items():
            before = self._faults.get((service, pool), ())
            if faults and faults != before:
                _log.error("misconfigured", service=service, pool=pool, detail="; ".join(faults))
            elif before and not faults:
                _log.info("configured_again", service=service, pool=pool)
        self._faults = now
        self._log_one_way_drains(report.decision.plans)

    def _log_one_way_drains(self, plans: Iterable[PoolPlan]) -> None:
        for plan in plans:
            lasting = [held for held in plan.held if held.reason in _LASTING]
            closed = [c.position.region for c in plan.changes if not c.after.is_open]
            if plan.emergency and closed and lasting:
                _log.error(
                    "one_way_drain",
                    service=plan.service,
                    pool=plan.pool,
                    regions=closed,
                    detail=f"drained, but it does not come back before this is mended: "
                    f"{lasting[0].detail}",
                )
