"""Logs each cycle: one line for each write, and one for each recorded decision.

The caller binds the cycle's number and the decision's id, as for every line of a cycle.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.model.levers import Change, OutcomeStatus
from controller.planning.drift import format_state

_log = structlog.get_logger("cycle")
_MOST_CHANGES = 50
"""Changes told in one line; the record has all of them."""


def log_cycle(report: CycleReport) -> None:
    """Log what was written, and the decision if it was recorded."""
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
    """A text for each change; of many only the first, and how many more there are."""
    rest = iter(changes)
    told = [
        f"{c.position} {format_state(c.before)} → {format_state(c.after)}"
        for c in islice(rest, _MOST_CHANGES)
    ]
    more = sum(1 for _ in rest)
    return [*told, f"… {more} more: gtc why shows the decision"] if more else told
