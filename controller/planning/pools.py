"""One pool's plan: from standings to the shares of this cycle, with every rule that bound."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from controller.model.decision import Held, Hold, PoolPlan, Rule, Shares, Snapshot, Step
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.planning.accelerated import place_dials
from controller.planning.figures import Known
from controller.planning.pace import Pace, pace
from controller.planning.placement import Placement, Task, place
from controller.planning.ramp import Climb, Ramped, ramp_dials, ramp_shares
from controller.planning.shares import SAME, normalised, percent
from controller.planning.standing import May, Standing, pinned

_LEAST_DIAL = 0.05
"""A dial moves by so much at least: who is nearest is learned by and by, from noisy reports."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that one pool's plan rests on."""

    snapshot: Snapshot
    service: str
    pool: str
    known: Known
    health: Mapping[str, RegionHealth]
    stand: Mapping[str, Standing]
    before: Shares
    placement: Placement | None
    """Where placement wants to be; None where nobody may serve."""
    urgent: bool
    """Whether traffic must leave some region of the service."""

    def position(self, region: str) -> Position:
        """The region in this pool."""
        return Position(self.service, self.pool, region)

    @property
    def leaving(self) -> list[str]:
        """Regions with traffic that must leave this pool."""
        return must_leave(self.stand, self.before)


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


def must_leave(stand: Mapping[str, Standing], before: Shares) -> list[str]:
    """Regions with traffic that may have none."""
    return [r for r, s in stand.items() if s.may is May.OUT and before.get(r, 0.0) > 0]


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


def plan_pool(case: Case) -> Planned:
    """Placement and ramp of one pool, explained."""
    before, stand, placement = case.before, case.stand, case.placement
    held = tuple(s.held for s in stand.values() if s.held is not None)
    if placement is None:
        last = Held(Hold.LAST_REGION, "no other region may serve: traffic stays where it is")
        plan = PoolPlan(case.service, case.pool, before, before, before, held=(*held, last))
        return Planned(plan, _cold(case, before))
    desired = _steady(case, {region: placement.shares.get(region, 0.0) for region in before})
    cold = _cold(case, desired)
    paces = {r: pace(case.snapshot, case.position(r), before, case.health[r]) for r in before}
    ramped = _ramp(case, desired, paces, {p.region for p in cold if p.region in before})
    after = _after(case, ramped)
    waits = tuple(Held(Hold.RAMP_STEP, f"{r}: {paces[r].why}") for r in ramped.limited)
    causes = {stand[r].cause for r in before if before[r] > 0 and after[r] == 0}
    plan = PoolPlan(
        case.service,
        case.pool,
        before,
        desired,
        after,
        (*_placement_rules(case, placement, desired), *_ramp_rules(case, ramped, paces, desired)),
        (*held, *waits),
        emergency=bool(causes & {"region_down", "failover"}),
        by_person=bool(causes & {"drain", "failover"}),
        overload_rps=placement.overload,
    )
    backing = {r for r in ramped.limited if after[r] < before[r] - SAME and r not in case.leaving}
    return Planned(
        plan,
        cold,
        frozenset(map(case.position, backing)),
        min((paces[r].wait_s for r in ramped.limited), default=0.0),
    )


def _steady(case: Case, desired: Shares) -> Shares:
    """The present split where another would hardly differ: rebalancing for a little is noise.

    Whatever comes or goes, and whatever a person pinned, is never too little.
    """
    before, settings = case.before, case.snapshot.settings
    least = settings.placement.min_shift_points / 100
    if settings.services[case.service].levers.accelerator is not None:
        least = max(least, _LEAST_DIAL)
    if any(s.share is not None or s.may is not May.IN for s in case.stand.values()):
        return desired
    small = all(abs(desired[r] - before[r]) < least for r in desired)
    same_regions = all((desired[r] > 0) == (before[r] > 0) for r in desired)
    return before if small and same_regions else desired


def _kept_split(stand: Mapping[str, Standing], before: Shares) -> dict[str, float]:
    """The present split without what must leave, when some region is to be kept as it is.

    Empty when placement is free to choose: no region is kept, or nothing would be left.
    """
    if not any(s.may is May.KEEP for s in stand.values()):
        return {}
    return normalised(
        {r: before[r] for r, s in stand.items() if r in before and s.may is not May.OUT}
    )


