"""Believed demand, latency and capacity: the settings, corrected by what was measured.

A measured figure's influence halves every `placement.figures_half_life_s`, so that an old one fades
instead of steering on as if it were new: `value = configured + influence * (measured - configured)`
with `influence = 0.5 ** (age / half_life)`.

Worked example: 100 requests/s are configured and 160 were measured one half-life ago.

>>> BelievedFigure(configured=100, measured=160, age_s=300, influence=0.5).value
130.0
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
    """A figure and what it is made of. `0 <= influence <= 1`."""

    configured: float
    measured: float | None = None
    """None: not measured since the start."""
    age_s: float | None = None
    """Seconds since it was measured."""
    influence: float = 0.0
    """Weight of the measured figure, from 1 (just measured) down to 0; the configured one has the
    rest."""

    @property
    def value(self) -> float:
        """The figure that decisions use."""
        if self.measured is None:
            return self.configured
        return self.configured + (self.measured - self.configured) * self.influence


@dataclass(frozen=True, slots=True)
class BelievedCapacity:
    """A region's capacity and what it is made of. `0 <= usable <= 1`."""

    configured: float | None
    """None: the settings give none."""
    nominal: float
    """Requests/s it can carry when healthy: the configured ones, else derived from its shares."""
    usable: float
    """Fraction of the nominal capacity that its present health allows."""

    @property
    def value(self) -> float:
        """The requests/s that decisions use."""
        return self.usable * self.nominal


@dataclass(frozen=True, slots=True)
class Believed:
    """The figures of one service."""

    demand_rps: Mapping[str, float]
    """Pool to its users' requests/s."""
    latency_ms: Mapping[str, Mapping[str, float]]
    """Pool to region to milliseconds; pools without configured latencies are missing."""
    capacity_rps: Mapping[str, float]
    """Region to the requests/s that it can carry with its present health."""


def believed_figures(
    snapshot: Snapshot, service_name: str, health: Mapping[str, RegionHealth]
) -> Believed:
    """The figures of a service at the snapshot's time."""
    pools = snapshot.settings.services[service_name].pools
    latency = {name: dict(pool.latency_ms) for name, pool in pools.items() if pool.latency_ms}
    for position, figure in measured_latencies(snapshot, service_name).items():
        latency[position.pool][position.region] = figure.value
    demand = {name: pool.demand_rps for name, pool in pools.items()}
    for service, name in snapshot.figures.demand_rps:
        if service == service_name and name in pools:
            demand[name] = _believed_demand(snapshot, service_name, name).value
    capacities = believed_capacities(snapshot, service_name, health)
    return Believed(
        demand, latency, {region: capacity.value for region, capacity in capacities.items()}
    )


def believed_demands(snapshot: Snapshot, service_name: str) -> dict[str, BelievedFigure]:
    """Pool to its users' requests/s."""
    pools = snapshot.settings.services[service_name].pools
    return {name: _believed_demand(snapshot, service_name, name) for name in pools}


def _believed_demand(snapshot: Snapshot, service_name: str, name: str) -> BelievedFigure:
    pool = snapshot.settings.services[service_name].pools[name]
    measured = snapshot.figures.demand_rps.get((service_name, name))
    return _believed(snapshot, pool.demand_rps, measured)


def measured_latencies(snapshot: Snapshot, service_name: str) -> dict[Position, BelievedFigure]:
    """Position to milliseconds, of positions with a measurement; the others are as configured.

    Pools without configured latencies are placed by shares, so their measurements are left out.
    """
    pools = snapshot.settings.services[service_name].pools
    return {
        position: _believed(snapshot, pools[position.pool].latency_ms[position.region], figure)
        for position, figure in snapshot.figures.latency_ms.items()
        if position.service == service_name
        and position.pool in pools
        and position.region in pools[position.pool].latency_ms
    }


def believed_capacities(
    snapshot: Snapshot, service_name: str, health: Mapping[str, RegionHealth]
) -> dict[str, BelievedCapacity]:
    """Region to its capacity.

    A region without a configured capacity is at the target utilisation with its configured share of
    each pool.
    """
    regions = snapshot.settings.services[service_name].regions
    is_incomplete = any(region.capacity_rps is None for region in regions.values())
    shares_rps = _configured_load_rps(snapshot, service_name) if is_incomplete else {}
    target = snapshot.settings.placement.target_utilisation
    return {
        name: BelievedCapacity(
            region.capacity_rps,
            shares_rps.get(name, 0.0) / target
            if region.capacity_rps is None
            else region.capacity_rps,
            health[name].usable,
        )
        for name, region in regions.items()
    }


def _configured_load_rps(snapshot: Snapshot, service_name: str) -> dict[str, float]:
    """Region to requests/s when each pool is split by configured shares."""
    service = snapshot.settings.services[service_name]
    demands = believed_demands(snapshot, service_name)
    return load_rps(
        {pool: demand.value for pool, demand in demands.items()},
        {n: configured_shares(service.regions, pool.regions) for n, pool in service.pools.items()},
    )


def load_rps(demand_rps: Mapping[str, float], split: Mapping[str, Shares]) -> dict[str, float]:
    """Region to requests/s when each pool is split like this."""
    load: dict[str, float] = {}
    for pool, shares in split.items():
        for region, share in shares.items():
            load[region] = load.get(region, 0.0) + share * demand_rps[pool]
    return load


def configured_shares(
    settings: Mapping[str, ServiceRegion], regions: Iterable[str]
) -> dict[str, float]:
    """Configured shares among these regions, `sum == 1`; equal when all of them are zero."""
    shares = {region: settings[region].share for region in regions}
    return normalised(shares) or {region: 1 / len(shares) for region in shares}


def _believed(snapshot: Snapshot, configured: float, measured: Figure | None) -> BelievedFigure:
    if measured is None:
        return BelievedFigure(configured)
    age_s = max(0.0, snapshot.now - measured.at)
    influence: float = 0.5 ** (age_s / snapshot.settings.placement.figures_half_life_s)
    return BelievedFigure(configured, measured.value, age_s, influence)
