"""What became of each change of a plan, from the outcomes of the writes that carried it out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from controller.model.decision import WriteResult
from controller.model.levers import Change, OutcomeStatus, Position
from controller.planning.levers.registry import lever_named


def status_by_change(written: Iterable[WriteResult]) -> dict[Change, OutcomeStatus]:
    """Change to what became of all its parts: unknown where only some of them took it.

    Where a write holds all of a change, a later one with it was another try and replaces the
    refusal of the first. Otherwise each write is one part of the change.
    """
    found: defaultdict[Change, list[OutcomeStatus]] = defaultdict(list)
    for one in written:
        for change in one.changes:
            if lever_named(one.lever).is_atomic:
                found[change].clear()
            found[change].append(one.outcome.status)
    return {change: _combined_status(statuses) for change, statuses in found.items()}


def applied_positions(written: Iterable[WriteResult]) -> set[Position]:
    """Positions whose changes were applied in all their parts."""
    results = status_by_change(written).items()
    return {change.position for change, status in results if status is OutcomeStatus.APPLIED}


def _combined_status(statuses: list[OutcomeStatus]) -> OutcomeStatus:
    return statuses[0] if len(set(statuses)) == 1 else OutcomeStatus.UNKNOWN
