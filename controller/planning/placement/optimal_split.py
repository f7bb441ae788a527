"""Which share of each pool each region should carry: an exact optimum over all pools together.

A pool that gives latencies goes where latency, and price at its stated worth, are least; one that
gives none keeps to its regions' shares. Both within what the regions may carry: their capacity as
well as they are, up to the target utilisation, or evenly beyond where all that may help are full
(`overload`). Traffic moves without need only when each request gains by it. Residency needs no
rule here: a region that is not lawful is not among the candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from controller.model.configuration import PlacementSettings as Preferences
from controller.model.configuration import Region, Service
from controller.model.decision import Shares
from controller.planning.placement.believed import Believed, configured_shares, load_rps
from controller.planning.placement.overload import CapacityLimits, min_max_limits
from controller.planning.placement.transportation import TrafficPortion, solve_transportation
from controller.planning.shares import normalised

_ELSEWHERE_MS = 50.0
"""What a request of a pool without latencies loses where its region has no room: about a detour
inside a continent, so that it makes way for requests that would go farther."""
_DUST = 1e-6
"""A smaller part of a pool than this is rounding, and must not become a record's weight."""


@dataclass(frozen=True, slots=True)
class PlacementProblem:
    """What is to be placed."""

    service: Service
    catalogue: Mapping[str, Region]
    """What is the same for every service: prices."""
    preferences: Preferences
    known: Believed
    candidates: Mapping[str, tuple[str, ...]]
    """Pool to the lawful regions that may be given traffic."""
    fixed: Mapping[str, Shares] = field(default_factory=dict)
    """Pool to shares that are settled: their load takes up room, and only the rest is placed."""
    before: Mapping[str, Shares] = field(default_factory=dict)
    """Pool to its present split."""


class PoolPlacement(NamedTuple):
    """The shares of one pool, and what kept its traffic from going where it would be best."""

    shares: Shares
    """Regions without any may be left out."""
    full: Mapping[str, float] = MappingProxyType({})
    """Regions of the service with more to do if they had the room, and the requests/s they carry
    in all."""
    overload: float = 0.0
    """This pool's requests/s beyond what the regions that may serve it can carry together."""


def place(task: PlacementProblem) -> dict[str, PoolPlacement]:
    """Pool to placement; a pool without candidates is left out."""
    taken = load_rps(task.known.demand_rps, task.fixed)
    prices = {
        name: price_ms(task.preferences, task.catalogue[name]) for name in task.service.regions
    }
    owners: list[str] = []
    portions: list[TrafficPortion] = []
    for pool in sorted(task.candidates):
        for portion in _portions(task, pool, prices):
            owners.append(pool)
            portions.append(portion)
    capacity, target = task.known.capacity_rps, task.preferences.target_utilisation
    limits = min_max_limits(portions, capacity, target, taken)
    flows = solve_transportation(portions, limits.rps, taken)
    split: dict[str, dict[str, float]] = {pool: {} for pool in task.candidates}
    carried = dict.fromkeys(limits.rps, 0.0)
    for pool, flow in zip(owners, flows.flows, strict=True):
        of_pool = split[pool]
        for region, rps in flow.items():
            of_pool[region] = of_pool.get(region, 0.0) + rps
            carried[region] += rps
    tight = {region for region, price in flows.prices.items() if price > 0}
    tight |= {region for group in limits.bottlenecks for region in group.regions}
    full = {region: taken.get(region, 0.0) + carried[region] for region in tight}
    beyond = _beyond(limits)
    return {
        pool: PoolPlacement(
            _shares(task, pool, rps, prices),
            full,
            sum([flow * beyond[region] for region, flow in rps.items() if region in beyond], 0.0),
        )
        for pool, rps in ((pool, _without_dust(rps)) for pool, rps in split.items())
        if task.candidates[pool]
    }


def total_overload_rps(task: PlacementProblem) -> float:
    """The overload of all pools together, as `place` would find it, without placing them."""
    taken = load_rps(task.known.demand_rps, task.fixed)
    portions = [
        TrafficPortion(
            _rest(task, pool) * task.known.demand_rps[pool], dict.fromkeys(candidates, 0.0)
        )
        for pool, candidates in task.candidates.items()
        if candidates
    ]
    target = task.preferences.target_utilisation
    limits = min_max_limits(portions, task.known.capacity_rps, target, taken)
    # What overloads regions fills them to the brim.
    return sum(
        (limits.rps[region] - taken.get(region, 0.0)) * part
        for region, part in _beyond(limits).items()
    )


def price_ms(preferences: Preferences, region: Region) -> float:
    """What a region's price is worth in milliseconds per request."""
    return preferences.ms_per_usd_per_gb * region.egress_usd_per_gb


def _portions(
    task: PlacementProblem, pool: str, prices: Mapping[str, float]
) -> Iterator[TrafficPortion]:
    """The pool's traffic in parts that prefer the same region."""
    candidates = task.candidates[pool]
    demand = _rest(task, pool) * task.known.demand_rps[pool]
    if not candidates or demand <= 0:
        return
    costs = _costs(task, pool, prices)
    if costs is None:
        for region, part in configured_shares(task.service.regions, candidates).items():
            away = {r: 0.0 if r == region else _ELSEWHERE_MS for r in candidates}
            yield TrafficPortion(part * demand, away)
        return
    now = {r: s for r, s in task.before.get(pool, {}).items() if s > 0 and r in costs}
    settled = sum(now.values())
    moving = max(0.0, 1 - settled)
    for region, share in now.items():
        if (part := share / (settled + moving)) > _DUST:
            # It does not move for nothing.
            yield TrafficPortion(part * demand, costs, region, task.preferences.move_gain_ms)
    if (part := moving / (settled + moving)) > _DUST:
        yield TrafficPortion(part * demand, costs)


def _costs(
    task: PlacementProblem, pool: str, prices: Mapping[str, float]
) -> dict[str, float] | None:
    """Region to milliseconds per request, price included; None for a pool without latencies."""
    latency_ms = task.known.latency_ms.get(pool)
    if latency_ms is None:
        return None
    return {region: latency_ms[region] + prices[region] for region in task.candidates[pool]}


def _shares(
    task: PlacementProblem, pool: str, rps: Mapping[str, float], prices: Mapping[str, float]
) -> Shares:
    """What is settled and what was placed; where there is no traffic, where it would go first."""
    placed = normalised(rps) or _without_traffic(task, pool, prices)
    rest = _rest(task, pool)
    shares = {region: rest * part for region, part in placed.items()}
    return {**task.fixed[pool], **shares} if task.fixed.get(pool) else shares


def _without_dust(rps: dict[str, float]) -> dict[str, float]:
    if len(rps) == 1:
        return rps
    least = _DUST * sum(rps.values())
    return {region: flow for region, flow in rps.items() if flow > least}


def _without_traffic(
    task: PlacementProblem, pool: str, prices: Mapping[str, float]
) -> dict[str, float]:
    costs = _costs(task, pool, prices)
    if costs is None:
        return configured_shares(task.service.regions, task.candidates[pool])
    return {min(costs, key=lambda region: (costs[region], region)): 1.0}


def _rest(task: PlacementProblem, pool: str) -> float:
    """The part of the pool that is not settled."""
    rest = 1 - sum(task.fixed[pool].values()) if pool in task.fixed else 1.0
    return rest if rest > _DUST else 0.0


def _beyond(limits: CapacityLimits) -> dict[str, float]:
    """Region to the part of its load that is more than it can carry."""
    return {
        region: 1 - 1 / group.utilisation
        for group in limits.bottlenecks
        for region in group.regions
        if group.utilisation > 1
    }
