"""The one function that decides: `decide(snapshot) -> Decision`.

Pure and total. Everything known goes in as one value, everything wanted comes out as one value with
its reasons. Hysteresis has already turned single probes into health states (`hysteresis.advance`,
called by `loops.probing`); effects happen in `loops.actuation`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from controller.model.configuration import Mode
from controller.model.decision import Decision, Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Change, Position
from controller.planning import guard, memory
from controller.planning.astray import without_astray
from controller.planning.beginning import automatic_drains, has_begun, unconfirmed
from controller.planning.diff import diff, shares_by_pool
from controller.planning.drift import adopted, find_drift, watch
from controller.planning.health.flapping import flaps
from controller.planning.health.quorum import isolation, judge
from controller.planning.orders import obeyed
from controller.planning.placement.accelerated import after_learning
from controller.planning.placement.figures import known
from controller.planning.pools import (
    Planned,
    cold_by_pool,
    desired_shares,
    must_leave,
    plan_pools,
)
from controller.planning.rate import beyond_allowance, is_repetition
from controller.planning.rules import Case, guard_rules
from controller.planning.standing import standings


def decide(snapshot: Snapshot) -> Decision:
    """What every pool of every service should do now, and why."""
    isolated = isolation(snapshot)
    blind = isolated or _mended(snapshot)
    regions = judge(snapshot, isolated=blind)
    drift = find_drift(snapshot)
    panics = {name: guard.panic_at(snapshot, name, seen.values()) for name, seen in regions.items()}
    panic = {name: at for name, at in panics.items() if at is not None}
    earlier = replace(
        after_learning(snapshot, watch(snapshot.memory, drift, snapshot.now)),
        flaps=flaps(snapshot, regions),
        panic=panic,
        isolated_since=_since(snapshot) if isolated else None,
    )
    seen_now = replace(snapshot, memory=earlier)
    planned = _plan_all(seen_now, regions, blind)
    waiting = unconfirmed(seen_now, _drains(snapshot, planned))
    kept: frozenset[str] = frozenset()
    # Who is kept may take over where nobody could before, and so let another one leave. Where an
    # order names the guard, who is kept leaves all the same.
    while surplus := _surplus(seen_now, planned) - kept:
        kept |= surplus
        planned = _plan_all(seen_now, regions, blind, kept)
    plans = [_guarded(seen_now, p.plan, drift, waiting) for p in planned]
    begun = has_begun(seen_now, regions, waiting, blind=blind is not None)
    return Decision(
        regions,
        tuple(plans),
        drift,
        replace(
            earlier,
            degraded=_degraded(regions),
            cold=frozenset(position for p in planned for position in p.cold),
            aborted=_aborted(seen_now, planned),
            adopted=adopted(seen_now, plans),
            begun=begun,
        ),
        memory.wake_at(seen_now, [p.wait_s for p in planned if p.wait_s > 0]),
    )


def _plan_all(
    snapshot: Snapshot,
    regions: Mapping[str, Mapping[str, RegionHealth]],
    isolated: str | None,
    kept: Collection[str] = (),
) -> list[Planned]:
    """What every pool should do if no guard objects. `kept` are not drained, though down."""
    return [
        one
        for name in snapshot.settings.services
        for one in _plan_service(snapshot, name, regions[name], isolated, kept)
    ]


def _plan_service(
    snapshot: Snapshot,
    name: str,
    health: Mapping[str, RegionHealth],
    isolated: str | None,
    kept: Collection[str],
) -> list[Planned]:
    service = snapshot.settings.services[name]
    if name not in snapshot.observed:
        held = Held(Hold.NOT_OBSERVED, "AWS has not said yet how its levers stand")
        return [
            Planned(PoolPlan(name, pool, {}, {}, {}, held=(held,)), _still_cold(snapshot, name))
            for pool in service.pools
        ]
    before = shares_by_pool(service, snapshot.observed[name])
    was_cold = cold_by_pool(snapshot.memory, name, before)
    figures = known(snapshot, name, health)
    healthy = standings(snapshot, name, health, before, isolated=isolated, kept=kept)
    ordered = obeyed(snapshot, name, figures, healthy, before)
    stands = without_astray(snapshot, name, ordered, before)
    placements = desired_shares(snapshot, name, figures, stands, before)
    leaving = {
        pool: must_leave(stands[pool], before[pool]) if wanted is not None else ()
        for pool, wanted in placements.items()
    }
    urgent = any(leaving.values())
    return plan_pools(
        [
            Case(
                snapshot,
                name,
                pool,
                figures,
                health,
                stands[pool],
                before[pool],
                placement,
                leaving[pool],
                was_cold[pool],
                urgent,
            )
            for pool, placement in placements.items()
        ]
    )


def _guarded(
    snapshot: Snapshot,
    plan: PoolPlan,
    drift: Collection[Position],
    waiting: Collection[str],
) -> PoolPlan:
    """The plan with its changes, or held with what it would have changed."""
    if plan.service not in snapshot.observed:
        return plan
    service = snapshot.settings.services[plan.service]
    changes = diff(service, plan, snapshot.observed[plan.service])
    leak = guard.leaking(snapshot, plan.service, plan.pool)
    if leak is not None:
        plan = replace(plan, held=(*plan.held, leak))
    if not changes:
        return plan
    intent = _intent(snapshot, plan, changes, drift, waiting)
    held = guard.first_refusal(snapshot, intent)
    if held is None:
        return replace(plan, changes=changes)
    return replace(
        plan,
        after=plan.before,
        rules=(*plan.rules, *guard_rules(plan, held)),
        held=plan.held if held == leak else (*plan.held, held),
        withheld=changes,
    )


def _drains(snapshot: Snapshot, planned: Iterable[Planned]) -> frozenset[str]:
    """Regions whose traffic would leave because they are down, rehearsals left out."""
    return automatic_drains([p.plan for p in planned if not _only_rehearsed(snapshot, p.plan)])


def _surplus(snapshot: Snapshot, planned: Iterable[Planned]) -> frozenset[str]:
    """Those of them that are more than may leave in an hour."""
    allowed = snapshot.settings.guards.auto_drains_per_h
    return beyond_allowance(snapshot.memory, _drains(snapshot, planned), allowed, snapshot.now)


def _only_rehearsed(snapshot: Snapshot, plan: PoolPlan) -> bool:
    """Whether its service is in dry run and others are steered: what it would drain hinders none.

    In a dry run of the daemon all is rehearsed, what guards the first plan and the rate included.
    """
    settings = snapshot.settings
    return settings.mode is Mode.ACTIVE and settings.mode_of(plan.service) is Mode.DRY_RUN


def _intent(
    snapshot: Snapshot,
    plan: PoolPlan,
    changes: Collection[Change],
    drift: Collection[Position],
    waiting: Collection[str],
) -> guard.Intent:
    return guard.Intent(
        plan,
        automatic_drains=tuple(sorted(automatic_drains([plan]))),
        ignored=guard.named(snapshot, plan.service, plan.pool),
        drift=tuple(p for p in drift if (p.service, p.pool) == (plan.service, plan.pool)),
        unconfirmed=waiting,
        repeated=is_repetition(snapshot.memory, changes),
    )


def _degraded(regions: Mapping[str, Mapping[str, RegionHealth]]) -> dict[tuple[str, str], int]:
    return {
        (service, name): health.degraded
        for service, members in regions.items()
        for name, health in members.items()
        if health.degraded
    }


def _still_cold(snapshot: Snapshot, service: str) -> frozenset[Position]:
    return frozenset(p for p in snapshot.memory.cold or () if p.service == service)


def _aborted(snapshot: Snapshot, planned: Iterable[Planned]) -> dict[Position, float]:
    """When which region last took a step back, as long as it is not tried again."""
    limit_s = snapshot.settings.ramp.retry_after_s
    lately = {p: at for p, at in snapshot.memory.aborted.items() if snapshot.now - at < limit_s}
    return {**lately, **{position: snapshot.now for p in planned for position in p.backing}}


def _mended(snapshot: Snapshot) -> str | None:
    """Why nothing is believed yet in the one cycle that ends an isolation.

    What was seen until now was seen blind; it is forgotten after this decision.
    """
    if snapshot.memory.isolated_since is None:
        return None
    return "the prober was suspect until now: what it saw is no evidence"


def _since(snapshot: Snapshot) -> float:
    since = snapshot.memory.isolated_since
    return snapshot.now if since is None else since
