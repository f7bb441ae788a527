"""What a cycle did, as log lines: one for each write, and one for each decision kept.

The cycle's number and the decision's id are bound around it, as around every line of a cycle.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.model.levers import Change, OutcomeStatus
from controller.planning.drift import format_state

_log = structlog.get_logger("cycle")


def log_cycle(report: CycleReport) -> None:
    """Tell what was written and what was decided, if anything."""
    for written in report.written:
        outcome = written.outcome
        log = _log.info if outcome.status is OutcomeStatus.APPLIED else _log.warning
        log(
            "write",
            lever=written.lever,
            target=written.target,
            outcome=outcome.status.value,
            detail=outcome.detail,
            change_id=outcome.change_id,
            took_s=round(outcome.took_s, 3),
            changes=_changes(written.changes),
        )
    if report.record is not None:
        _log.info(
            "decision",
            trigger=report.record.trigger,
            changes=_changes(report.decision.changes),
            withheld=_changes(c for p in report.decision.plans for c in p.withheld),
            holds=sorted({h.reason.value for p in report.decision.plans for h in p.held}),
        )


def _changes(changes: Iterable[Change]) -> list[str]:
    return [f"{c.position} {format_state(c.before)} → {format_state(c.after)}" for c in changes]
