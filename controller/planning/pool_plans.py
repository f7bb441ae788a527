"""Plans of a service's pools: from eligibility to this cycle's shares and changes, with reasons.

`plan_pools` has the steps in their order: which regions may take over, the best split, how far this
cycle goes towards it, and the changes of levers that this takes. Guards come after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from controller.model.decision import Held, Hold, PoolPlan, Shares, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.model.memory import ServiceMemory
from controller.planning.account.reasons import placement_and_ramp_rules
from controller.planning.eligibility import SET_UP_CAUSES, PoolEligibility
from controller.planning.guards.misdirected import exclude_misdirected
from controller.planning.levers.registry import lever_of
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import PoolPlacement
from controller.planning.placement.pool_placements import pool_placements
from controller.planning.pool_path import PoolInput, PoolPath
from controller.planning.ramp.gate import RampGate, ramp_gate
from controller.planning.ramp.relief import relieve_overload
from controller.planning.ramp.steps import RampLimits, ramp_dials, ramp_shares
from controller.planning.shares import SHARE_TOLERANCE

_MIN_DIAL_SHIFT = 0.05
"""Least change of a dial that is written: which region is nearest is learned from noisy reports."""


class PlannedPool(NamedTuple):
    """A pool's plan before guards, and what the next decision must know about it."""

    plan: PoolPlan
    warming_up: frozenset[Position]
    """Positions that are out, or back but not yet stable at their share."""
    stepping_back: frozenset[Position] = frozenset()
    """Positions that take a step back."""
    wait_s: float = 0.0
    """Seconds until a step that is held back may be due; 0: no step is held back."""


def plan_pools(
    snapshot: Snapshot,
    service_name: str,
    health: Mapping[str, RegionHealth],
    believed: Believed,
    by_pool: Mapping[str, PoolEligibility],
    before: Mapping[str, Shares],
) -> list[PlannedPool]:
    """The plans of a service's pools with their changes, and the rules of placement and ramp.

    `by_pool`: pool to eligibility by health and orders. `before`: pool to its present shares.
    """
    eligible = exclude_misdirected(snapshot, service_name, by_pool, before)
    placements = pool_placements(snapshot, service_name, believed, eligible, before)
    inputs = _pool_inputs(snapshot, service_name, health, believed, eligible, before, placements)
    planned = _towards_placement(inputs)
    return [_with_changes(snapshot, pool) for pool in planned]


def _pool_inputs(
    snapshot: Snapshot,
    service_name: str,
    health: Mapping[str, RegionHealth],
    believed: Believed,
    eligibility: Mapping[str, PoolEligibility],
    before: Mapping[str, Shares],
    placements: Mapping[str, PoolPlacement | None],
) -> list[PoolInput]:
    """What each pool's plan is made from."""
    was_warming_up = _warming_up_by_pool(snapshot.memory.of(service_name), before)
    leaving = {
        pool: _leaving_regions(eligibility[pool], before[pool]) if placement is not None else ()
        for pool, placement in placements.items()
    }
    urgent = any(leaving.values())
    return [
        PoolInput(
            snapshot,
            service_name,
            pool,
            believed,
            health,
            eligibility[pool],
            before[pool],
            placement,
            leaving[pool],
            was_warming_up[pool],
            urgent,
        )
        for pool, placement in placements.items()
    ]


def _leaving_regions(eligibility: PoolEligibility, before: Shares) -> tuple[str, ...]:
    """Regions that have traffic and must have none."""
    return tuple(region for region in eligibility.out if before.get(region, 0.0) > 0)


def _towards_placement(pool_inputs: list[PoolInput]) -> list[PlannedPool]:
    """Each pool's plan as far as this cycle goes, without changes."""
    paths = [_path(one, one.placement) for one in pool_inputs if one.placement is not None]
    if pool_inputs and _adds_up(pool_inputs[0]):
        paths = relieve_overload(paths)
    by_pool = {path.pool_input.pool: path for path in paths}
    return [
        _planned_pool(by_pool[one.pool]) if one.pool in by_pool else _unservable_pool(one)
        for one in pool_inputs
    ]


def _with_changes(snapshot: Snapshot, pool: PlannedPool) -> PlannedPool:
    """The pool with the changes of levers that its plan takes."""
    plan = pool.plan
    service = snapshot.settings.services[plan.service]
    changes = lever_of(service).diff(service, plan, snapshot.observed[plan.service])
    return pool._replace(plan=replace(plan, changes=changes)) if changes else pool


def _unservable_pool(pool_input: PoolInput) -> PlannedPool:
    """The plan of a pool that no region may serve: its traffic stays where it is."""
    eligibility, before = pool_input.eligibility, pool_input.before
    why = ", ".join(f"{region}: {one.cause}" for region, one in eligibility.items())
    detail = f"no region may serve ({why}): traffic stays where it is"
    # Where only the set-up is at fault, its own hold says all.
    observed = pool_input.snapshot.observed[pool_input.service]
    is_set_up = not observed.misconfigured(pool_input.pool)
    others = [one for one in eligibility.values() if one.cause not in SET_UP_CAUSES]
    last = (Held(Hold.LAST_REGION, detail),) if is_set_up or others else ()
    held = (*eligibility.held, *last)
    plan = PoolPlan(pool_input.service, pool_input.pool, before, before, before, held=held)
    return PlannedPool(plan, _positions(pool_input, eligibility))


