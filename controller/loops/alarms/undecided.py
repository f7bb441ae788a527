"""Logs when a mistake of this program prevents the decision about a service.

The service is held until a decision succeeds; other services go on (`planning.decision`).
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from controller.loops.cycle.reconciliation import CycleReport

_log = structlog.get_logger("undecided")


class UndecidedAlarm:
    """Logs one line when a service's mistake begins or changes, and one when it is over."""

    def __init__(self) -> None:
        self._mistakes: Mapping[str, str] = {}

    def on_cycle(self, report: CycleReport) -> None:
        """Compare one cycle's mistakes with those of the cycle before it."""
        now = report.decision.undecided
        for service, mistake in now.items():
            if self._mistakes.get(service) != mistake:
                _log.critical("service_undecided", service=service, error=mistake)
        for service in self._mistakes.keys() - now.keys():
            _log.warning("service_decided_again", service=service)
        self._mistakes = now
