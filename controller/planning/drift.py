"""Observed differs from what we last applied, though we changed nothing: somebody else did.

What happens then is the policy's: `hold` waits and then puts our plan back, `enforce` puts it back
at once, `adopt` keeps what was seen. None of them fights: when two of our re-assertions in a row
were changed back within ten minutes each, the pool is contested and only people may go on. Urgent
drains wait for none of this; what bounds them is the blast radius.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from controller.model.configuration import DriftPolicy
from controller.model.decision import Decision, PoolPlan, Shares, Snapshot
from controller.model.levers import LeverState, Observed, Position
from controller.model.memory import Memory, ServiceMemory
from controller.planning.shares import is_same_split

REVERT_WINDOW_S = 600
"""Seconds after a re-assertion in which another change is taken for an answer to it."""
_PATIENCE = 2
"""Re-assertions in a row that may be changed back before we stop."""


def find_drift(snapshot: Snapshot, service: str) -> dict[Position, str]:
    """A service's position to what was expected and what was seen.

    A position is ours while each of its parts shows something that we expect: `settings of its
    parts <= expected`. So a write of ours that only some parts took is no drift, and one part that
    another party changed is. A reading older than our last write shows no new drift.
    """
    found: dict[Position, str] = {}
    observed = snapshot.observed.get(service)
    if observed is None:
        return found
    known, since = snapshot.expected.get, snapshot.memory.of(service).drift_since
    unequal, outdated = observed.unequal, observed.outdated
    for position, setting in observed.settings.items():
        expected = known(position)
        if unequal and position in unequal:
            is_ours = _is_half_written(observed.parts.get(position, ()), expected)
        else:
            is_ours = not expected or setting in expected
        if not is_ours and (not outdated or position in since):
            found[position] = _differing(position, expected, observed)
    return found


def _is_half_written(
    parts: Collection[LeverState], expected: Collection[LeverState] | None
) -> bool:
    """Whether every part shows what we left there or what we last wrote."""
    return bool(parts) and expected is not None and set(parts) <= set(expected)


def _differing(
    position: Position, expected: tuple[LeverState, ...] | None, observed: Observed
) -> str:
    seen = " and ".join(
        map(format_state, observed.parts.get(position, (observed.settings[position],)))
    )
    if not expected:
        return f"{position}: its A and AAAA records (or endpoints) are unequal, {seen} seen"
    return f"{position}: {format_state(expected[-1])} expected, {seen} seen"


def with_drift(memory: ServiceMemory, drift: Collection[Position], now: float) -> ServiceMemory:
    """A service's memory with this moment's drift: since when it is there, and whether it is an
    answer to our last re-assertion."""
    answered = {p.pool for p in drift if p not in memory.drift_since}
    reverted = dict(memory.reverted)
    for pool in answered & memory.reasserted.keys():
        quickly = now - memory.reasserted[pool] <= REVERT_WINDOW_S
        reverted[pool] = reverted.get(pool, 0) + 1 if quickly else 0
    drifting = {p.pool for p in drift}
    watched = {
        pool: at
        for pool, at in memory.reasserted.items()
        if now - at <= REVERT_WINDOW_S or pool in drifting
    }
    return replace(
        memory,
        drift_since={position: memory.drift_since.get(position, now) for position in drift},
        reasserted=watched,
        reverted={pool: count for pool, count in reverted.items() if pool in watched},
    )


def is_contested(memory: ServiceMemory, pool: str) -> bool:
    """Whether somebody changes this pool back whenever we put our plan there."""
    return memory.reverted.get(pool, 0) >= _PATIENCE


def adopted_pools(snapshot: Snapshot, service: str, plans: Iterable[PoolPlan]) -> dict[str, Shares]:
    """A service's pools whose split is another party's, with what placement wanted when adopted.

    An adoption ends when placement wants something new, or a region must leave.
    """
    if snapshot.settings.guards.drift.policy is not DriftPolicy.ADOPT:
        return {}
    memory = snapshot.memory.of(service)
    drifting = {position.pool for position in memory.drift_since}
    found: dict[str, Shares] = {}
    for plan in plans:
        pool = plan.pool
        if plan.emergency or plan.by_person or plan.changes:
            continue
        if pool in drifting:
            found[pool] = plan.desired
        elif pool in memory.adopted and _is_nothing_new(memory, plan):
            found[pool] = memory.adopted[pool]
    return found


def is_adopted(memory: ServiceMemory, plan: PoolPlan) -> bool:
    """Whether the pool's split is another party's and nothing has happened since."""
    known = memory.adopted.get(plan.pool)
    return known is not None and is_same_split(plan.desired, known)


def after_reasserting(
    memory: Memory, decision: Decision, applied: Collection[Position], now: float
) -> Memory:
    """Memory after these positions were set: our plan stands where somebody else's change stood."""
    over = resolved_drift(decision, applied)
    services = {
        name: _after_reasserting(one, [p for p in over if p.service == name], now)
        for name, one in memory.services.items()
    }
    return replace(memory, services=services)


