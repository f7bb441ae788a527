"""Which share of each pool each region should carry: an exact optimum over all pools together.

A transportation problem (`planning.placement.transportation`): pools supply traffic, regions have
capacity. A pool with latencies goes where latency plus price (converted to milliseconds) is least.
A pool without latencies keeps to its regions' configured shares. Regions are filled up to the
target utilisation, or evenly beyond where all regions that may help are full
(`planning.placement.overload`). Traffic moves only when each request gains at least the configured
milliseconds. Residency needs no rule here: a region that is not lawful is not among the candidates.
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

_DETOUR_MS = 50.0
"""What a request of a pool without latencies loses outside its configured region: about a detour
inside a continent, so that it makes way for requests that would go farther."""
_NEGLIGIBLE = 1e-6
"""A smaller fraction of a pool than this is rounding, and must not become a record's weight."""


@dataclass(frozen=True, slots=True)
class PlacementProblem:
    """What is to be placed. `sum(fixed[pool]) <= 1` and `sum(before[pool]) <= 1`."""

    service: Service
    catalogue: Mapping[str, Region]
    """What is the same for every service: prices."""
    preferences: Preferences
    believed: Believed
    candidates: Mapping[str, tuple[str, ...]]
    """Pool to the lawful regions that may be given traffic."""
    fixed: Mapping[str, Shares] = field(default_factory=dict)
    """Pool to shares that may not change: their load uses capacity, and only the rest is placed."""
    before: Mapping[str, Shares] = field(default_factory=dict)
    """Pool to its present split."""

    def free_share(self, pool: str) -> float:
        """The fraction of the pool that is to be placed: what is not fixed."""
        free = 1 - sum(self.fixed[pool].values()) if pool in self.fixed else 1.0
        return free if free > _NEGLIGIBLE else 0.0

    def free_rps(self, pool: str) -> float:
        """The pool's requests/s that are to be placed."""
        return self.free_share(pool) * self.believed.demand_rps[pool]

    def fixed_load_rps(self) -> dict[str, float]:
        """Region to the requests/s of all pools that are fixed there."""
        return load_rps(self.believed.demand_rps, self.fixed)


class PoolPlacement(NamedTuple):
    """The shares of one pool, and what kept its traffic from going where it would be best."""

    shares: Shares
    """`sum(shares) == 1` on Route 53; regions without any may be left out."""
    full: Mapping[str, float] = MappingProxyType({})
    """Regions of the service whose limit binds, with the requests/s they carry in all."""
    overload: float = 0.0
    """This pool's requests/s beyond what the regions that may serve it can carry together."""


def place(problem: PlacementProblem) -> dict[str, PoolPlacement]:
    """Pool to placement; a pool without candidates is left out."""
    fixed_load = problem.fixed_load_rps()
    prices = {
        name: price_ms(problem.preferences, problem.catalogue[name])
        for name in problem.service.regions
    }
    owners: list[str] = []
    portions: list[TrafficPortion] = []
    for pool in sorted(problem.candidates):
        for portion in _portions(problem, pool, prices):
            owners.append(pool)
            portions.append(portion)
    limits = _limits(problem, portions, fixed_load)
    solution = solve_transportation(portions, limits.rps, fixed_load)
    split: dict[str, dict[str, float]] = {pool: {} for pool in problem.candidates}
    carried = dict.fromkeys(limits.rps, 0.0)
    for pool, flow in zip(owners, solution.flows, strict=True):
        of_pool = split[pool]
        for region, rps in flow.items():
            of_pool[region] = of_pool.get(region, 0.0) + rps
            carried[region] += rps
    tight = {region for region, price in solution.prices.items() if price > 0}
    tight |= {region for group in limits.bottlenecks for region in group.regions}
    full = {region: fixed_load.get(region, 0.0) + carried[region] for region in tight}
    excess = _excess_fractions(limits)
    return {
        pool: PoolPlacement(
            _shares(problem, pool, rps, prices),
            full,
            sum([flow * excess[region] for region, flow in rps.items() if region in excess], 0.0),
        )
        for pool, rps in ((pool, _without_negligible(rps)) for pool, rps in split.items())
        if problem.candidates[pool]
    }


