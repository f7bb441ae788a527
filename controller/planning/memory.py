"""What the next decision must know of this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from controller.model.decision import Memory, PoolPlan, Snapshot, Written
from controller.model.levers import Change, OutcomeStatus, Position
from controller.planning.beginning import automatic_drains
from controller.planning.rate import batches_lately, drains_lately, is_counted, is_repetition
from controller.planning.shares import SAME


def after_writing(memory: Memory, sent: Sequence[PoolPlan], now: float) -> Memory:
    """Memory after these plans were sent to AWS and applied, or possibly applied.

    Only what nobody ordered counts against the blast radius.
    """
    rises = {
        Position(plan.service, plan.pool, region): now
        for plan in sent
        for region, share in plan.after.items()
        if share > plan.before[region] + SAME
    }
    batches, drains = batches_lately(memory, now), drains_lately(memory, now)
    if not all(plan.by_person or is_repetition(memory, plan.changes) for plan in sent):
        batches.append(now)
        drains += [(now, region) for region in _newly_drained(memory, sent, now)]
    return replace(
        memory,
        last_rise={**memory.last_rise, **rises},
        batches=tuple(batches),
        drains=tuple(drains),
    )


def wake_at(snapshot: Snapshot, waits: Iterable[float]) -> float | None:
    """When time alone will change the answer, monotonic seconds."""
    guards, now = snapshot.settings.guards, snapshot.now
    ends = [
        snapshot.started_at + guards.startup_data_s,
        *(at + guards.drift.hold_s for at in snapshot.memory.drift_since.values()),
        *(at + guards.panic_window_s for at in snapshot.memory.panic.values()),
        *(now + wait for wait in waits),
    ]
    return min((end for end in ends if end > now), default=None)


def still_doubtful(
    memory: Memory, plans: Iterable[PoolPlan], written: Iterable[Written]
) -> frozenset[Change]:
    """Changes that may have been applied, although what AWS said last does not show them."""
    unknown = {c for w in written if w.outcome.status is OutcomeStatus.UNKNOWN for c in w.changes}
    waiting = {change for plan in plans for change in plan.withheld}
    return frozenset(unknown | (memory.doubtful & waiting))


def _newly_drained(memory: Memory, plans: Sequence[PoolPlan], now: float) -> list[str]:
    drained = automatic_drains(plans)
    return sorted(region for region in drained if not is_counted(memory, region, now))
