"""A service's plans: from standings to the shares of this cycle, with every rule that bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from controller.model.decision import Held, Hold, PoolPlan, Shares, Snapshot
from controller.model.levers import Position
from controller.model.memory import ServiceMemory
from controller.planning.account.reasons import PoolInput, PoolPath, placement_and_ramp_rules
from controller.planning.eligibility import Permission, PoolEligibility
from controller.planning.levers.registry import lever_of
from controller.planning.placement.accelerator_split import place_dials
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import PlacementProblem, PoolPlacement, place
from controller.planning.ramp.gate import RampGate, pace
from controller.planning.ramp.relief import with_room
from controller.planning.ramp.steps import RampLimits, ramp_dials, ramp_shares
from controller.planning.shares import SAME, normalised

_MIN_DIAL_SHIFT = 0.05
"""A dial moves by so much at least: who is nearest is learned by and by, from noisy reports."""


class PlannedPool(NamedTuple):
    """A pool's plan before guards and diff, and what the next decision must know of it."""

    plan: PoolPlan
    warming_up: frozenset[Position]
    """Positions that are out or not yet back at their share."""
    stepping_back: frozenset[Position] = frozenset()
    """Positions that take a step back."""
    wait_s: float = 0.0
    """Seconds until a step held back may be due; 0: none is."""


def leaving_regions(stand: PoolEligibility, before: Shares) -> tuple[str, ...]:
    """Regions with traffic that may have none."""
    return tuple(region for region in stand.out if before.get(region, 0.0) > 0)


def pool_placements(
    snapshot: Snapshot,
    service_name: str,
    known: Believed,
    stands: Mapping[str, PoolEligibility],
    before: Mapping[str, Shares],
) -> dict[str, PoolPlacement | None]:
    """Pool to where placement wants to be; None where nobody may serve."""
    service = snapshot.settings.services[service_name]
    if not lever_of(service).shares_add_up:
        return {
            pool: place_dials(snapshot, (service_name, pool), known, stand, before[pool])
            for pool, stand in stands.items()
        }
    bound = {pool: stand for pool, stand in stands.items() if len(stand.free) < len(stand)}
    kept = {pool: _kept_split(stand, before[pool]) for pool, stand in bound.items()}
    candidates = {pool: stand.free for pool, stand in stands.items() if not kept.get(pool)}
    fixed = {pool: kept[pool] or stand.pinned for pool, stand in bound.items()}
    settings = snapshot.settings
    task = PlacementProblem(
        service, settings.regions, settings.placement, known, candidates, fixed, before
    )
    placed = place(task)
    return {pool: placed.get(pool) or _fixed_placement(fixed.get(pool, {})) for pool in stands}


def _fixed_placement(shares: Shares) -> PoolPlacement | None:
    """A placement that leaves nothing to choose; pins alone carry the whole pool."""
    return PoolPlacement(normalised(shares)) if shares else None


def plan_pools(cases: Sequence[PoolInput]) -> list[PlannedPool]:
    """Placement and ramp of a service's pools, explained."""
    ways = [_path(case, case.placement) for case in cases if case.placement is not None]
    if cases and _adds_up(cases[0]):
        ways = with_room(ways)
    found = {way.case.pool: way for way in ways}
    return [
        _planned_pool(found[case.pool]) if case.pool in found else _unservable_pool(case)
        for case in cases
    ]


def _unservable_pool(case: PoolInput) -> PlannedPool:
    """What becomes of a pool that nobody may serve."""
    why = ", ".join(f"{region}: {s.cause}" for region, s in case.stand.items())
    detail = f"no region may serve ({why}): traffic stays where it is"
    held = (*case.stand.held, Held(Hold.LAST_REGION, detail))
    plan = PoolPlan(case.service, case.pool, case.before, case.before, case.before, held=held)
    return PlannedPool(plan, _positions(case, case.stand))


def _planned_pool(way: PoolPath) -> PlannedPool:
    case, before, after = way.case, way.case.before, way.after
    if after is before and not way.limited:
        plan = PoolPlan(
            case.service,
            case.pool,
            before,
            way.desired,
            before,
            placement_and_ramp_rules(way),
            case.stand.held,
            overload_rps=way.placement.overload,
        )
        return PlannedPool(plan, _positions(case, way.warming_up))
    causes = {case.stand[r].cause for r in before if before[r] > 0 and after[r] == 0}
    waits = [Held(Hold.RAMP_STEP, f"{r}: {way.paces[r].why}") for r in way.limited]
    plan = PoolPlan(
        case.service,
        case.pool,
        before,
        way.desired,
        after,
        placement_and_ramp_rules(way),
        (*case.stand.held, *waits),
        emergency=bool(causes & {"region_down", "failover"}),
        by_person=bool(causes & {"drain", "failover"}),
        overload_rps=way.placement.overload,
    )
    stepping_back = {
        r for r in way.limited if after[r] < before[r] - SAME and r not in case.leaving
    }
    return PlannedPool(
        plan,
        _positions(case, way.warming_up),
        _positions(case, stepping_back),
        min((way.paces[r].wait_s for r in way.limited), default=0.0),
    )


