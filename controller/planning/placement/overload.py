"""How much each region may carry when not everything fits: a lexicographic min-max.

Up to the target utilisation nothing has to be decided. Where a set of portions has more traffic
than all regions that may serve it can take at the target, these regions must share the excess. They
share it so that first the highest utilisation is as small as possible, then the next, and so on.
This is Fujishige's decomposition (*Lexicographically optimal base of a polymatroid*, 1980): raise a
bottleneck's regions evenly until its traffic would just fit. If a part of the traffic still does
not fit (by max-flow), that part is a bottleneck with a higher utilisation, and the rest is one with
a lower.

Worked example: target 70 %, three regions of capacity 100. 90 requests/s may use eu only, 110 may
use eu or us, 20 may use ap only. At 70 % eu and us take 140 of their 200: both would be raised to
100 %, and at 100 % everything fits. ap stays at its target.

>>> portions = [
...     TrafficPortion(90, {"eu": 1}),
...     TrafficPortion(110, {"eu": 1, "us": 1}),
...     TrafficPortion(20, {"ap": 1}),
... ]
>>> limits = min_max_limits(portions, {"ap": 100, "eu": 100, "us": 100}, target=0.7)
>>> {region: round(rps, 6) for region, rps in limits.rps.items()}
{'ap': 70.0, 'eu': 100.0, 'us': 100.0}

With 130 requests/s for eu only and 70 for either, both regions would be raised to 100 % again. But
then the 130 do not fit: eu alone is a bottleneck at 130 %, and the 70 go to us, at the target.

>>> portions = [TrafficPortion(130, {"eu": 1}), TrafficPortion(70, {"eu": 1, "us": 1})]
>>> limits = min_max_limits(portions, {"eu": 100, "us": 100}, target=0.7)
>>> {region: round(rps, 6) for region, rps in limits.rps.items()}
{'eu': 130.0, 'us': 70.0}

Where traffic then goes within the limits: `planning.placement.transportation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf

from controller.planning.placement.max_flow import MaxFlow, region_numbers
from controller.planning.placement.transportation import TrafficPortion

_SLACK = 1e-13
"""Relative slack of capacities: more than the rounding of sums of requests/s, less than the slack
of limits in `planning.placement.transportation`."""

_PortionsByRegions = dict[int, list[int]]
"""Set of regions, a bit each, to the indexes of the portions that may use exactly these."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Regions that must go beyond the target together, and the traffic that forces them to.

    Invariant: `target <= utilisation`.
    """

    regions: tuple[str, ...]
    portions: tuple[int, ...]
    """Indexes of the portions that no region with a lower utilisation may serve."""
    utilisation: float
    """Load divided by capacity, to which each of these regions is raised."""


@dataclass(frozen=True, slots=True)
class CapacityLimits:
    """What each region may carry, so that everything fits that can be placed at all."""

    rps: Mapping[str, float]
    """Region to requests/s, its fixed load included."""
    bottlenecks: tuple[Bottleneck, ...]
    """The regions above the target, the most overloaded first."""
    unplaceable: tuple[int, ...]
    """Indexes of portions with traffic that no region with capacity may serve."""


def min_max_limits(
    portions: Sequence[TrafficPortion],
    capacity: Mapping[str, float],
    target: float,
    fixed_load: Mapping[str, float] | None = None,
) -> CapacityLimits:
    """Requests/s that each region may carry so that everything fits.

    That is `target * capacity`; where it is not enough, the lexicographically smallest
    utilisations, and no region is raised that need not be. `fixed_load`: requests/s that are there
    already and do not move; a region with so much of it that it cannot help stays at the target.
    The order of portions and regions makes no difference.
    """
    names = sorted(region for region, rps in capacity.items() if rps > 0)
    problem = _MinMaxProblem(
        [capacity[region] for region in names],
        [(fixed_load or {}).get(region, 0.0) for region in names],
        [portion.rps for portion in portions],
    )
    groups = _group_portions(portions, names)
    unplaceable = tuple(groups.pop(0, ()))
    limits = {region: max(0.0, rps) * target for region, rps in capacity.items()}
    bottlenecks = []
    excess = _within(groups, problem.saturated(groups, target))
    for regions, indexes, level in problem.bottlenecks(excess):
        raised = [
            r
            for r in region_numbers(regions)
            if problem.capacity[r] * level > problem.fixed_load[r]
        ]
        limits.update({names[r]: problem.capacity[r] * level for r in raised})
        raised_names = tuple(names[r] for r in raised)
        bottlenecks.append(Bottleneck(raised_names, tuple(sorted(indexes)), level))
    bottlenecks.sort(key=lambda b: (-b.utilisation, b.regions))
    return CapacityLimits(limits, tuple(bottlenecks), unplaceable)


@dataclass(frozen=True, slots=True)
class _MinMaxProblem:
    """Capacity and fixed load by region number, supply by portion index; all in requests/s."""

    capacity: list[float]
    fixed_load: list[float]
    supply: list[float]

    def bottlenecks(self, groups: _PortionsByRegions) -> Iterator[tuple[int, list[int], float]]:
        """Regions, portions and utilisation, of portions that must overload all their regions."""
        for part in _connected(groups):
            regions = _union(part)
            level = self.level(regions, fsum(self.supply_by_regions(part).values()))
            saturated = self.saturated(part, level)
            if saturated in (0, regions):
                yield regions, [index for indexes in part.values() for index in indexes], level
            else:
                yield from self.bottlenecks(_within(part, saturated))
                yield from self.bottlenecks(_outside(part, saturated))

    def level(self, regions: int, rps: float) -> float:
        """The utilisation at which these regions take exactly `rps` more, evenly (water-filling).

        Regions whose fixed load is above it take nothing.
        """
        level, capacity, load = inf, 0.0, rps
        by_utilisation = sorted(
            (self.fixed_load[r] / self.capacity[r], r) for r in region_numbers(regions)
        )
        for utilisation, region in by_utilisation:
            if level <= utilisation:
                break
            capacity += self.capacity[region]
            load += self.fixed_load[region]
            level = load / capacity
        return level

    def saturated(self, groups: _PortionsByRegions, level: float) -> int:
        """The smallest minimum cut at this utilisation; 0 where all traffic fits.

        Regions, as a set: traffic that finds no capacity may use these only.
        """
        residual = [
            max(0.0, level * capacity * (1 + _SLACK) - load)
            for capacity, load in zip(self.capacity, self.fixed_load, strict=True)
        ]
        flow = MaxFlow(residual)
        for regions, rps in sorted(self.supply_by_regions(groups).items(), key=_narrow_first):
            flow.add_traffic(regions, rps)
        return flow.saturated

    def supply_by_regions(self, groups: _PortionsByRegions) -> dict[int, float]:
        """Requests/s by set of regions, the same whatever the order of the portions."""
        return {
            regions: fsum(self.supply[index] for index in indexes)
            for regions, indexes in groups.items()
        }


def _group_portions(portions: Sequence[TrafficPortion], names: Sequence[str]) -> _PortionsByRegions:
    """The portions with traffic by the regions with capacity that may serve them."""
    bit = {region: 1 << number for number, region in enumerate(names)}
    sets: dict[tuple[str, ...], int] = {}
    groups: _PortionsByRegions = {}
    costs: Mapping[str, float] | None = None
    for index, portion in enumerate(portions):
        if portion.rps > 0:
            if portion.costs is not costs:  # portions of the same users share one object
                costs = portion.costs
                allowed = tuple(costs)
                if allowed not in sets:
                    sets[allowed] = sum(bit.get(region, 0) for region in allowed)
            groups.setdefault(sets[allowed], []).append(index)
    return groups


def _connected(groups: _PortionsByRegions) -> list[_PortionsByRegions]:
    """The connected components: parts that have no region in common."""
    parts: list[tuple[int, _PortionsByRegions]] = []
    for regions in sorted(groups):
        touching = [part for part in parts if part[0] & regions]
        parts = [part for part in parts if not part[0] & regions]
        joined = {regions: groups[regions]}
        union = regions
        for other, members in touching:
            union |= other
            joined |= members
        parts.append((union, joined))
    return [members for _, members in sorted(parts, key=lambda part: part[0])]


def _within(groups: _PortionsByRegions, regions: int) -> _PortionsByRegions:
    """The portions that may use these regions only."""
    return {allowed: indexes for allowed, indexes in groups.items() if not allowed & ~regions}


def _outside(groups: _PortionsByRegions, regions: int) -> _PortionsByRegions:
    """The other portions, without these regions, which have no capacity left for them."""
    rest: _PortionsByRegions = {}
    for allowed, indexes in groups.items():
        if remaining := allowed & ~regions:
            rest[remaining] = [*rest.get(remaining, ()), *indexes]
    return rest


def _union(groups: _PortionsByRegions) -> int:
    union = 0
    for regions in groups:
        union |= regions
    return union


def _narrow_first(item: tuple[int, float]) -> tuple[int, int]:
    """Sort key: what may use few regions comes first, so that little has to be displaced."""
    return item[0].bit_count(), item[0]
