"""What is believed of demand, distance and capacity, as `/v1/figures` shows it."""

from __future__ import annotations

from collections.abc import Mapping

from controller.api.views.common import View
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
    """Requests per second when it is well; null: nobody knows."""
    counted_on: float
    """The same, or where nobody knows the region's part of each pool's demand."""
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


def figures_of(evidence: Evidence, name: str) -> FiguresView:
    """The figures of one service, by the functions that decisions get theirs from."""
    snapshot = evidence.snapshot
    health = evidence.decision.regions[name]
    found = believed_capacities(snapshot, name, health)
    return FiguresView(
        service=name,
        demand_rps={pool: _figure(one) for pool, one in believed_demands(snapshot, name).items()},
        latency_ms=_latencies(evidence, name, snapshot.settings.services[name]),
        capacity_rps={region: _capacity(room) for region, room in found.items()},
    )


def _latencies(evidence: Evidence, name: str, service: Service) -> dict[str, dict[str, FigureView]]:
    measured = {
        place[1:]: belief for place, belief in measured_latencies(evidence.snapshot, name).items()
    }
    return {
        pool: {
            region: _figure(measured.get((pool, region), BelievedFigure(ms)))
            for region, ms in noun.latency_ms.items()
        }
        for pool, noun in service.pools.items()
    }


def _figure(belief: BelievedFigure) -> FigureView:
    return FigureView(
        configured=belief.configured,
        measured=belief.measured,
        age_s=belief.age_s,
        influence=belief.influence,
        believed=belief.value,
    )


def _capacity(room: BelievedCapacity) -> CapacityView:
    return CapacityView(
        configured=room.configured,
        counted_on=room.counted_on,
        usable=room.usable,
        believed=room.value,
    )
