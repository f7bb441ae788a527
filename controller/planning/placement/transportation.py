"""The cheapest way to serve traffic from regions with limited room: a transportation problem.

This file turns portions and regions into numbers and back; the method is in
`planning.placement.exchange`. What the limits should be when not everything fits is the business of
`planning.placement.overload`; who may serve whom, and what a request costs there, that of the
caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import fsum, inf
from typing import NamedTuple

from controller.planning.placement.min_cost_flow import MinCostFlow

_GRID = 2.0**40
"""Costs become whole numbers up to this, as the exchange wants them: what differs by less than a
millionth of a millionth of the range of all costs is the same. Their sums stay whole below 2,000
regions."""

_WHOLE = 2.0**52
"""From here on floats are whole numbers: adding it rounds, and it drops out of all differences."""

_SLACK = 1e-12
"""Limits give way by this part, far more than sums of requests/s are off by rounding: traffic that
fits exactly does fit. What slips into that gap and nothing else is not worth telling."""


class TrafficPortion(NamedTuple):
    """Traffic that goes wherever it costs least."""

    rps: float
    costs: Mapping[str, float]
    """Region to cost per request, any finite number; only the regions that may serve it."""
    home: str | None = None
    """The region where it is already."""
    gain: float = 0.0
    """How much less a request costs at home, for not having to move."""

    def cost(self, region: str) -> float:
        """What a request costs there, all things considered."""
        return self.costs[region] - (self.gain if region == self.home else 0.0)


@dataclass(frozen=True, slots=True)
class TransportationFlows:
    """Where traffic goes, and what room would be worth."""

    flows: tuple[Mapping[str, float], ...]
    """Per portion: region to requests/s, regions without any left out."""
    prices: Mapping[str, float]
    """Region to what each request/s of additional room there would save per request: 0 where the
    limit does not bind, infinite where that room would take in traffic that is unplaced."""
    unplaced: Mapping[int, float]
    """Index of a portion to requests/s that found no room within the limits."""


def solve_transportation(
    portions: Sequence[TrafficPortion],
    limits: Mapping[str, float],
    taken: Mapping[str, float] | None = None,
) -> TransportationFlows:
    """The cheapest assignment within the limits; as much as fits when not everything does.

    `limits`: region to requests/s, none where a region is missing. `taken`: load that is there
    already, counts towards the limit and does not move.

    The same problem has the same answer, whatever the order of portions and regions. Portions with
    the same costs are split alike; among several cheapest assignments one is chosen by costs and
    names of regions. A portion's flows and what is unplaced of it add up to its requests/s and
    limits are kept, both to one part in 10^9 (where limits differ by more than a factor of 100, to
    one part in 10^11 of the greatest). Portions without traffic get no flows.
    """
    regions = sorted(limits)
    room = [_room(limits[region], (taken or {}).get(region, 0.0)) for region in regions]
    scale = _scale(portions)
    # All portions with the same costs are one kind of traffic; nobody can tell them apart.
    alike: dict[tuple[float, ...], list[tuple[int, int | None]]] = {}
    for index, row, home in _rows(portions, regions, scale):
        alike.setdefault(row, []).append((index, home))
    kinds = sorted(alike.items())
    members = [[index for index, _ in found] for _, found in kinds]
    exchange = MinCostFlow(
        [row for row, _ in kinds],
        [fsum([portions[index].rps for index in indexes]) for indexes in members],
        [*room, inf],
        [_first([home for _, home in found]) for _, found in kinds],
    )
    exchange.settle()
    dust = [2 * _SLACK * rps for rps in [*room, max(room, default=0.0)]]
    flows: list[dict[str, float]] = [{} for _ in portions]
    unplaced: dict[int, float] = {}
    for indexes, split in zip(members, _splits(exchange, len(kinds), dust), strict=True):
        for region, part in split.items():
            for index in indexes:
                if region < len(regions):
                    flows[index][regions[region]] = portions[index].rps * part
                else:
                    unplaced[index] = portions[index].rps * part
    return TransportationFlows(tuple(flows), _prices(regions, exchange.prices, scale), unplaced)


def _first(homes: Sequence[int | None]) -> int | None:
    """Where portions with the same costs are taken to be: the first region of theirs by name."""
    return homes[0] if len(homes) == 1 else min((h for h in homes if h is not None), default=None)


def _room(limit: float, taken: float) -> float:
    return limit * (1 + _SLACK) - taken if limit > taken else 0.0


def _scale(portions: Iterable[TrafficPortion]) -> tuple[float, float]:
    """The least cost, and how many steps of the grid a unit of cost is."""
    costs = [portion.costs.values() for portion in portions if portion.costs]
    gain = max((portion.gain for portion in portions), default=0.0)
    low = min(map(min, costs), default=0.0) - gain
    high = max(map(max, costs), default=0.0)
    return low, _GRID / max(high - low, 1e-200)


def _rows(
    portions: Sequence[TrafficPortion], regions: Sequence[str], scale: tuple[float, float]
) -> Iterator[tuple[int, tuple[float, ...], int | None]]:
    """Index of each portion with traffic, its costs on the grid (regions, then nowhere), its home.

    Portions of the same users come one after the other, with the same costs but for their homes.
    """
    low, steps = scale
    number = {region: n for n, region in enumerate(regions)}
    nowhere = _nowhere(regions) + _WHOLE
    costs: Mapping[str, float] | None = None
    for index, portion in enumerate(portions):
        if portion.rps > 0:
            if portion.costs is not costs:
                costs = portion.costs
                known = map(costs.get, regions, repeat(inf))
                usual = [(cost - low) * steps + _WHOLE for cost in known]
                usual.append(nowhere)
            home = number.get(portion.home or "") if portion.home in costs else None
            row = usual.copy()
            if home is not None:
                row[home] = (portion.cost(regions[home]) - low) * steps + _WHOLE
            yield index, tuple(row), home


def _nowhere(regions: Sequence[str]) -> float:
    """Twice what the longest chain of displacements can cost."""
    return 2 * _GRID * (len(regions) + 1)


def _splits(exchange: MinCostFlow, kinds: int, dust: Sequence[float]) -> list[dict[int, float]]:
    """Per kind: region to the part of it that is there, without what is dust in that region."""
    splits: list[dict[int, float]] = [{} for _ in range(kinds)]
    for region, present in enumerate(exchange.present):
        for kind, rps in present.items():
            splits[kind][region] = rps
    for kind, split in enumerate(splits):
        if len(split) > 1:
            most = max(split.values())
            split = {r: rps for r, rps in split.items() if rps > dust[r] or rps == most}
        total = sum(split.values())
        splits[kind] = {region: rps / total for region, rps in split.items()}
    return splits


def _prices(
    regions: Sequence[str], prices: Sequence[float], scale: tuple[float, float]
) -> dict[str, float]:
    _, steps = scale
    placing = _nowhere(regions) / 2
    return {
        region: price / steps if price < placing else inf
        for region, price in zip(regions, prices, strict=False)
    }
