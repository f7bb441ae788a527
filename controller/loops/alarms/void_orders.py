"""Logs when an order becomes void, and when it is carried out again."""

from __future__ import annotations

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.planning.void_orders import void_orders

_log = structlog.get_logger("overrides")


class VoidAlarm:
    """Logs one line when an order becomes void, and one when it applies again."""

    def __init__(self) -> None:
        self._void: set[int] = set()

    def on_cycle(self, report: CycleReport) -> None:
        """Compare one cycle's orders with its settings."""
        snapshot = report.snapshot
        now = void_orders(snapshot.overrides, snapshot.settings)
        active = {override.id: override for override in snapshot.overrides}
        for override_id in now.keys() - self._void:
            override = active[override_id]
            _log.warning(
                "override_void",
                override_id=override_id,
                kind=override.kind.value,
                author=override.author,
                why=now[override_id],
            )
        for override_id in (self._void - now.keys()) & active.keys():
            _log.info("override_revived", override_id=override_id)
        self._void = set(now)
