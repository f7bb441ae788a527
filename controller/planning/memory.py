"""What the next decision must know of this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from controller.model.decision import Memory, PoolPlan, Snapshot, Written
from controller.model.levers import Change, OutcomeStatus, Position
from controller.planning.beginning import automatic_drains
from controller.planning.rate import batches_lately, drained_lately, is_repetition
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
    counted = [p for p in sent if not (p.by_person or is_repetition(memory, p.changes))]
    drains = drained_lately(memory, now) | dict.fromkeys(sorted(automatic_drains(counted)), now)
    return replace(
        memory,
        last_rise={**memory.last_rise, **rises},
        batches=(*batches_lately(memory.batches, now), *([now] if counted else ())),
        emergencies=(
            *batches_lately(memory.emergencies, now),
            *([now] if any(plan.emergency for plan in counted) else ()),
        ),
        drains=tuple((at, region) for region, at in drains.items()),
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