def _cold(case: Case, desired: Shares) -> frozenset[Position]:
    """Positions that are out, or were and have not reached their share since."""
    earlier = case.snapshot.memory.cold
    found = set()
    for region in case.stand:
        position, before = case.position(region), case.before.get(region, 0.0)
        was_cold = before == 0 if earlier is None else position in earlier
        rising = desired.get(region, 0.0) > before + SAME
        if case.stand[region].may is May.OUT or (was_cold and rising):
            found.add(position)
    return frozenset(found)


def _ramp(case: Case, desired: Shares, paces: Mapping[str, Pace], cold: Collection[str]) -> Ramped:
    settings = case.snapshot.settings
    climb = Climb(settings.ramp.step_points / 100, paces, cold, case.leaving, case.urgent)
    if settings.services[case.service].levers.accelerator is not None:
        return ramp_dials(case.before, desired, climb)
    return ramp_shares(case.before, desired, climb)


def _placement_rules(case: Case, placement: Placement, desired: Shares) -> list[Rule]:
    before, stand = case.before, case.stand
    rules = []
    for region in before:
        if abs(before[region] - desired[region]) < SAME and region not in placement.full:
            continue
        name, why = _placement_reason(case, placement, desired, region)
        fixed = stand[region].share is not None
        binding = fixed or stand[region].may is May.OUT or region in placement.full
        rules.append(
            Rule(Step.PLACEMENT, name, region, before[region], desired[region], binding, why)
        )
    return rules


def _placement_reason(
    case: Case, placement: Placement, desired: Shares, region: str
) -> tuple[str, str]:
    standing, before = case.stand[region], case.before
    if standing.may is May.OUT or standing.share is not None:
        return standing.cause, standing.why
    if placement.overload and region in placement.full:
        lacking = f"{placement.overload:.0f} requests/s more than the regions of the pool can carry"
        return "overload", f"{lacking}: spread evenly, {_filled(case, placement, region)}"
    if region in placement.full:
        return "capacity", f"full, {_filled(case, placement, region)}; the rest spills over"
    if case.leaving and desired[region] > before[region]:
        return "takes_over", f"carries its part of what leaves {', '.join(case.leaving)}"
    if case.position(region) in _cold(case, desired):
        return "returns", f"serves again: {standing.why}"
    return _preference(case, placement, desired, region)


def _preference(case: Case, placement: Placement, desired: Shares, region: str) -> tuple[str, str]:
    """What makes a region right for its share when nothing forces it."""
    if case.pool not in case.known.latency_ms:
        return "configured_share", "back to its configured share"
    away = f"{case.known.latency_ms[case.pool][region]:.0f} ms from the pool's users"
    if desired[region] < case.before[region]:
        return "nearest", f"{away}; others are nearer or cheaper"
    spilled = sorted(placement.full.keys() - {region})
    if spilled:
        return "spill", f"{away}; takes what has no room in {', '.join(spilled)}"
    return "nearest", f"{away}, nearest of those that may serve, price considered"


def _filled(case: Case, placement: Placement, region: str) -> str:
    rps, capacity = placement.full[region], case.known.capacity_rps[region]
    part = f" = {percent(rps / capacity)} of its capacity" if capacity else ""
    usable = case.health[region].usable
    counted = (
        f", of which only {percent(usable)} is counted on: it is degraded" if usable < 1 else ""
    )
    return f"{rps:.0f} requests/s{part}{counted}"


def _after(case: Case, ramped: Ramped) -> dict[str, float]:
    return {region: ramped.shares.get(region, 0.0) for region in case.before}


def _ramp_rules(
    case: Case, ramped: Ramped, paces: Mapping[str, Pace], desired: Shares
) -> list[Rule]:
    after = _after(case, ramped)
    return [
        Rule(
            Step.RAMP,
            "back" if after[region] < case.before[region] < desired[region] else "step",
            region,
            desired[region],
            after[region],
            True,
            _ramp_reason(case, ramped, paces, region),
        )
        for region in desired
        if abs(desired[region] - after[region]) >= SAME
    ]


def _ramp_reason(case: Case, ramped: Ramped, paces: Mapping[str, Pace], region: str) -> str:
    if region not in ramped.limited:
        return f"keeps what {', '.join(ramped.limited)} cannot take yet"
    if paces[region].verdict != "go":
        return paces[region].why
    limits = case.snapshot.settings.ramp
    return f"at most {limits.step_points:g} points a step, {limits.step_gap_s:g} s apart"


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
