"""Demand, distance and capacity as they are believed now.

What the settings say is the anchor; a measured figure counts for what it is worth at its age. An
old one loses its influence by halves instead of steering on as if it were new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model.configuration import ServiceRegion
from controller.model.decision import Shares, Snapshot
from controller.model.figures import Figure
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.planning.shares import normalised


@dataclass(frozen=True, slots=True)
class BelievedFigure:
    """A figure, and what it is made of."""

    configured: float
    measured: float | None = None
    """None: nobody measured it since the start."""
    age_s: float | None = None
    """Seconds since it was measured."""
    influence: float = 0.0
    """What the measured figure counts for, from 1 (just now) down to 0; the settings' have the
    rest."""

    @property
    def value(self) -> float:
        """The figure that decisions are made by."""
        if self.measured is None:
            return self.configured
        return self.configured + (self.measured - self.configured) * self.influence


@dataclass(frozen=True, slots=True)
class BelievedCapacity:
    """A region's capacity, and what it is made of."""

    configured: float | None
    """None: nobody knows it."""
    counted_on: float
    """Requests/s it can carry when it is well: the configured ones, or its part of each pool."""
    usable: float
    """Part of them that can be counted on as well as it is now."""

    @property
    def value(self) -> float:
        """The figure that decisions are made by."""
        return self.usable * self.counted_on


@dataclass(frozen=True, slots=True)
class Believed:
    """The figures of one service."""

    demand_rps: Mapping[str, float]
    """Pool to its users' requests/s."""
    latency_ms: Mapping[str, Mapping[str, float]]
    """Pool to region to milliseconds; a pool whose distances nobody knows is missing."""
    capacity_rps: Mapping[str, float]
    """Region to the requests/s it can carry as well as it is now."""


def believed_figures(
    snapshot: Snapshot,
    service_name: str,
    health: Mapping[str, RegionHealth],
) -> Believed:
    """The figures of a service at this moment."""
    pools = snapshot.settings.services[service_name].pools
    latency = {name: dict(pool.latency_ms) for name, pool in pools.items() if pool.latency_ms}
    for position, belief in measured_latencies(snapshot, service_name).items():
        latency[position.pool][position.region] = belief.value
    demand = {name: pool.demand_rps for name, pool in pools.items()}
    for service, name in snapshot.figures.demand_rps:
        if service == service_name and name in pools:
            demand[name] = _demand(snapshot, service_name, name).value
    return Believed(
        demand,
        latency,
        {
            region: room.value
            for region, room in believed_capacities(snapshot, service_name, health).items()
        },
    )


def believed_demands(snapshot: Snapshot, service_name: str) -> dict[str, BelievedFigure]:
    """Pool to the requests/s its users are believed to ask for."""
    pools = snapshot.settings.services[service_name].pools
    return {name: _demand(snapshot, service_name, name) for name in pools}


def _demand(snapshot: Snapshot, service_name: str, name: str) -> BelievedFigure:
    pool = snapshot.settings.services[service_name].pools[name]
    measured = snapshot.figures.demand_rps.get((service_name, name))
    return _belief(snapshot, pool.demand_rps, measured)


def measured_latencies(snapshot: Snapshot, service_name: str) -> dict[Position, BelievedFigure]:
    """The milliseconds that somebody measured; for all others the settings' stand alone.

    A pool without configured latencies is placed by shares: there they count for nothing.
    """
    pools = snapshot.settings.services[service_name].pools
    return {
        position: _belief(snapshot, pools[position.pool].latency_ms[position.region], figure)
        for position, figure in snapshot.figures.latency_ms.items()
        if position.service == service_name
        and position.pool in pools
        and position.region in pools[position.pool].latency_ms
    }


def believed_capacities(
    snapshot: Snapshot, service_name: str, health: Mapping[str, RegionHealth]
) -> dict[str, BelievedCapacity]:
    """Region to its capacity. One that nobody measured is full with its part of each pool."""
    regions = snapshot.settings.services[service_name].regions
    unmeasured = any(region.capacity_rps is None for region in regions.values())
    parts = _parts_rps(snapshot, service_name) if unmeasured else {}
    target = snapshot.settings.placement.target_utilisation
    return {
        name: BelievedCapacity(
            region.capacity_rps,
            parts.get(name, 0.0) / target if region.capacity_rps is None else region.capacity_rps,
            health[name].usable,
        )
        for name, region in regions.items()
    }


def _parts_rps(snapshot: Snapshot, service_name: str) -> dict[str, float]:
    """Region to its part, by share, of each pool's requests/s."""
    service = snapshot.settings.services[service_name]
    demand_rps = {
        pool: belief.value for pool, belief in believed_demands(snapshot, service_name).items()
    }
    return load_rps(
        demand_rps,
        {n: configured_shares(service.regions, pool.regions) for n, pool in service.pools.items()},
    )


def load_rps(demand_rps: Mapping[str, float], split: Mapping[str, Shares]) -> dict[str, float]:
    """Region to requests/s when each pool is split like this."""
    carried: dict[str, float] = {}
    for pool, shares in split.items():
        for region, share in shares.items():
            carried[region] = carried.get(region, 0.0) + share * demand_rps[pool]
    return carried


def configured_shares(
    known: Mapping[str, ServiceRegion], regions: Iterable[str]
) -> dict[str, float]:
    """Configured shares among these regions; equal when all of them are zero."""
    shares = {region: known[region].share for region in regions}
    return normalised(shares) or {region: 1 / len(shares) for region in shares}


def _belief(snapshot: Snapshot, configured: float, measured: Figure | None) -> BelievedFigure:
    if measured is None:
        return BelievedFigure(configured)
    age_s = max(0.0, snapshot.now - measured.at)
    influence: float = 0.5 ** (age_s / snapshot.settings.placement.figures_half_life_s)
    return BelievedFigure(configured, measured.value, age_s, influence)
