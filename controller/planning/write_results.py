"""The status of each change of a plan, from the outcomes of its writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from controller.model.decision import WriteResult
from controller.model.levers import Change, OutcomeStatus, Position
from controller.planning.levers.registry import lever_named


def status_by_change(written: Iterable[WriteResult]) -> dict[Change, OutcomeStatus]:
    """Change to status: that of all its writes, or unknown where they differ.

    With an atomic lever one write has all of a change, and a later write of it is a retry that
    replaces the first status. Otherwise each write is a part of the change.
    """
    statuses: defaultdict[Change, list[OutcomeStatus]] = defaultdict(list)
    for write in written:
        for change in write.changes:
            if lever_named(write.lever).is_atomic:
                statuses[change].clear()
            statuses[change].append(write.outcome.status)
    return {change: _combined_status(parts) for change, parts in statuses.items()}


def applied_positions(written: Iterable[WriteResult]) -> set[Position]:
    """Positions whose changes were applied in all their parts."""
    statuses = status_by_change(written).items()
    return {change.position for change, status in statuses if status is OutcomeStatus.APPLIED}


def _combined_status(statuses: list[OutcomeStatus]) -> OutcomeStatus:
    return statuses[0] if len(set(statuses)) == 1 else OutcomeStatus.UNKNOWN