def total_overload_rps(problem: PlacementProblem) -> float:
    """The sum of `PoolPlacement.overload` over all pools, computed without placing them."""
    fixed_load = problem.fixed_load_rps()
    portions = [
        TrafficPortion(problem.free_rps(pool), dict.fromkeys(candidates, 0.0))
        for pool, candidates in problem.candidates.items()
        if candidates
    ]
    limits = _limits(problem, portions, fixed_load)
    # A region of a bottleneck is filled up to its limit.
    return sum(
        (limits.rps[region] - fixed_load.get(region, 0.0)) * fraction
        for region, fraction in _excess_fractions(limits).items()
    )


def price_ms(preferences: Preferences, region: Region) -> float:
    """What a region's price is worth in milliseconds per request."""
    return preferences.ms_per_usd_per_gb * region.egress_usd_per_gb


def _limits(
    problem: PlacementProblem, portions: list[TrafficPortion], fixed_load: Mapping[str, float]
) -> CapacityLimits:
    return min_max_limits(
        portions,
        problem.believed.capacity_rps,
        problem.preferences.target_utilisation,
        fixed_load,
    )


def _portions(
    problem: PlacementProblem, pool: str, prices: Mapping[str, float]
) -> Iterator[TrafficPortion]:
    """The pool's traffic in portions: by present region, or by configured region."""
    candidates = problem.candidates[pool]
    free_rps = problem.free_rps(pool)
    if not candidates or free_rps <= 0:
        return
    costs = _costs(problem, pool, prices)
    if costs is None:
        for region, fraction in configured_shares(problem.service.regions, candidates).items():
            detours = {r: 0.0 if r == region else _DETOUR_MS for r in candidates}
            yield TrafficPortion(fraction * free_rps, detours)
        return
    now = {r: s for r, s in problem.before.get(pool, {}).items() if s > 0 and r in costs}
    staying = sum(now.values())
    moving = max(0.0, 1 - staying)
    for region, share in now.items():
        if (fraction := share / (staying + moving)) > _NEGLIGIBLE:
            discount = problem.preferences.move_gain_ms
            yield TrafficPortion(fraction * free_rps, costs, region, discount)
    if (fraction := moving / (staying + moving)) > _NEGLIGIBLE:
        yield TrafficPortion(fraction * free_rps, costs)


def _costs(
    problem: PlacementProblem, pool: str, prices: Mapping[str, float]
) -> dict[str, float] | None:
    """Region to milliseconds per request, price included; None for a pool without latencies."""
    latency_ms = problem.believed.latency_ms.get(pool)
    if latency_ms is None:
        return None
    return {region: latency_ms[region] + prices[region] for region in problem.candidates[pool]}


def _shares(
    problem: PlacementProblem, pool: str, rps: Mapping[str, float], prices: Mapping[str, float]
) -> Shares:
    """The pool's fixed shares and those that were placed; without traffic, the cheapest region."""
    placed = normalised(rps) or _without_traffic(problem, pool, prices)
    free = problem.free_share(pool)
    shares = {region: free * part for region, part in placed.items()}
    return {**problem.fixed[pool], **shares} if problem.fixed.get(pool) else shares


def _without_negligible(rps: dict[str, float]) -> dict[str, float]:
    if len(rps) == 1:
        return rps
    least = _NEGLIGIBLE * sum(rps.values())
    return {region: flow for region, flow in rps.items() if flow > least}


def _without_traffic(
    problem: PlacementProblem, pool: str, prices: Mapping[str, float]
) -> dict[str, float]:
    costs = _costs(problem, pool, prices)
    if costs is None:
        return configured_shares(problem.service.regions, problem.candidates[pool])
    return {min(costs, key=lambda region: (costs[region], region)): 1.0}


def _excess_fractions(limits: CapacityLimits) -> dict[str, float]:
    """Overloaded region to the fraction of its load beyond its capacity: `1 - 1 / utilisation`."""
    return {
        region: 1 - 1 / group.utilisation
        for group in limits.bottlenecks
        for region in group.regions
        if group.utilisation > 1
    }
