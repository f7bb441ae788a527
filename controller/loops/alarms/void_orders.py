"""Tells the log when an order begins to be void, and when it is obeyed again."""

from __future__ import annotations

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.planning.void_orders import void_orders

_log = structlog.get_logger("overrides")


class VoidAlarm:
    """Listens to cycles; one line when an order becomes void, one when it is revived."""

    def __init__(self) -> None:
        self._void: set[int] = set()

    def cycle(self, report: CycleReport) -> None:
        """Compare one cycle's orders with its settings."""
        snapshot = report.snapshot
        now = void_orders(snapshot.overrides, snapshot.settings)
        in_force = {override.id: override for override in snapshot.overrides}
        for override_id in now.keys() - self._void:
            override = in_force[override_id]
            _log.warning(
                "override_void",
                override_id=override_id,
                kind=override.kind.value,
                author=override.author,
                why=now[override_id],
            )
        for override_id in (self._void - now.keys()) & in_force.keys():
            _log.info("override_revived", override_id=override_id)
        self._void = set(now)
