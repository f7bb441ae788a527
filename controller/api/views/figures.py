"""Believed demand, latency and capacity, as `/v1/figures` shows them."""

from __future__ import annotations

from collections.abc import Mapping

from controller.api.http.response_bodies import View
from controller.model.configuration import Service
from controller.planning.account.evidence import Evidence
from controller.planning.placement.believed import (
    BelievedCapacity,
    BelievedFigure,
    believed_capacities,
    believed_demands,
    measured_latencies,
)


class FigureView(View):
    """A figure of the configuration, and how far a measured one replaces it."""

    configured: float
    measured: float | None
    """What was reported last; null: nothing since the daemon started."""
    age_s: float | None
    """Seconds since it was reported."""
    influence: float
    """What the measured figure counts for: 1 just now, half of it every
    `placement.figures_half_life_s`; the configured one has the rest."""
    believed: float
    """What decisions are made by."""


class CapacityView(View):
    """What a region can carry."""

    configured: float | None
    """Requests per second when it is well; null: unknown."""
    counted_on: float
    """The same, or, where it is unknown, the region's part of each pool's demand."""
    usable: float
    """Part of it that can be counted on now; below 1 the region is degraded."""
    believed: float
    """What decisions are made by."""


class FiguresView(View):
    """The figures of one service."""

    service: str
    demand_rps: Mapping[str, FigureView]
    """Pool to its users' requests per second."""
    latency_ms: Mapping[str, Mapping[str, FigureView]]
    """Pool to region to milliseconds; empty for a pool that is placed by its regions' shares."""
    capacity_rps: Mapping[str, CapacityView]
    """Region to requests per second."""


def figures_view(evidence: Evidence, name: str) -> FiguresView:
    """The figures of one service, from the same functions that a decision uses."""
    snapshot = evidence.snapshot
    health = evidence.decision.regions[name]
    return FiguresView(
        service=name,
        demand_rps={
            pool: _figure_view(figure) for pool, figure in believed_demands(snapshot, name).items()
        },
        latency_ms=_latencies(evidence, name, snapshot.settings.services[name]),
        capacity_rps={
            region: _capacity_view(capacity)
            for region, capacity in believed_capacities(snapshot, name, health).items()
        },
    )


def _latencies(evidence: Evidence, name: str, service: Service) -> dict[str, dict[str, FigureView]]:
    """Pool to region to the latency between them, for the regions with a configured latency."""
    measured = {
        (pool, region): figure
        for (_, pool, region), figure in measured_latencies(evidence.snapshot, name).items()
    }
    return {
        name: {
            region: _figure_view(measured.get((name, region), BelievedFigure(configured_ms)))
            for region, configured_ms in pool.latency_ms.items()
        }
        for name, pool in service.pools.items()
    }


def _figure_view(figure: BelievedFigure) -> FigureView:
    return FigureView(
        configured=figure.configured,
        measured=figure.measured,
        age_s=figure.age_s,
        influence=figure.influence,
        believed=figure.value,
    )


def _capacity_view(capacity: BelievedCapacity) -> CapacityView:
    return CapacityView(
        configured=capacity.configured,
        counted_on=capacity.nominal,
        usable=capacity.usable,
        believed=capacity.value,
    )
