"""The transportation problem: the cheapest way to serve traffic from regions with limited capacity.

This file turns portions and regions into numbers for `planning.placement.min_cost_flow` and the
flow back. Where not everything fits, `planning.placement.overload` raises the limits first. Which
regions may serve a portion, and what a request costs there, is the caller's matter.

Worked example, the one of `planning.placement.min_cost_flow`. 20 of Europe's 80 requests/s find no
capacity in eu; 10 of America's 40 make way for them in us. Total cost: 60 x 20 + 20 x 90 + 30 x 30
+ 10 x 100 = 4,900.

>>> europe = TrafficPortion(80, {"eu": 20, "us": 90, "ap": 200})
>>> america = TrafficPortion(40, {"eu": 100, "us": 30, "ap": 100})
>>> solution = solve_transportation([europe, america], {"eu": 60, "us": 50, "ap": 100})
>>> for flow in solution.flows:
...     print({region: round(rps, 6) for region, rps in sorted(flow.items())})
{'eu': 60.0, 'us': 20.0}
{'ap': 10.0, 'us': 30.0}
>>> {region: round(price, 6) for region, price in solution.prices.items()}
{'ap': 0.0, 'eu': 140.0, 'us': 70.0}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import fsum, inf
from typing import NamedTuple

from controller.planning.placement.min_cost_flow import MinCostFlow

_GRID = 2.0**40
"""The range of all costs in steps: costs are rounded to whole steps, as `MinCostFlow` requires. So
costs that differ by less than 10^-12 of the range are equal. Sums stay whole below 2,000 regions.
"""

_WHOLE = 2.0**52
"""Floats from here on are whole numbers: adding this rounds, and differences cancel it."""

_SLACK = 1e-12
"""Relative slack of limits. Far more than the rounding of sums, so that what fits exactly fits."""


class TrafficPortion(NamedTuple):
    """Traffic of one source, which goes wherever it costs least."""

    rps: float
    costs: Mapping[str, float]
    """Region to cost per request, any finite number; only the regions that may serve it."""
    current: str | None = None
    """The region where it is now; None: nowhere."""
    stay_discount: float = 0.0
    """How much less a request costs in the current region, because it need not move."""

    def cost(self, region: str) -> float:
        """What a request costs there, the discount for staying included."""
        return self.costs[region] - (self.stay_discount if region == self.current else 0.0)


@dataclass(frozen=True, slots=True)
class TransportationFlows:
    """Where traffic goes, and the dual prices of the regions' limits.

    Invariant: per portion `sum(flow) + unplaced == rps`, to one part in 10^9.
    """

    flows: tuple[Mapping[str, float], ...]
    """Per portion: region to requests/s, regions without any left out."""
    prices: Mapping[str, float]
    """Region to what each request/s of additional limit there would save per request: 0 where the
    limit does not bind, infinite where it would admit traffic that is unplaced."""
    unplaced: Mapping[int, float]
    """Index of a portion to requests/s that found no capacity within the limits."""


def solve_transportation(
    portions: Sequence[TrafficPortion],
    limits: Mapping[str, float],
    fixed_load: Mapping[str, float] | None = None,
) -> TransportationFlows:
    """The cheapest flows within the limits; as much as fits when not everything does.

    `limits`: region to requests/s; a region that is missing serves nothing. `fixed_load`: region to
    requests/s that are there already, count towards the limit and do not move.

    The same problem has the same answer, whatever the order of portions and regions. Portions with
    the same costs are split alike; among several cheapest flows one is chosen by costs and names of
    regions. Limits are kept to one part in 10^9 (where they differ by more than a factor of 100, to
    one part in 10^11 of the greatest). Portions without traffic get no flows.
    """
    regions = sorted(limits)
    capacity = [
        _residual(limits[region], (fixed_load or {}).get(region, 0.0)) for region in regions
    ]
    scale = _scale(portions)
    # Portions with the same costs are one kind of traffic, which keeps the problem small.
    members_by_row: dict[tuple[float, ...], list[tuple[int, int | None]]] = {}
    for index, row, current in _rows(portions, regions, scale):
        members_by_row.setdefault(row, []).append((index, current))
    kinds = sorted(members_by_row.items())
    members = [[index for index, _ in found] for _, found in kinds]
    solver = MinCostFlow(
        costs=[row for row, _ in kinds],
        supply=[fsum([portions[index].rps for index in indexes]) for indexes in members],
        capacity=[*capacity, inf],
        current=[_first([current for _, current in found]) for _, found in kinds],
    )
    solver.solve()
    negligible = [2 * _SLACK * rps for rps in [*capacity, max(capacity, default=0.0)]]
    flows: list[dict[str, float]] = [{} for _ in portions]
    unplaced: dict[int, float] = {}
    for indexes, split in zip(members, _splits(solver, len(kinds), negligible), strict=True):
        for region, part in split.items():
            for index in indexes:
                if region < len(regions):
                    flows[index][regions[region]] = portions[index].rps * part
                else:
                    unplaced[index] = portions[index].rps * part
    return TransportationFlows(tuple(flows), _prices(regions, solver.prices, scale), unplaced)


def _first(current: Sequence[int | None]) -> int | None:
    """The current region of portions with the same costs: the first of theirs by name."""
    if len(current) == 1:
        return current[0]
    return min((region for region in current if region is not None), default=None)


def _residual(limit: float, fixed_load: float) -> float:
    return limit * (1 + _SLACK) - fixed_load if limit > fixed_load else 0.0


def _scale(portions: Iterable[TrafficPortion]) -> tuple[float, float]:
    """The least cost, and how many steps of the grid a unit of cost is."""
    costs = [portion.costs.values() for portion in portions if portion.costs]
    discount = max((portion.stay_discount for portion in portions), default=0.0)
    low = min(map(min, costs), default=0.0) - discount
    high = max(map(max, costs), default=0.0)
    return low, _GRID / max(high - low, 1e-200)


def _rows(
    portions: Sequence[TrafficPortion], regions: Sequence[str], scale: tuple[float, float]
) -> Iterator[tuple[int, tuple[float, ...], int | None]]:
    """Per portion with traffic: its index, its row of the cost matrix, its current region.

    A row has a cost on the grid for each region and for the dummy region. Portions of the same
    users come one after the other and share one `costs` object, whose row is computed once.
    """
    low, steps = scale
    number = {region: n for n, region in enumerate(regions)}
    dummy_cost = _dummy_cost(regions) + _WHOLE
    costs: Mapping[str, float] | None = None
    for index, portion in enumerate(portions):
        if portion.rps > 0:
            if portion.costs is not costs:
                costs = portion.costs
                by_region = map(costs.get, regions, repeat(inf))
                shared_row = [(cost - low) * steps + _WHOLE for cost in by_region]
                shared_row.append(dummy_cost)
            current = number.get(portion.current or "") if portion.current in costs else None
            row = shared_row.copy()
            if current is not None:
                row[current] = (portion.cost(regions[current]) - low) * steps + _WHOLE
            yield index, tuple(row), current


def _dummy_cost(regions: Sequence[str]) -> float:
    """Cost of the dummy region, which serves what fits nowhere: twice the longest path's."""
    return 2 * _GRID * (len(regions) + 1)


def _splits(solver: MinCostFlow, kinds: int, negligible: Sequence[float]) -> list[dict[int, float]]:
    """Per kind: region to its fraction there, `sum == 1`; what is negligible there is left out."""
    splits: list[dict[int, float]] = [{} for _ in range(kinds)]
    for region, flow in enumerate(solver.flow):
        for kind, rps in flow.items():
            splits[kind][region] = rps
    for kind, split in enumerate(splits):
        if len(split) > 1:
            most = max(split.values())
            split = {r: rps for r, rps in split.items() if rps > negligible[r] or rps == most}
        total = sum(split.values())
        splits[kind] = {region: rps / total for region, rps in split.items()}
    return splits


def _prices(
    regions: Sequence[str], prices: Sequence[float], scale: tuple[float, float]
) -> dict[str, float]:
    _, steps = scale
    unplaced_price = _dummy_cost(regions) / 2
    return {
        region: price / steps if price < unplaced_price else inf
        for region, price in zip(regions, prices, strict=False)
    }
