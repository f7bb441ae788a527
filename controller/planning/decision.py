"""The one function that decides: `decide(snapshot) -> Decision`.

Pure and total. Everything known goes in as one value, everything wanted comes out as one value with
its reasons. Hysteresis has already turned single probes into health states (`hysteresis.advance`,
called by `loops.probing`); effects happen in `loops.actuation`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from controller.model.decision import Decision, Held, Hold, PoolPlan, Shares, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.planning import guard, memory
from controller.planning.diff import current_shares, diff
from controller.planning.drift import find_drift, remember
from controller.planning.pools import Planned, desired_shares, guard_rules, plan_pool
from controller.planning.quorum import isolation, judge
from controller.planning.standing import Standing, standings


def decide(snapshot: Snapshot) -> Decision:
    """What every pool of every service should do now, and why."""
    isolated = isolation(snapshot)
    regions = judge(snapshot, isolated=isolated is not None)
    drift = find_drift(snapshot)
    panic = frozenset(
        name for name, seen in regions.items() if guard.is_panic(snapshot, name, seen.values())
    )
    known = replace(
        snapshot.memory,
        panic=panic,
        isolated_since=_since(snapshot) if isolated else None,
        drift_since=remember(snapshot.memory.drift_since, drift, snapshot.now),
    )
    seen_now = replace(snapshot, memory=known)
    plans: list[PoolPlan] = []
    returning: set[Position] = set()
    wakes: list[float] = []
    for name in snapshot.settings.services:
        planned = _plan_service(seen_now, name, regions[name], drift, isolated=isolated)
        plans += [p.plan for p in planned]
        returning |= {position for p in planned for position in p.returning}
        wakes += [p.wait_s for p in planned if p.wait_s > 0]
    return Decision(
        regions,
        tuple(plans),
        drift,
        replace(known, returning=frozenset(returning)),
        memory.wake_at(seen_now, wakes),
    )


def _plan_service(
    snapshot: Snapshot,
    name: str,
    health: Mapping[str, RegionHealth],
    drift: Collection[Position],
    *,
    isolated: str | None,
) -> list[Planned]:
    service = snapshot.settings.services[name]
    if name not in snapshot.observed:
        held = Held(Hold.NOT_OBSERVED, "AWS has not said yet how its levers stand")
        return [
            Planned(PoolPlan(name, pool, {}, {}, {}, held=(held,)), frozenset(), 0.0)
            for pool in service.pools
        ]
    before: dict[str, Shares] = {
        pool: current_shares(service, name, pool, snapshot.observed[name]) for pool in service.pools
    }
    panic = name in snapshot.memory.panic
    stands = standings(snapshot, name, health, before, isolated=isolated, panic=panic)
    placements = desired_shares(snapshot, service, stands, before)
    planned = (
        plan_pool(snapshot, name, pool, stands[pool], before[pool], placements[pool])
        for pool in service.pools
    )
    return [replace(p, plan=_guarded(snapshot, p.plan, stands, drift)) for p in planned]


def _guarded(
    snapshot: Snapshot,
    plan: PoolPlan,
    stands: Mapping[str, Mapping[str, Standing]],
    drift: Collection[Position],
) -> PoolPlan:
    """The plan with its changes, or held with what it would have changed."""
    service = snapshot.settings.services[plan.service]
    changes = diff(service, plan.service, plan.pool, snapshot.observed[plan.service], plan.after)
    if not changes:
        return plan
    intent = _intent(snapshot, plan, stands[plan.pool], drift)
    held = guard.first_refusal(snapshot, intent)
    if held is None:
        return replace(plan, changes=changes)
    return replace(
        plan,
        after=plan.before,
        rules=(*plan.rules, *guard_rules(plan, held)),
        held=(*plan.held, held),
        withheld=changes,
    )


def _intent(
    snapshot: Snapshot, plan: PoolPlan, stand: Mapping[str, Standing], drift: Collection[Position]
) -> guard.Intent:
    leaving = [r for r in plan.before if plan.before[r] > 0 and plan.after[r] == 0]
    concerned = [o for o in snapshot.overrides if o.concerns(plan.service) and o.region in stand]
    return guard.Intent(
        plan,
        automatic_drains=tuple(r for r in leaving if stand[r].cause == "region_down"),
        ignored={name for override in concerned for name in override.ignore_guards},
        drift=tuple(p for p in drift if (p.service, p.pool) == (plan.service, plan.pool)),
    )


def _since(snapshot: Snapshot) -> float:
    since = snapshot.memory.isolated_since
    return snapshot.now if since is None else since