def _planned_pool(path: PoolPath) -> PlannedPool:
    pool_input, before, after = path.pool_input, path.pool_input.before, path.after
    plan = PoolPlan(
        pool_input.service,
        pool_input.pool,
        before,
        path.desired,
        after,
        placement_and_ramp_rules(path),
        pool_input.eligibility.held,
        overload_rps=path.placement.overload,
    )
    warming_up = _positions(pool_input, path.warming_up)
    if after is before and not path.limited:
        return PlannedPool(plan, warming_up)
    emptied = [region for region in before if before[region] > 0 and after[region] == 0]
    causes = {pool_input.eligibility[region].cause for region in emptied}
    ramp_holds = [Held(Hold.RAMP_STEP, f"{r}: {path.gates[r].why}") for r in path.limited]
    stepping_back = {
        region
        for region in path.limited
        if after[region] < before[region] - SHARE_TOLERANCE and region not in pool_input.leaving
    }
    return PlannedPool(
        replace(
            plan,
            held=(*plan.held, *ramp_holds),
            emergency=bool(causes & {"region_down", "failover"}),
            by_person=bool(causes & {"drain", "failover"}),
        ),
        warming_up,
        _positions(pool_input, stepping_back),
        min((path.gates[region].wait_s for region in path.limited), default=0.0),
    )


def _path(pool_input: PoolInput, placement: PoolPlacement) -> PoolPath:
    """The path from the present split towards the best one, as far as this cycle goes."""
    before, is_kept = pool_input.before, pool_input.eligibility.has_kept
    desired = _without_small_shifts(pool_input, placement.shares)
    if desired is before and not pool_input.was_warming_up:
        out = frozenset(pool_input.eligibility.out)
        return PoolPath(pool_input, placement, before, out, {}, before, ())
    rising = [r for r in before if desired[r] > before[r]] if desired is not before else []
    returning = set() if is_kept else pool_input.was_warming_up
    gates = {region: _gate(pool_input, region) for region in returning | set(rising)}
    warming_up = _still_warming_up(pool_input, desired, gates)
    if desired is before and all(gate.action != "step_back" for gate in gates.values()):
        return PoolPath(pool_input, placement, before, warming_up, gates, before, ())
    limits = RampLimits(
        pool_input.snapshot.settings.ramp.step_points / 100,
        gates,
        warming_up,
        pool_input.leaving,
        pool_input.urgent,
    )
    ramp = ramp_shares if _adds_up(pool_input) else ramp_dials
    result = ramp(before, desired, limits)
    after = {region: result.shares.get(region, 0.0) for region in before}
    return PoolPath(pool_input, placement, desired, warming_up, gates, after, result.limited)


def _gate(pool_input: PoolInput, region: str) -> RampGate:
    """The region's ramp gate; without a step back while some region keeps its share."""
    gate = ramp_gate(
        pool_input.snapshot,
        pool_input.position(region),
        pool_input.before,
        pool_input.health[region],
    )
    is_kept = pool_input.eligibility.has_kept
    return replace(gate, action="wait") if is_kept and gate.action == "step_back" else gate


def _without_small_shifts(pool_input: PoolInput, placed: Shares) -> Shares:
    """Placement's split, or the present one (the same object) where all shifts are small.

    A region that comes or goes, and a pinned share, is never a small shift.
    """
    before, settings = pool_input.before, pool_input.snapshot.settings
    least = settings.placement.min_shift_points / 100
    if not _adds_up(pool_input):
        least = max(least, _MIN_DIAL_SHIFT)
    eligibility = pool_input.eligibility
    serving = [region for region, share in before.items() if share > 0]
    same_regions = len(serving) == sum([share > 0 for share in placed.values()])
    if same_regions and all(
        placed.get(r, 0.0) > 0
        and abs(placed[r] - before[r])
        < (least if eligibility[r].pinned_share is None else SHARE_TOLERANCE)
        for r in serving
    ):
        return before
    return {region: placed.get(region, 0.0) for region in before}


def _adds_up(pool_input: PoolInput) -> bool:
    """Whether its shares add up to 1, as weights do; dials do not."""
    return lever_of(pool_input.snapshot.settings.services[pool_input.service]).shares_add_up


def _warming_up_by_pool(memory: ServiceMemory, before: Mapping[str, Shares]) -> dict[str, set[str]]:
    """Pool to its regions that were warming up after the last decision."""
    found: dict[str, set[str]] = {pool: set() for pool in before}
    if memory.closed_is_warming_up:
        for pool, split in before.items():
            found[pool].update(region for region, share in split.items() if share == 0)
    for _, pool, region in memory.warming_up:
        if region in before.get(pool, ()):
            found[pool].add(region)
    return found


def _still_warming_up(
    pool_input: PoolInput, desired: Shares, gates: Mapping[str, RampGate]
) -> frozenset[str]:
    """Regions that are out, or back but not stable at their whole share for one ramp step.

    While some region keeps its share, the pool is only drained: then no region has warmed up.
    """
    before, eligibility = pool_input.before, pool_input.eligibility
    return frozenset(eligibility.out).union(
        region
        for region in pool_input.was_warming_up
        if eligibility.has_kept
        or desired[region] > before[region] + SHARE_TOLERANCE
        or gates[region].action != "rise"
    )


def _positions(pool_input: PoolInput, regions: Iterable[str]) -> frozenset[Position]:
    return frozenset([pool_input.position(region) for region in regions])
