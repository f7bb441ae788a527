"""What the next decision must know of this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from controller.model.decision import Memory, PoolPlan, Snapshot
from controller.model.levers import Position
from controller.planning.guard import BATCH_WINDOW_S, DRAIN_WINDOW_S
from controller.planning.shares import SAME

_SAME_DRAIN_S = 300
"""One region leaving several pools and services within this time is one drain."""


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
    batches = [at for at in memory.batches if now - at < BATCH_WINDOW_S]
    drains = [(at, region) for at, region in memory.drains if now - at < DRAIN_WINDOW_S]
    if not all(plan.by_person for plan in sent):
        batches.append(now)
        drains += [(now, region) for region in _newly_drained(sent, drains, now)]
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
        *(now + wait for wait in waits),
    ]
    return min((end for end in ends if end > now), default=None)


def _newly_drained(
    plans: Sequence[PoolPlan], drains: list[tuple[float, str]], now: float
) -> list[str]:
    lately = {region for at, region in drains if now - at < _SAME_DRAIN_S}
    drained = {
        rule.region
        for plan in plans
        for rule in plan.rules
        if rule.name == "region_down"
        if plan.before[rule.region] > 0 and plan.after[rule.region] == 0
    }
    return sorted(drained - lately)
