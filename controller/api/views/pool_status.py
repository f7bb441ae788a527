"""The state of one pool in each of its regions, as `/v1/status` shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.api.dependencies import ApiDependencies
from controller.api.http.response_bodies import View
from controller.api.http.responses import Slices
from controller.api.metrics.steering import MEASURED_WINDOW_S
from controller.api.views.residency import LeakView, leak_views
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Service
from controller.model.decision import Held, PoolName, PoolPlan
from controller.model.health import Confidence, RegionHealth, SecondOpinion, Verdict
from controller.model.levers import Position
from controller.model.overrides import Override, OverrideKind
from controller.model.traffic import MeasuredShare
from controller.planning.health.answered_shares import answered_share

NO_CYCLE_YET = RegionHealth(Verdict.UNKNOWN, "no cycle has ended yet")
"""The health of every region before the first cycle."""


class RegionStatus(View):
    """The state of one region in one pool."""

    region: str
    verdict: Verdict
    suspect: bool
    """Whether failures were seen that nothing has cleared."""
    why: str
    """The evidence in one line."""
    usable: float
    """Part of its capacity that can be counted on; below 1 it is degraded: it answers badly."""
    confidence: Confidence
    """How far the verdict can be trusted; for people only, it moves nothing."""
    doubts: tuple[str, ...]
    """Why confidence is low; empty: it is high."""
    sources: tuple[SecondOpinion, ...]
    """What sources other than our probes say of it, those that know nothing left out."""
    observed: float | None
    """Share that AWS directs to it, as last read; null while nothing was read."""
    desired: float | None
    """Share that the plan wants it to have; a ramp gets there by steps, a hold keeps it waiting."""
    answered: float | None
    """Share of the zone's answers to the pool's users that lately led to it; null while there
    are none, such as after a change of weights or behind an accelerator."""
    unsteered: Mapping[str, float]
    """Record types at its pool's name that are not steered (HTTPS, SVCB …) to the share of their
    answers that leads to it, whatever `observed` says; above 0 only."""
    measured: float | None
    """Share of the pool's requests that reached it lately; null without reports."""
    requests: int
    """Requests that reached it lately."""
    errors: int
    """Requests of these that failed."""
    drift: str | None
    """What a user or another program changed."""
    override: int | None
    """The override that has the last word on its share: one that empties it before a pin, a
    narrower pin before a wider, then the newest."""


class PoolStatus(View):
    """The state of one pool."""

    name: str
    residency: str | None
    leaks: tuple[LeakView, ...] | None
    """Of a bound pool, proven over every combination of failures and drains in what AWS was last
    read to have; empty: none is possible. Null: unbound, or not read yet."""
    faults: tuple[str, ...] | None
    """What is misconfigured at AWS: missing, extra, unlawful or of unknown weights; no waiting
    cures it. Null: not read yet."""
    holds: tuple[Held, ...]
    """What did not move in the last cycle, and why."""
    overload_rps: float | None
    """Requests/s of its users beyond what the regions that may serve them can carry; null while
    nothing was read."""
    answers: int
    """How many answers the `answered` shares rest on."""
    regions: tuple[RegionStatus, ...]


@dataclass(frozen=True, slots=True)
class StatusInputs:
    """The values that the status is made of, read once: there may be thousands of positions."""

    latest: CycleReport | None
    plans: Mapping[PoolName, PoolPlan]
    measured: Mapping[PoolName, Mapping[str, MeasuredShare]]
    """Pool to region to its share of the users' requests of the last MEASURED_WINDOW_S."""
    overrides: tuple[Override, ...]
    """The active ones."""


def status_inputs(dependencies: ApiDependencies) -> StatusInputs:
    """The values of now."""
    latest = dependencies.reconciliation.latest
    plans = latest.decision.plans if latest else ()
    return StatusInputs(
        latest,
        {(plan.service, plan.pool): plan for plan in plans},
        dependencies.traffic.split(MEASURED_WINDOW_S),
        dependencies.overrides.active(),
    )


def region_health(latest: CycleReport | None, service: str, region: str) -> RegionHealth:
    """The health of a region by the last cycle; NO_CYCLE_YET before the first one."""
    regions = latest.decision.regions.get(service, {}) if latest else {}
    return regions.get(region, NO_CYCLE_YET)


async def pool_statuses(
    inputs: StatusInputs, name: str, service: Service, slices: Slices
) -> tuple[PoolStatus, ...]:
    """The status of every pool of a service."""
    health = {
        region: _health_members(region_health(inputs.latest, name, region))
        for region in service.regions
    }
    found = []
    for pool in service.pools:
        found.append(_pool_status(inputs, service, (name, pool), health))
        await slices.pause()
    return tuple(found)


def _pool_status(
    inputs: StatusInputs,
    service: Service,
    name: PoolName,
    health: Mapping[str, Mapping[str, Any]],
) -> PoolStatus:
    plan, latest, (_, pool) = inputs.plans.get(name), inputs.latest, name
    answered = latest.snapshot.answered.get(name) if latest else None
    observed = latest.snapshot.observed.get(name[0]) if latest else None
    return PoolStatus(
        name=pool,
        residency=service.pools[pool].residency,
        leaks=leak_views(latest, *name),
        faults=observed.misconfigured(pool) if observed else None,
        holds=plan.held if plan else (),
        overload_rps=plan.overload_rps if plan and plan.before else None,
        answers=answered.total if answered else 0,
        regions=tuple(
            RegionStatus(
                region=region,
                **health[region],
                **_traffic_members(inputs, Position(*name, region)),
            )
            for region in service.pools[pool].regions
        ),
    )


def _health_members(health: RegionHealth) -> dict[str, Any]:
    """The members of RegionStatus that are the same for a region in every pool."""
    return {
        "verdict": health.verdict,
        "suspect": health.suspect_since is not None,
        "why": health.why,
        "usable": health.usable,
        "confidence": health.confidence,
        "doubts": health.doubts,
        "sources": health.sources,
    }


def _traffic_members(inputs: StatusInputs, position: Position) -> dict[str, Any]:
    """The members of RegionStatus about a region's share of one pool."""
    region, latest, pool = position.region, inputs.latest, position[:2]
    plan, measured = inputs.plans.get(pool), inputs.measured.get(pool)
    answered = latest.snapshot.answered.get(pool) if latest else None
    of_region = measured.get(region) if measured else None
    observed = latest.snapshot.observed.get(position.service) if latest else None
    share_without_requests = 0.0 if measured else None
    return {
        "observed": plan.before.get(region) if plan else None,
        "desired": plan.desired.get(region) if plan else None,
        "answered": answered_share(answered, region),
        "unsteered": observed.unsteered.get(position, {}) if observed else {},
        "measured": of_region.share if of_region else share_without_requests,
        "requests": of_region.requests if of_region else 0,
        "errors": of_region.errors if of_region else 0,
        "drift": latest.decision.drift.get(position) if latest else None,
        "override": _override_id(inputs.overrides, position),
    }


def _override_id(overrides: Iterable[Override], position: Position) -> int | None:
    """The id of the override that decides this region's share."""
    service, pool, region = position
    of_position = [each for each in overrides if each.applies_to(service, region, pool=pool)]
    return max(of_position, key=_precedence).id if of_position else None


def _precedence(override: Override) -> tuple[bool, bool, bool, int]:
    """Sort key, the deciding override last, as in `planning.orders`: an override that empties a
    region outranks a pin, a narrower pin a wider one, then the newer one wins."""
    if override.kind is not OverrideKind.PIN:
        return True, False, False, override.id
    return False, override.service is not None, override.pool is not None, override.id
