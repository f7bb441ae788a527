"""Logs when a bound pool's users could leave their lawful regions, and when they no longer can."""

from __future__ import annotations

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.model.decision import PoolName
from controller.model.levers import Leak
from controller.planning.residency.proof import describe_leak

_log = structlog.get_logger("residency")


class ResidencyAlarm:
    """Logs one line for every leak that begins, and one when a pool's last leak ends.

    What is not proven because it was not read is a warning: nobody needs to be woken for it.
    """

    def __init__(self) -> None:
        self._leaks: dict[PoolName, tuple[Leak, ...]] = {}

    def on_cycle(self, report: CycleReport) -> None:
        """Compare one cycle's leaks with those of the cycle before it."""
        for service, observed in report.snapshot.observed.items():
            for pool, leaks in observed.leaks.items():
                before = self._leaks.get((service, pool), ())
                for leak in leaks:
                    if leak in before:
                        continue
                    if leak.unread is not None:
                        _log.warning(
                            "residency_not_proven",
                            service=service,
                            pool=pool,
                            detail=describe_leak(leak),
                        )
                    else:
                        _log.error(
                            "residency_leak",
                            service=service,
                            pool=pool,
                            region=leak.reached,
                            detail=describe_leak(leak),
                        )
                if before and not leaks:
                    _log.info("residency_restored", service=service, pool=pool)
                self._leaks[service, pool] = leaks
