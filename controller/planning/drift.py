"""Drift: AWS shows another state than the one we last applied, so another party changed it.

The policy decides what follows: `hold` waits, then writes our plan again; `enforce` writes it at
once; `adopt` keeps what was observed. The daemon does not fight another controller: when two of
its re-assertions in a row were changed back within ten minutes each, the pool is contested and only
what a user orders goes on. Urgent drains do not wait for drift; the blast radius bounds them.

Worked example, with policy `hold`: we applied weight 128 and a reading shows 7. The position has
drifted (`find_drift`). `hold_s` later the plan is written again (`after_reasserting`). A reading
shows 7 again two minutes later: one revert (`with_drift`). After a second one the pool is
contested.

>>> eu = Position("shop", "world", "eu-west-1")
>>> memory = with_drift(ServiceMemory(), [eu], now=0)
>>> memory = _with_reasserted(memory, [eu], now=60)
>>> memory = with_drift(memory, [eu], now=180)
>>> dict(memory.reverted), is_contested(memory, "world")
({'world': 1}, False)
>>> memory = _with_reasserted(memory, [eu], now=240)
>>> memory = with_drift(memory, [eu], now=360)
>>> dict(memory.reverted), is_contested(memory, "world")
({'world': 2}, True)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from controller.model.configuration import DriftPolicy
from controller.model.decision import Decision, PoolName, PoolPlan, Shares, Snapshot
from controller.model.levers import LeverState, Observed, Position
from controller.model.memory import Memory, ServiceMemory
from controller.planning.shares import is_same_split

REVERT_WINDOW_S = 600
"""Seconds after a re-assertion in which another change counts as its revert."""
_MAX_REVERTS = 2
"""Re-assertions in a row that may be reverted before the daemon stops."""


def find_drift(snapshot: Snapshot, service: str) -> dict[Position, str]:
    """A service's drifted positions, with what was expected and what was observed, as text.

    A position has not drifted while `states of its parts <= expected states`. So a write of ours
    that only some parts took is no drift, and one part that another party changed is. What is seen
    for the first time is no change, nor are other weights inside an open endpoint group. What we
    are known to have written is observed, however old the reading (`loops.levers.own_writes`).
    """
    found: dict[Position, str] = {}
    observed = snapshot.observed.get(service)
    if observed is None:
        return found
    get_expected, unequal = snapshot.expected.get, observed.unequal
    for position, state in observed.settings.items():
        expected = get_expected(position)
        if not expected:
            is_ours = True
        elif unequal and position in unequal:
            is_ours = _are_parts_ours(observed.parts.get(position, ()), expected)
        else:
            is_ours = state in expected or _is_expected(state, expected)
        if expected and not is_ours:
            found[position] = _drift_text(position, expected, observed)
    return found


def _are_parts_ours(parts: Collection[LeverState], expected: Collection[LeverState]) -> bool:
    """Whether every part shows an expected state, as after a write that only some parts took."""
    return bool(parts) and all(_is_expected(part, expected) for part in parts)


def _is_expected(state: LeverState, expected: Iterable[LeverState]) -> bool:
    return any(state.is_same_for_users(one) for one in expected)


def _drift_text(position: Position, expected: tuple[LeverState, ...], observed: Observed) -> str:
    states = observed.parts.get(position, (observed.settings[position],))
    seen = " and ".join(map(format_state, states))
    return f"{position}: {format_state(expected[-1])} expected, {seen} seen"


def with_drift(memory: ServiceMemory, drift: Collection[Position], now: float) -> ServiceMemory:
    """A service's memory with the present drift: since when it exists, and reverts counted.

    New drift of a pool within `REVERT_WINDOW_S` of its last re-assertion is a revert; later drift
    starts the count at 0 again.
    """
    drifted_now = {p.pool for p in drift if p not in memory.drift_since}
    reverted = dict(memory.reverted)
    for pool in drifted_now & memory.reasserted.keys():
        is_revert = now - memory.reasserted[pool] <= REVERT_WINDOW_S
        reverted[pool] = reverted.get(pool, 0) + 1 if is_revert else 0
    drifted = {p.pool for p in drift}
    reasserted = {
        pool: at
        for pool, at in memory.reasserted.items()
        if now - at <= REVERT_WINDOW_S or pool in drifted
    }
    return replace(
        memory,
        drift_since={position: memory.drift_since.get(position, now) for position in drift},
        reasserted=reasserted,
        reverted={pool: count for pool, count in reverted.items() if pool in reasserted},
    )


def is_contested(memory: ServiceMemory, pool: str) -> bool:
    """Whether another party changes this pool back whenever our plan is written."""
    return memory.reverted.get(pool, 0) >= _MAX_REVERTS


def adopted_pools(snapshot: Snapshot, service: str, plans: Iterable[PoolPlan]) -> dict[str, Shares]:
    """A service's pools that keep another party's split, with placement's split at adoption.

    An adoption ends when placement wants another split, or a region must be drained.
    """
    if snapshot.settings.guards.drift.policy is not DriftPolicy.ADOPT:
        return {}
    memory = snapshot.memory.of(service)
    drifted = {position.pool for position in memory.drift_since}
    found: dict[str, Shares] = {}
    for plan in plans:
        pool = plan.pool
        if plan.emergency or plan.by_person or plan.changes:
            continue
        if pool in drifted:
            found[pool] = plan.desired
        elif pool in memory.adopted and _is_unchanged(memory, plan):
            found[pool] = memory.adopted[pool]
    return found


def is_adopted(memory: ServiceMemory, plan: PoolPlan) -> bool:
    """Whether the pool keeps another party's split and placement still wants the same."""
    desired = memory.adopted.get(plan.pool)
    return desired is not None and is_same_split(plan.desired, desired)