def _path(case: PoolInput, placement: PoolPlacement) -> PoolPath:
    """From the present split towards the best one, as far as this cycle goes."""
    before = case.before
    desired = _without_small_shifts(case, placement.shares)
    if desired is before and not case.was_warming_up:
        return PoolPath(case, placement, before, frozenset(case.stand.out), {}, before, ())
    rising = [r for r in before if desired[r] > before[r]] if desired is not before else []
    is_kept = case.stand.is_kept
    paces = {
        region: pace(case.snapshot, case.position(region), before, case.health[region])
        for region in (set() if is_kept else case.was_warming_up) | set(rising)
    }
    if is_kept:
        paces = {
            r: replace(p, verdict="wait") if p.verdict == "back" else p for r, p in paces.items()
        }
    warming_up = _still_warming_up(case, desired, paces, is_kept=is_kept)
    if desired is before and all(pace.verdict != "back" for pace in paces.values()):
        return PoolPath(case, placement, before, warming_up, paces, before, ())
    settings = case.snapshot.settings
    climb = RampLimits(
        settings.ramp.step_points / 100, paces, warming_up, case.leaving, case.urgent
    )
    ramped = (ramp_shares if _adds_up(case) else ramp_dials)(before, desired, climb)
    after = {region: ramped.shares.get(region, 0.0) for region in before}
    return PoolPath(case, placement, desired, warming_up, paces, after, ramped.limited)


def _without_small_shifts(case: PoolInput, placed: Shares) -> Shares:
    """The present split where another would hardly differ: rebalancing for a little is noise.

    Whatever comes or goes, and whatever a person pinned, is never too little.
    """
    before, settings = case.before, case.snapshot.settings
    least = settings.placement.min_shift_points / 100
    if not _adds_up(case):
        least = max(least, _MIN_DIAL_SHIFT)
    serving = [region for region, share in before.items() if share > 0]
    same_regions = len(serving) == sum([share > 0 for share in placed.values()])
    if same_regions and all(
        placed.get(r, 0.0) > 0
        and abs(placed[r] - before[r]) < (least if case.stand[r].share is None else SAME)
        for r in serving
    ):
        return before
    return {region: placed.get(region, 0.0) for region in before}


def _adds_up(case: PoolInput) -> bool:
    """Whether its shares are parts of a whole, not dials."""
    return lever_of(case.snapshot.settings.services[case.service]).shares_add_up


def _kept_split(stand: PoolEligibility, before: Shares) -> dict[str, float]:
    """The present split without what must leave, when some region is to be kept as it is.

    Empty when placement is free to choose: no region is kept, or nothing would be left.
    """
    if not stand.is_kept:
        return {}
    return normalised(
        {r: before[r] for r, s in stand.items() if r in before and s.may is not Permission.OUT}
    )


def warming_up_by_pool(memory: ServiceMemory, before: Mapping[str, Shares]) -> dict[str, set[str]]:
    """Pool to its regions that were out when last looked at, or on their way back."""
    found: dict[str, set[str]] = {pool: set() for pool in before}
    if memory.closed_is_warming_up:
        for pool, split in before.items():
            found[pool].update(region for region, share in split.items() if share == 0)
    for _, pool, region in memory.warming_up:
        if region in before.get(pool, ()):
            found[pool].add(region)
    return found


def _still_warming_up(
    case: PoolInput, desired: Shares, paces: Mapping[str, RampGate], *, is_kept: bool
) -> frozenset[str]:
    """Regions that are out, or were and have not stood their whole share for a step since.

    `is_kept`: nobody knows how some region is, so that the pool is only drained. Then nothing gets
    warmer, and nothing goes back.
    """
    return frozenset(case.stand.out).union(
        region
        for region in case.was_warming_up
        if is_kept or desired[region] > case.before[region] + SAME or paces[region].verdict != "go"
    )


def _positions(case: PoolInput, regions: Iterable[str]) -> frozenset[Position]:
    return frozenset([case.position(region) for region in regions])
