"""One pool's plan: from standings to the shares of this cycle, with every rule that bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.model.configuration import Service
from controller.model.decision import Held, Hold, PoolPlan, Rule, Shares, Snapshot, Step
from controller.model.levers import Position
from controller.planning.placement import Placement, place
from controller.planning.ramp import Ramped, ramp_dials, ramp_shares
from controller.planning.shares import SAME, normalised, percent
from controller.planning.standing import May, Standing, pinned


@dataclass(frozen=True, slots=True)
class Planned:
    """A pool's plan before guards and diff, and what the next decision must know of it."""

    plan: PoolPlan
    returning: frozenset[Position]
    wait_s: float


def desired_shares(
    snapshot: Snapshot,
    service: Service,
    stands: Mapping[str, Mapping[str, Standing]],
    before: Mapping[str, Shares],
) -> dict[str, Placement | None]:
    """Pool to where placement wants to be; None where nobody may serve."""
    if service.levers.accelerator is not None:
        return {pool: _open_dials(stand, before[pool]) for pool, stand in stands.items()}
    kept = {pool: _kept_split(stand, before[pool]) for pool, stand in stands.items()}
    candidates = {
        pool: tuple(r for r, s in stand.items() if s.may is May.IN and s.share is None)
        for pool, stand in stands.items()
        if not kept[pool]
    }
    fixed = {pool: kept[pool] or pinned(stand) for pool, stand in stands.items()}
    placed = place(service, candidates, snapshot.settings.guards.target_utilisation, fixed)
    return {pool: placed.get(pool) or _settled(fixed[pool]) for pool in stands}


def _settled(shares: Mapping[str, float]) -> Placement | None:
    """A placement that leaves nothing to choose; pins alone carry the whole pool."""
    return Placement(normalised(shares), {}) if shares else None


def plan_pool(
    snapshot: Snapshot,
    service_name: str,
    pool_name: str,
    stand: Mapping[str, Standing],
    before: Shares,
    placement: Placement | None,
) -> Planned:
    """Placement and ramp of one pool, explained."""
    held = tuple(s.held for s in stand.values() if s.held is not None)
    if placement is None:
        last = Held(Hold.LAST_REGION, "no other region may serve: traffic stays where it is")
        plan = PoolPlan(service_name, pool_name, before, before, before, held=(*held, last))
        return Planned(plan, frozenset(), 0.0)
    desired = {region: placement.shares.get(region, 0.0) for region in before}
    returning = _returning(snapshot, service_name, pool_name, before, desired)
    ramped = _ramp(snapshot, service_name, pool_name, before, desired, returning)
    if ramped.limited:
        detail = f"{', '.join(ramped.limited)}: next step in {ramped.wait_s:.1f} s"
        held = (*held, Held(Hold.RAMP_STEP, detail))
    after = {region: ramped.shares.get(region, 0.0) for region in before}
    rules = (
        *_placement_rules(stand, before, desired, placement),
        *_ramp_rules(snapshot, desired, after),
    )
    causes = {stand[r].cause for r in before if before[r] > 0 and after[r] == 0}
    plan = PoolPlan(
        service_name,
        pool_name,
        before,
        desired,
        after,
        rules,
        held,
        emergency=bool(causes & {"region_down", "failover"}),
        by_person=bool(causes & {"drain", "failover"}),
    )
    positions = frozenset(Position(service_name, pool_name, region) for region in returning)
    return Planned(plan, positions, ramped.wait_s)


def _kept_split(stand: Mapping[str, Standing], before: Shares) -> dict[str, float]:
    """The present split without what must leave, when some region is to be kept as it is.

    Empty when placement is free to choose: no region is kept, or nothing would be left.
    """
    if not any(s.may is May.KEEP for s in stand.values()):
        return {}
    return normalised(
        {r: before[r] for r, s in stand.items() if r in before and s.may is not May.OUT}
    )


