"""Why a pool's shares are what they are: one rule for each step that moved or bound a region."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from controller.model.configuration import ServiceRegion
from controller.model.decision import Held, PipelineStep, PoolPlan, Rule, Shares, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.planning.eligibility import Permission, PoolEligibility
from controller.planning.placement.believed import Believed, by_share
from controller.planning.placement.optimal_split import PoolPlacement, price_ms
from controller.planning.ramp.gate import RampGate
from controller.planning.shares import SAME, is_same, percent

_ROUNDING = 1e-6


class PoolInput(NamedTuple):
    """What one pool's plan is made from. A named tuple, cheap to make for each of many pools."""

    snapshot: Snapshot
    service: str
    pool: str
    known: Believed
    health: Mapping[str, RegionHealth]
    stand: PoolEligibility
    before: Shares
    placement: PoolPlacement | None
    """Where placement wants to be; None where nobody may serve."""
    leaving: tuple[str, ...]
    """Regions with traffic that must leave this pool."""
    was_warming_up: Set[str]
    """Regions that were out when they were last looked at, or on their way back."""
    urgent: bool
    """Whether traffic must leave some region of the service."""

    @property
    def regions(self) -> Mapping[str, ServiceRegion]:
        """The service's, as configured."""
        return self.snapshot.settings.services[self.service].regions

    def position(self, region: str) -> Position:
        """The region in this pool."""
        return Position(self.service, self.pool, region)


class PoolPath(NamedTuple):
    """A pool's way from its present split: where to, and how far this cycle goes."""

    case: PoolInput
    placement: PoolPlacement
    desired: Shares
    warming_up: frozenset[str]
    """Regions that are out, or were and have not stood their share since."""
    paces: Mapping[str, RampGate]
    """Of the regions that are to rise, and of those on their way back."""
    after: Shares
    limited: tuple[str, ...]
    """Regions that get less than desired because of the step or their pace."""
    hurried: bool = False
    """Whether they get more than step and pace allow, because others would be overloaded."""


def placement_and_ramp_rules(way: PoolPath) -> tuple[Rule, ...]:
    """What placement and ramp did to each region."""
    return (*_placement_rules(way), *_ramp_rules(way))


def guard_rules(plan: PoolPlan, held: Held) -> tuple[Rule, ...]:
    """What a refusal did to each region that would have moved."""
    return tuple(
        Rule(
            PipelineStep.GUARD,
            held.reason.value,
            r,
            plan.after[r],
            plan.before[r],
            True,
            held.detail,
        )
        for r in plan.before
        if abs(plan.after[r] - plan.before[r]) >= SAME
    )


def _placement_rules(way: PoolPath) -> list[Rule]:
    before, desired = way.case.before, way.desired
    found = []
    for region in _told(way):
        standing = way.case.stand[region]
        if standing.may is Permission.OUT or standing.share is not None:
            binding, name, why = True, standing.cause, standing.why
        else:
            binding = _is_bound(way, region)
            name, why = _limit(way, region) if binding else _placement_reason(way, region)
        found.append(
            Rule(
                PipelineStep.PLACEMENT, name, region, before[region], desired[region], binding, why
            )
        )
    return found


def _told(way: PoolPath) -> list[str]:
    """Regions of which placement has something to say: they differ, or are full."""
    before, desired, full = way.case.before, way.desired, way.placement.full
    if desired is before:
        return [r for r, share in before.items() if share > 0 and r in full] if full else []
    return [
        r for r in before if not is_same(before[r], desired[r]) or (r in full and desired[r] > 0)
    ]


def _is_bound(way: PoolPath, region: str) -> bool:
    """Whether the pool would send more users there if the region had room for them."""
    if region not in way.placement.full:
        return False
    case, shares = way.case, way.placement.shares
    if shares.get(region, 0.0) > 0:
        return True
    if case.pool not in case.known.latency_ms:
        return case.regions[region].share > 0
    return _cost_ms(case, region) < max(_cost_ms(case, r) for r, s in shares.items() if s > 0)


