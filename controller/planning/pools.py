"""A service's plans: from standings to the shares of this cycle, with every rule that bound."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.model.decision import Held, Hold, PoolPlan, Shares, Snapshot
from controller.model.levers import Position
from controller.planning.hurry import with_room
from controller.planning.pace import Pace, pace
from controller.planning.placement.accelerated import place_dials
from controller.planning.placement.figures import Known
from controller.planning.placement.optimum import Placement, Task, place
from controller.planning.ramp import Climb, ramp_dials, ramp_shares
from controller.planning.rules import Case, Way, rules
from controller.planning.shares import SAME, normalised
from controller.planning.standing import May, Standing, pinned

_LEAST_DIAL = 0.05
"""A dial moves by so much at least: who is nearest is learned by and by, from noisy reports."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A pool's plan before guards and diff, and what the next decision must know of it."""

    plan: PoolPlan
    cold: frozenset[Position]
    """Positions that are out or not yet back at their share."""
    backing: frozenset[Position] = frozenset()
    """Positions that take a step back."""
    wait_s: float = 0.0
    """Seconds until a step held back may be due; 0: none is."""


def must_leave(stand: Mapping[str, Standing], before: Shares) -> tuple[str, ...]:
    """Regions with traffic that may have none."""
    return tuple(r for r, s in stand.items() if s.may is May.OUT and before.get(r, 0.0) > 0)


def desired_shares(
    snapshot: Snapshot,
    service_name: str,
    known: Known,
    stands: Mapping[str, Mapping[str, Standing]],
    before: Mapping[str, Shares],
) -> dict[str, Placement | None]:
    """Pool to where placement wants to be; None where nobody may serve."""
    service = snapshot.settings.services[service_name]
    if service.levers.accelerator is not None:
        return {
            pool: place_dials(snapshot, (service_name, pool), known, stand, before[pool])
            for pool, stand in stands.items()
        }
    kept = {pool: _kept_split(stand, before[pool]) for pool, stand in stands.items()}
    candidates = {
        pool: tuple(r for r, s in stand.items() if s.may is May.IN and s.share is None)
        for pool, stand in stands.items()
        if not kept[pool]
    }
    fixed = {pool: kept[pool] or pinned(stand) for pool, stand in stands.items()}
    task = Task(service, snapshot.settings.placement, known, candidates, fixed, before)
    placed = place(task)
    return {pool: placed.get(pool) or _settled(fixed[pool]) for pool in stands}


def _settled(shares: Shares) -> Placement | None:
    """A placement that leaves nothing to choose; pins alone carry the whole pool."""
    return Placement(normalised(shares)) if shares else None


def plan_pools(cases: Sequence[Case]) -> list[Planned]:
    """Placement and ramp of a service's pools, explained."""
    ways = [_way(case, case.placement) for case in cases if case.placement is not None]
    if not any(map(_is_accelerated, cases)):
        ways = with_room(ways)
    found = {way.case.pool: way for way in ways}
    return [_planned(found[case.pool]) if case.pool in found else _staying(case) for case in cases]


def _staying(case: Case) -> Planned:
    """What becomes of a pool that nobody may serve."""
    why = ", ".join(f"{region}: {s.cause}" for region, s in case.stand.items())
    detail = f"no region may serve ({why}): traffic stays where it is"
    held = (*_held(case), Held(Hold.LAST_REGION, detail))
    plan = PoolPlan(case.service, case.pool, case.before, case.before, case.before, held=held)
    return Planned(plan, _positions(case, case.stand))


def _held(case: Case) -> tuple[Held, ...]:
    return tuple(held for standing in case.stand.values() for held in standing.held)


def _planned(way: Way) -> Planned:
    case, before, after = way.case, way.case.before, way.after
    causes = {case.stand[r].cause for r in before if before[r] > 0 and after[r] == 0}
    waits = tuple(Held(Hold.RAMP_STEP, f"{r}: {way.paces[r].why}") for r in way.limited)
    plan = PoolPlan(
        case.service,
        case.pool,
        before,
        way.desired,
        after,
        rules(way),
        (*_held(case), *waits),
        emergency=bool(causes & {"region_down", "failover"}),
        by_person=bool(causes & {"drain", "failover"}),
        overload_rps=way.placement.overload,
    )
    backing = {r for r in way.limited if after[r] < before[r] - SAME and r not in case.leaving}
    return Planned(
        plan,
        _positions(case, way.cold),
        _positions(case, backing),
        min((way.paces[r].wait_s for r in way.limited), default=0.0),
    )


def _way(case: Case, placement: Placement) -> Way:
    """From the present split towards the best one, as far as this cycle goes."""
    before, settings = case.before, case.snapshot.settings
    desired = _steady(case, {region: placement.shares.get(region, 0.0) for region in before})
    was_cold = _was_cold(case)
    paces = {
        region: pace(case.snapshot, case.position(region), before, case.health[region])
        for region in before
        if desired[region] > before[region] or region in was_cold
    }
    cold = _still_cold(case, was_cold, desired, paces)
    climb = Climb(settings.ramp.step_points / 100, paces, cold, case.leaving, case.urgent)
    ramped = (ramp_dials if _is_accelerated(case) else ramp_shares)(before, desired, climb)
    after = {region: ramped.shares.get(region, 0.0) for region in before}
    return Way(case, placement, desired, cold, paces, after, ramped.limited)


def _steady(case: Case, desired: Shares) -> Shares:
    """The present split where another would hardly differ: rebalancing for a little is noise.

    Whatever comes or goes, and whatever a person pinned, is never too little.
    """
    before, settings = case.before, case.snapshot.settings
    least = settings.placement.min_shift_points / 100
    if _is_accelerated(case):
        least = max(least, _LEAST_DIAL)
    fixed = {r for r in desired if case.stand[r].share is not None}
    small = all(abs(desired[r] - before[r]) < (SAME if r in fixed else least) for r in desired)
    same_regions = all((desired[r] > 0) == (before[r] > 0) for r in desired)
    return before if small and same_regions else desired


def _is_accelerated(case: Case) -> bool:
    return case.snapshot.settings.services[case.service].levers.accelerator is not None


def _kept_split(stand: Mapping[str, Standing], before: Shares) -> dict[str, float]:
    """The present split without what must leave, when some region is to be kept as it is.

    Empty when placement is free to choose: no region is kept, or nothing would be left.
    """
    if not any(s.may is May.KEEP for s in stand.values()):
        return {}
    return normalised(
        {r: before[r] for r, s in stand.items() if r in before and s.may is not May.OUT}
    )


def _was_cold(case: Case) -> set[str]:
    """Regions that were out when they were last looked at, or on their way back."""
    earlier = case.snapshot.memory.cold
    if earlier is None:
        return {region for region, share in case.before.items() if share == 0}
    return {region for region in case.before if case.position(region) in earlier}


def _still_cold(
    case: Case, was_cold: Collection[str], desired: Shares, paces: Mapping[str, Pace]
) -> frozenset[str]:
    """Regions that are out, or were and have not stood their whole share for a step since.

    Nothing gets warmer while the pool is kept as it is because nobody knows how some region is.
    """
    is_kept = any(standing.may is May.KEEP for standing in case.stand.values())
    return frozenset(
        region
        for region, standing in case.stand.items()
        if standing.may is May.OUT
        or (
            region in was_cold
            and (
                is_kept
                or desired[region] > case.before[region] + SAME
                or paces[region].verdict != "go"
            )
        )
    )


def _positions(case: Case, regions: Iterable[str]) -> frozenset[Position]:
    return frozenset(map(case.position, regions))
