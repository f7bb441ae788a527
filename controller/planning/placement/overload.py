"""How much each region may carry when not everything fits: overload shared as evenly as it can be.

Below the target utilisation nothing has to be decided. Where a set of portions has more traffic
than all regions that may serve it can take at the target, these regions must share the excess, and
the fairest way is the lexicographically smallest: first the highest utilisation is made as small as
possible, then the next. This is Fujishige's decomposition (Lexicographically optimal base of a
polymatroid, 1980): raise a bottleneck's regions evenly until its traffic would just fit; if a part
of it still cannot be served, that part is a bottleneck of its own with a higher utilisation, and
the rest one with a lower.

Where traffic then goes within the limits is the business of `planning.placement.transport`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf

from controller.planning.placement.max_flow import MaxFlow, region_numbers
from controller.planning.placement.transportation import TrafficPortion

_SLACK = 1e-13
"""Room gives way by this part, more than sums of requests/s are off by rounding, and less than
limits give way in `planning.placement.transport`."""

_Sharing = dict[int, list[int]]
"""Set of regions, a bit each, to the indexes of the portions that may use these and no others."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Regions that must go beyond the target together, and the traffic that forces them to."""

    regions: tuple[str, ...]
    portions: tuple[int, ...]
    """Indexes of the portions that can go nowhere better."""
    utilisation: float
    """What each of these regions is raised to: load by capacity."""


@dataclass(frozen=True, slots=True)
class CapacityLimits:
    """What each region may carry, so that everything fits that can be placed at all."""

    rps: Mapping[str, float]
    """Region to requests/s, what is taken already included."""
    bottlenecks: tuple[Bottleneck, ...]
    """The regions above the target, the most overloaded first."""
    unplaceable: tuple[int, ...]
    """Indexes of portions with traffic that no region with capacity may serve."""


def min_max_limits(
    portions: Sequence[TrafficPortion],
    capacity: Mapping[str, float],
    target: float,
    taken: Mapping[str, float] | None = None,
) -> CapacityLimits:
    """Requests/s that each region may carry so that everything fits.

    That is `target` times `capacity`; where it is not enough, the lexicographically smallest
    utilisations: regions that must share an excess are raised evenly, and no region is raised that
    needs not be. `taken`: load that is there already and does not move; a region with so much of it
    that it cannot help stays at the target. The order of portions and regions makes no difference.
    """
    names = sorted(region for region, rps in capacity.items() if rps > 0)
    load = _Load(
        [capacity[region] for region in names],
        [(taken or {}).get(region, 0.0) for region in names],
        [portion.rps for portion in portions],
    )
    sharing = _sharing(portions, names)
    unplaceable = tuple(sharing.pop(0, ()))
    limits = {region: max(0.0, rps) * target for region, rps in capacity.items()}
    bottlenecks = []
    for regions, indexes, level in load.bottlenecks(_within(sharing, load.full(sharing, target))):
        raised = [r for r in region_numbers(regions) if load.capacity[r] * level > load.taken[r]]
        limits.update({names[r]: load.capacity[r] * level for r in raised})
        raised_names = tuple(names[r] for r in raised)
        bottlenecks.append(Bottleneck(raised_names, tuple(sorted(indexes)), level))
    bottlenecks.sort(key=lambda b: (-b.utilisation, b.regions))
    return CapacityLimits(limits, tuple(bottlenecks), unplaceable)


@dataclass(frozen=True, slots=True)
class _Load:
    """Regions by number, portions by index."""

    capacity: list[float]
    taken: list[float]
    rps: list[float]

    def bottlenecks(self, sharing: _Sharing) -> Iterator[tuple[int, list[int], float]]:
        """Regions, portions and utilisation, of portions that must overload all their regions."""
        for part in _connected(sharing):
            regions = _union(part)
            level = self.level(regions, fsum(self.demand(part).values()))
            full = self.full(part, level)
            if full in (0, regions):
                yield regions, [index for indexes in part.values() for index in indexes], level
            else:
                yield from self.bottlenecks(_within(part, full))
                yield from self.bottlenecks(_outside(part, full))

    def level(self, regions: int, rps: float) -> float:
        """The utilisation at which these regions take exactly this much more, evenly."""
        level, capacity, load = inf, 0.0, rps
        filling = sorted((self.taken[r] / self.capacity[r], r) for r in region_numbers(regions))
        for utilisation, region in filling:
            if level <= utilisation:
                break
            capacity += self.capacity[region]
            load += self.taken[region]
            level = load / capacity
        return level

    def full(self, sharing: _Sharing, level: float) -> int:
        """The regions to which traffic is confined that finds no room at this utilisation."""
        room = [
            max(0.0, level * capacity * (1 + _SLACK) - taken)
            for capacity, taken in zip(self.capacity, self.taken, strict=True)
        ]
        pouring = MaxFlow(room)
        for regions, rps in sorted(self.demand(sharing).items(), key=_narrow_first):
            pouring.pour(regions, rps)
        return pouring.full

    def demand(self, sharing: _Sharing) -> dict[int, float]:
        """Requests/s by set of regions, the same in whatever order the portions are."""
        return {
            regions: fsum(self.rps[index] for index in indexes)
            for regions, indexes in sharing.items()
        }


def _sharing(portions: Sequence[TrafficPortion], names: Sequence[str]) -> _Sharing:
    """The portions with traffic by the regions with capacity that may serve them."""
    bit = {region: 1 << number for number, region in enumerate(names)}
    known: dict[tuple[str, ...], int] = {}
    sharing: _Sharing = {}
    costs: Mapping[str, float] | None = None
    for index, portion in enumerate(portions):
        if portion.rps > 0:
            if portion.costs is not costs:  # portions of the same users have them in common
                costs = portion.costs
                allowed = tuple(costs)
                if allowed not in known:
                    known[allowed] = sum(bit.get(region, 0) for region in allowed)
            sharing.setdefault(known[allowed], []).append(index)
    return sharing


def _connected(sharing: _Sharing) -> list[_Sharing]:
    """The parts that have no region in common."""
    parts: list[tuple[int, _Sharing]] = []
    for regions in sorted(sharing):
        touching = [part for part in parts if part[0] & regions]
        parts = [part for part in parts if not part[0] & regions]
        joined = {regions: sharing[regions]}
        union = regions
        for other, members in touching:
            union |= other
            joined |= members
        parts.append((union, joined))
    return [members for _, members in sorted(parts, key=lambda part: part[0])]


def _within(sharing: _Sharing, regions: int) -> _Sharing:
    """What is confined to these regions."""
    return {kind: indexes for kind, indexes in sharing.items() if not kind & ~regions}


def _outside(sharing: _Sharing, regions: int) -> _Sharing:
    """The rest; these regions have no room left for it."""
    rest: _Sharing = {}
    for kind, indexes in sharing.items():
        if remaining := kind & ~regions:
            rest[remaining] = [*rest.get(remaining, ()), *indexes]
    return rest


def _union(sharing: _Sharing) -> int:
    union = 0
    for regions in sharing:
        union |= regions
    return union


def _narrow_first(item: tuple[int, float]) -> tuple[int, int]:
    """What can go to few regions is poured first, so that little has to make way."""
    return item[0].bit_count(), item[0]