def _limit(way: PoolPath, region: str) -> tuple[str, str]:
    overload = way.placement.overload
    if not overload:
        return "capacity", _full(way, region)
    lacking = f"{overload:.0f} requests/s more than the regions of the pool can carry"
    return "overload", f"{lacking}: spread evenly, {_filled(way, region)}"


def _placement_reason(way: PoolPath, region: str) -> tuple[str, str]:
    case = way.case
    if case.leaving and way.desired[region] > case.before[region]:
        return "takes_over", f"carries its part of what leaves {', '.join(case.leaving)}"
    if region in way.warming_up:
        return "returns", f"serves again: {case.stand[region].why}"
    if case.pool in case.known.latency_ms:
        return _by_distance(way, region)
    part = by_share(case.regions, case.stand.free).get(region, 0.0)
    full = _full_beside(way, region)
    if full and way.placement.shares.get(region, 0.0) > part + SAME:
        return "spill", f"takes what has no room in {', '.join(full)}"
    return "configured_share", "back to its configured share"


def _by_distance(way: PoolPath, region: str) -> tuple[str, str]:
    """What makes a region right for its share when nothing forces it."""
    case = way.case
    away = f"{case.known.latency_ms[case.pool][region]:.0f} ms from the pool's users"
    if way.desired[region] < case.before[region]:
        return "nearest", f"{away}; others are nearer or cheaper"
    here = _cost_ms(case, region)
    spilled = [r for r in _full_beside(way, region) if _cost_ms(case, r) < here]
    if spilled:
        return "spill", f"{away}; takes what has no room in {', '.join(spilled)}"
    return "nearest", f"{away}, nearest of those that may serve, price considered"


def _full_beside(way: PoolPath, region: str) -> list[str]:
    """The other regions of the pool that are full, by name."""
    return sorted(r for r in way.placement.full if r in way.case.before and r != region)


def _cost_ms(case: PoolInput, region: str) -> float:
    """What a request of the pool costs there, price included."""
    settings = case.snapshot.settings
    price = price_ms(settings.placement, settings.regions[region])
    return case.known.latency_ms[case.pool][region] + price


def _full(way: PoolPath, region: str) -> str:
    """A region's capacity binds: it is filled up to what is aimed at, or all are beyond that."""
    target = way.case.snapshot.settings.placement.target_utilisation
    aimed_at = target * way.case.known.capacity_rps[region]
    if way.placement.full[region] <= aimed_at * (1 + _ROUNDING):
        return f"full, {_filled(way, region)}; the rest spills over"
    return (
        f"beyond the {percent(target)} aimed at, as are all that may help: {_filled(way, region)}"
    )


def _filled(way: PoolPath, region: str) -> str:
    """What it carries, and which part that is of what is counted on."""
    case, rps = way.case, way.placement.full[region]
    configured = case.regions[region].capacity_rps
    if configured is None:
        return (
            f"{rps:.0f} requests/s, nobody knows its capacity: its part of the demand is counted on"
        )
    usable = case.health[region].usable
    degraded = f", of which {percent(usable)} is counted on while it is degraded"
    part = f"{percent(rps / configured)} of its capacity"
    return f"{rps:.0f} requests/s = {part}{degraded if usable < 1 else ''}"


def _ramp_rules(way: PoolPath) -> list[Rule]:
    before, desired, after = way.case.before, way.desired, way.after
    if after is desired:
        return []
    return [
        Rule(
            PipelineStep.RAMP,
            "back" if region in way.limited and after[region] < before[region] else "step",
            region,
            desired[region],
            after[region],
            True,
            _ramp_reason(way, region),
        )
        for region in desired
        if abs(desired[region] - after[region]) >= SAME
    ]


def _ramp_reason(way: PoolPath, region: str) -> str:
    if region not in way.limited:
        return f"keeps what {', '.join(way.limited)} cannot take yet"
    pace, limits = way.paces[region], way.case.snapshot.settings.ramp
    why = f"at most {limits.step_points:g} points a step, {limits.step_gap_s:g} s apart"
    if pace.verdict != "go":
        why = pace.why
    return f"{why}; it gets more, for the others have no room" if way.hurried else why