def after_reasserting(
    memory: Memory, decision: Decision, applied: Collection[Position], now: float
) -> Memory:
    """Memory after these positions were written: drift that the writes resolved has ended."""
    resolved = resolved_drift(decision, applied)
    services = {
        name: _with_reasserted(service, [p for p in resolved if p.service == name], now)
        for name, service in memory.services.items()
    }
    return replace(memory, services=services)


def _with_reasserted(
    memory: ServiceMemory, resolved: Collection[Position], now: float
) -> ServiceMemory:
    if not resolved:
        return memory
    return replace(
        memory,
        drift_since={p: at for p, at in memory.drift_since.items() if p not in resolved},
        reasserted={**memory.reasserted, **{position.pool: now for position in resolved}},
    )


def resolved_drift(decision: Decision, applied: Collection[Position]) -> set[Position]:
    """Drifted positions that our writes resolved.

    A plan without urgency resolves the whole pool: positions that it did not want to change are as
    it wants them. An urgent plan resolves what it wrote. `applied`: positions whose write is known
    to be applied.
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
    """Position to its observed state, of positions where that state is expected from now on.

    These are positions observed for the first time; those that show our last write, whose outcome
    was unknown or which took several tries; and another party's change that is adopted, that the
    plan agrees with once its hold is over, or that the plan was written around.
    """
    hold_s = snapshot.settings.guards.drift.hold_s
    changing = {(p.service, p.pool) for p in decision.plans if p.changes or p.withheld}
    resolved = resolved_drift(decision, applied)
    touched = {change.position for change in decision.changes}

    def is_acceptable(position: Position, state: LeverState) -> bool:
        if position not in decision.drift:
            expected = snapshot.expected.get(position)
            return expected is None or (len(expected) > 1 and state.is_same_for_users(expected[-1]))
        memory = decision.memory.of(position.service)
        agrees = _pool_of(position) not in changing and (
            snapshot.now - memory.drift_since[position] >= hold_s
        )
        return agrees or position in resolved or position.pool in memory.adopted

    return {
        position: state
        for observed in snapshot.observed.values()
        for position, state in observed.settings.items()
        if position not in touched and position not in observed.unequal
        if is_acceptable(position, state)
    }


def format_state(state: LeverState) -> str:
    """A state as text, in the lever's units: `weight 128`, `dial 50 weight 128`."""
    if state.dial is None:
        return f"weight {state.weight}"
    return f"dial {state.dial:g} weight {state.weight}"


def _is_unchanged(memory: ServiceMemory, plan: PoolPlan) -> bool:
    return is_adopted(memory, plan) or is_same_split(plan.desired, plan.before)


def _pool_of(position: Position) -> PoolName:
    return position.service, position.pool
