"""Logs when a pool's demand exceeds the capacity of its lawful regions, and when it fits again.

Traffic is then spread evenly over regions that are all overloaded. The daemon cannot make it fit:
an operator has to add capacity, shed load or allow another region.
"""

from __future__ import annotations

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.model.decision import PoolName

_log = structlog.get_logger("overload")


class OverloadAlarm:
    """Logs one line when a pool's overload begins, and one when it is over."""

    def __init__(self) -> None:
        self._overloaded: set[PoolName] = set()

    def on_cycle(self, report: CycleReport) -> None:
        """Compare one cycle's plans with those of the cycle before it."""
        now = {
            (plan.service, plan.pool): plan for plan in report.decision.plans if plan.overload_rps
        }
        for (service, pool), plan in now.items():
            if (service, pool) not in self._overloaded:
                _log.error(
                    "overload",
                    service=service,
                    pool=pool,
                    rps=round(plan.overload_rps, 1),
                    regions=[region for region, share in plan.desired.items() if share > 0],
                )
        for service, pool in self._overloaded - now.keys():
            _log.info("overload_over", service=service, pool=pool)
        self._overloaded = set(now)