def _open_dials(stand: Mapping[str, Standing], before: Shares) -> Placement | None:
    """Behind an accelerator whoever may serve is opened wholly; nearness does the rest."""
    shares = {
        region: before.get(region, 0.0) if s.may is May.KEEP else _dial(s)
        for region, s in stand.items()
    }
    return Placement(shares, {}) if any(shares.values()) else None


def _dial(standing: Standing) -> float:
    if standing.may is May.OUT:
        return 0.0
    return 1.0 if standing.share is None else standing.share


def _returning(
    snapshot: Snapshot, service: str, pool: str, before: Shares, desired: Shares
) -> frozenset[str]:
    """Regions with their ramp still ahead of them."""
    return frozenset(
        region
        for region, share in desired.items()
        if share > before[region] + SAME
        if before[region] == 0 or Position(service, pool, region) in snapshot.memory.returning
    )


def _ramp(
    snapshot: Snapshot,
    service: str,
    pool: str,
    before: Shares,
    desired: Shares,
    returning: frozenset[str],
) -> Ramped:
    limits = snapshot.settings.ramp
    since = {
        position.region: snapshot.now - at
        for position, at in snapshot.memory.last_rise.items()
        if (position.service, position.pool) == (service, pool)
    }
    if snapshot.settings.services[service].levers.accelerator is not None:
        return ramp_dials(before, desired, since, limits)
    return ramp_shares(before, desired, since, returning, limits)


def _placement_rules(
    stand: Mapping[str, Standing], before: Shares, desired: Shares, placement: Placement
) -> list[Rule]:
    leaving = [r for r in before if before[r] > 0 and desired[r] == 0]
    rules = []
    for region in before:
        if abs(before[region] - desired[region]) < SAME and region not in placement.full:
            continue
        name, why = _placement_reason(region, stand[region], before, desired, placement, leaving)
        fixed = stand[region].share is not None
        binding = fixed or stand[region].may is May.OUT or region in placement.full
        rules.append(
            Rule(Step.PLACEMENT, name, region, before[region], desired[region], binding, why)
        )
    return rules


def _placement_reason(
    region: str,
    standing: Standing,
    before: Shares,
    desired: Shares,
    placement: Placement,
    leaving: list[str],
) -> tuple[str, str]:
    if standing.may is May.OUT:
        return standing.cause, standing.why
    if standing.share is not None:
        return standing.cause, standing.why
    if placement.overload:
        lacking = f"all regions of the pool are full, {placement.overload:.0f} requests/s too many"
        return "overload", f"{lacking}: spread evenly"
    if region in placement.full:
        return "capacity", f"full at {placement.full[region]:.0f} requests/s; the rest spills over"
    if before[region] == 0:
        return "returns", f"serves again: {standing.why}"
    if leaving and desired[region] > before[region]:
        return "takes_over", f"carries its part of what leaves {', '.join(leaving)}"
    return "configured_share", "back to its configured share"


def _ramp_rules(snapshot: Snapshot, desired: Shares, after: Shares) -> list[Rule]:
    limits = snapshot.settings.ramp
    why = f"at most {limits.step_points:g} points a step, {limits.step_gap_s:g} s apart"
    return [
        Rule(Step.RAMP, "step", region, desired[region], after[region], True, why)
        for region in desired
        if abs(desired[region] - after[region]) >= SAME
    ]


def guard_rules(plan: PoolPlan, held: Held) -> tuple[Rule, ...]:
    """What a refusal did to each region that would have moved."""
    return tuple(
        Rule(Step.GUARD, held.reason.value, r, plan.after[r], plan.before[r], True, held.detail)
        for r in plan.before
        if abs(plan.after[r] - plan.before[r]) >= SAME
    )


def describe(shares: Shares) -> str:
    """A split in one line: `eu-west-1 50 %, us-east-1 50 %`."""
    return ", ".join(f"{region} {percent(share)}" for region, share in shares.items())
