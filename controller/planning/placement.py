"""Which share of each pool each region should carry.

By configured share among the regions that may serve, filled in rounds: first to the target
utilisation of every region, then to its capacity, then over it. What does not fit where it should
be spills to the regions of the same pool with room; when all are full they are overloaded evenly,
and the result says so. Pools with the fewest lawful regions choose first, because they cannot go
elsewhere. Residency needs no rule here: a region that is not lawful is not among the candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.model.configuration import Service

_DUST = 1e-9


@dataclass(frozen=True, slots=True)
class Placement:
    """The shares of one pool, and what kept them from being the configured ones."""

    shares: Mapping[str, float]
    full: Mapping[str, float]
    """Regions that could not take their configured share, and the requests/s they carry."""
    overload: float = 0.0
    """Requests/s beyond what the pool's regions can carry together."""


def place(
    service: Service,
    candidates: Mapping[str, tuple[str, ...]],
    target_utilisation: float,
    fixed: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Placement]:
    """Pool to placement; a pool without candidates is left out.

    `candidates` maps each pool to the lawful regions that may serve it now; `fixed` holds shares
    that are settled: their load takes up room, and only the rest of their pool is placed.
    """
    fixed = fixed or {}
    load = dict.fromkeys(service.regions, 0.0)
    for pool_name, split in fixed.items():
        for region, share in split.items():
            load[region] += share * service.pools[pool_name].demand_rps
    placed: dict[str, Placement] = {}
    for pool_name in sorted(candidates, key=lambda p: (len(service.pools[p].regions), p)):
        if not candidates[pool_name]:
            continue
        settled = fixed.get(pool_name, {})
        rest = 1 - sum(settled.values())
        demand = rest * service.pools[pool_name].demand_rps
        placement, added = _fill(service, candidates[pool_name], demand, load, target_utilisation)
        shares = {region: share * rest for region, share in placement.shares.items()}
        placed[pool_name] = replace(placement, shares={**settled, **shares})
        for region, rps in added.items():
            load[region] += rps
    return placed


def _fill(
    service: Service,
    regions: tuple[str, ...],
    demand: float,
    load: Mapping[str, float],
    target_utilisation: float,
) -> tuple[Placement, dict[str, float]]:
    prefer = _preferences(service, regions)
    if demand <= _DUST:
        return Placement(prefer, {}), {}
    capacity = {r: service.regions[r].capacity_rps for r in regions}
    given = dict.fromkeys(regions, 0.0)
    left = demand
    full: dict[str, float] = {}
    for limit in (target_utilisation, 1.0):
        room = {r: max(0.0, capacity[r] * limit - load[r] - given[r]) for r in regions}
        poured = _pour(left, prefer, room)
        for region, rps in poured.items():
            given[region] += rps
        left = demand - sum(given.values())
        if limit == target_utilisation:
            full = {r: load[r] + given[r] for r in regions if given[r] < prefer[r] * demand - _DUST}
        if left <= _DUST:
            break
    overload = left if left > _DUST else 0.0
    if overload:
        total = sum(capacity.values())
        for region in regions:
            given[region] += overload * capacity[region] / total
    shares = {region: rps / demand for region, rps in given.items()}
    return Placement(shares, full, overload), given


def _pour(
    amount: float, prefer: Mapping[str, float], room: Mapping[str, float]
) -> dict[str, float]:
    """Water-filling: by preference, each vessel to its brim, the rest to those with room."""
    given = dict.fromkeys(prefer, 0.0)
    open_ = {r for r in prefer if room[r] > _DUST}
    while amount > _DUST and open_:
        weight = sum(prefer[r] for r in open_)
        wanted = {r: amount * (prefer[r] / weight if weight else 1 / len(open_)) for r in open_}
        brimming = {r for r in open_ if given[r] + wanted[r] >= room[r] - _DUST}
        if not brimming:
            for region in sorted(open_):
                given[region] += wanted[region]
            return given
        for region in sorted(brimming):
            amount -= room[region] - given[region]
            given[region] = room[region]
        open_ -= brimming
    return given


def _preferences(service: Service, regions: tuple[str, ...]) -> dict[str, float]:
    """Configured shares among these regions; equal when all of them are zero."""
    total = sum(service.regions[r].share for r in regions)
    if total <= 0:
        return {r: 1 / len(regions) for r in regions}
    return {r: service.regions[r].share / total for r in regions}
