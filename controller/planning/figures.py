"""Demand, distance and capacity as they are believed now.

What the settings say is the anchor; a measured figure counts for what it is worth at its age. An
old one loses its influence by halves instead of steering on as if it were new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model.configuration import Service
from controller.model.decision import Shares, Snapshot
from controller.model.figures import Figure
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.planning.shares import normalised


@dataclass(frozen=True, slots=True)
class Known:
    """The figures of one service."""

    demand_rps: Mapping[str, float]
    """Pool to its users' requests/s."""
    latency_ms: Mapping[str, Mapping[str, float]]
    """Pool to region to milliseconds; a pool whose distances nobody knows is missing."""
    capacity_rps: Mapping[str, float]
    """Region to the requests/s it can carry as well as it is now."""


def known(
    snapshot: Snapshot,
    service_name: str,
    health: Mapping[str, RegionHealth],
) -> Known:
    """The figures of a service at this moment."""
    service = snapshot.settings.services[service_name]
    demand = {
        pool: _believed(
            snapshot,
            noun.demand_rps,
            snapshot.figures.demand_rps.get((service_name, pool)),
        )
        for pool, noun in service.pools.items()
    }
    latency = {
        pool: {
            region: _believed(
                snapshot, ms, snapshot.figures.latency_ms.get(Position(service_name, pool, region))
            )
            for region, ms in noun.latency_ms.items()
        }
        for pool, noun in service.pools.items()
        if noun.latency_ms
    }
    return Known(demand, latency, _capacities(snapshot, service, health, demand))


def load(demand_rps: Mapping[str, float], split: Mapping[str, Shares]) -> dict[str, float]:
    """Region to requests/s when each pool is split like this."""
    carried: dict[str, float] = {}
    for pool, shares in split.items():
        for region, share in shares.items():
            carried[region] = carried.get(region, 0.0) + share * demand_rps[pool]
    return carried


def by_share(service: Service, regions: Iterable[str]) -> dict[str, float]:
    """Configured shares among these regions; equal when all of them are zero."""
    shares = {region: service.regions[region].share for region in regions}
    return normalised(shares) or {region: 1 / len(shares) for region in shares}


def _believed(snapshot: Snapshot, configured: float, measured: Figure | None) -> float:
    if measured is None:
        return configured
    age_s = max(0.0, snapshot.now - measured.at)
    influence: float = 0.5 ** (age_s / snapshot.settings.placement.figures_half_life_s)
    return configured + (measured.value - configured) * influence


def _capacities(
    snapshot: Snapshot,
    service: Service,
    health: Mapping[str, RegionHealth],
    demand_rps: Mapping[str, float],
) -> dict[str, float]:
    """Capacity times health. A region that nobody measured is full with its part of each pool."""
    parts = {pool: by_share(service, noun.regions) for pool, noun in service.pools.items()}
    even = load(demand_rps, parts)
    target = snapshot.settings.placement.target_utilisation
    return {
        name: health[name].usable
        * (even.get(name, 0.0) / target if region.capacity_rps is None else region.capacity_rps)
        for name, region in service.regions.items()
    }