def _after_reasserting(
    memory: ServiceMemory, over: Collection[Position], now: float
) -> ServiceMemory:
    if not over:
        return memory
    return replace(
        memory,
        drift_since={p: at for p, at in memory.drift_since.items() if p not in over},
        reasserted={**memory.reasserted, **{position.pool: now for position in over}},
    )


def resolved_drift(decision: Decision, applied: Collection[Position]) -> set[Position]:
    """Drifted positions that our writes dealt with.

    A calm plan deals with the whole pool: what it did not want to write it was content with. An
    urgent one deals with what it wrote. What is not known to be applied is not dealt with yet.
    """
    wanted = {change.position for change in decision.changes}
    calm = {(p.service, p.pool) for p in decision.plans if not (p.emergency or p.by_person)}
    written = {_pool_of(position) for position in applied}
    return {
        p
        for p in decision.drift
        if p in applied or (p not in wanted and _pool_of(p) in calm & written)
    }


def accepted_states(
    snapshot: Snapshot, decision: Decision, applied: Collection[Position]
) -> dict[Position, LeverState]:
    """What was seen and is to be expected from now on.

    Positions seen for the first time; those that show our last write, whose outcome was unknown or
    which took several tries; somebody else's change that is adopted, that our plan is content with
    once its hold is over, or that we wrote our plan around. A reading older than our last write
    tells nothing.
    """
    drift = snapshot.settings.guards.drift
    busy = {(p.service, p.pool) for p in decision.plans if p.changes or p.withheld}
    around = resolved_drift(decision, applied)
    touched = {change.position for change in decision.changes}

    def is_acceptable(position: Position, setting: LeverState) -> bool:
        pool = _pool_of(position)
        if position not in decision.drift:
            expected = snapshot.expected.get(position)
            return expected is None or (len(expected) > 1 and setting == expected[-1])
        memory = decision.memory.of(position.service)
        is_content = pool not in busy and (
            snapshot.now - memory.drift_since[position] >= drift.hold_s
        )
        return is_content or position in around or position.pool in memory.adopted

    return {
        position: setting
        for observed in snapshot.observed.values()
        if not observed.outdated
        for position, setting in observed.settings.items()
        if position not in touched and position not in observed.unequal
        if is_acceptable(position, setting)
    }


def format_state(setting: LeverState) -> str:
    """A setting in the lever's units."""
    if setting.dial is None:
        return f"weight {setting.weight}"
    return f"dial {setting.dial:g} weight {setting.weight}"


def _is_nothing_new(memory: ServiceMemory, plan: PoolPlan) -> bool:
    return is_adopted(memory, plan) or is_same_split(plan.desired, plan.before)


def _pool_of(position: Position) -> tuple[str, str]:
    return position.service, position.pool
