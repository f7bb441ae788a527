"""What became of each change of a plan, from the outcomes of the writes that carried it out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from controller.model.decision import Written
from controller.model.levers import Change, OutcomeStatus, Position


def results_of(written: Iterable[Written]) -> dict[Change, OutcomeStatus]:
    """Change to what became of all its parts: unknown where only some of them took it.

    A batch holds every record of a change, so a later batch with it was another try and replaces
    the refusal of the first. Behind an accelerator each of a change's groups is a write of its own.
    """
    found: defaultdict[Change, list[OutcomeStatus]] = defaultdict(list)
    for one in written:
        for change in one.changes:
            if one.lever == "route53":
                found[change].clear()
            found[change].append(one.outcome.status)
    return {change: _joint(statuses) for change, statuses in found.items()}


def applied_positions(written: Iterable[Written]) -> set[Position]:
    """Positions whose changes were applied in all their parts."""
    results = results_of(written).items()
    return {change.position for change, status in results if status is OutcomeStatus.APPLIED}


def _joint(statuses: list[OutcomeStatus]) -> OutcomeStatus:
    return statuses[0] if len(set(statuses)) == 1 else OutcomeStatus.UNKNOWN
