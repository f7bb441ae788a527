"""How one pool stands in each of its regions, as `/v1/status` shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.api.dependencies import ApiDependencies
from controller.api.metrics.steering import MEASURED_WINDOW_S
from controller.api.views.common import View
from controller.api.views.residency import LeakView, leaks_of
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Service
from controller.model.decision import Held, PoolName, PoolPlan
from controller.model.health import Confidence, RegionHealth, SecondOpinion, Verdict
from controller.model.levers import Position
from controller.model.overrides import Override, OverrideKind
from controller.model.traffic import MeasuredShare
from controller.planning.health.answered_shares import answered_share

NOT_YET = RegionHealth(Verdict.UNKNOWN, "no cycle has ended yet")
"""What is believed of every region before its first cycle."""


class RegionStatus(View):
    """How one region stands in one pool."""

    region: str
    verdict: Verdict
    suspect: bool
    """Whether failures stand against it that nothing has cleared."""
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
    """Share of the zone's answers to the pool's users that lately led to it; null while nobody
    asked, such as after a change of weights or behind an accelerator."""
    measured: float | None
    """Share of the pool's requests that reached it lately; null while nobody reports."""
    requests: int
    """Requests that reached it lately."""
    errors: int
    """Requests of these that failed."""
    drift: str | None
    """What somebody else changed."""
    override: int | None
    """The override that has the last word on its share: one that empties it before a pin, a
    narrower pin before a wider, then the newest."""


class PoolStatus(View):
    """How one pool stands."""

    name: str
    residency: str | None
    leaks: tuple[LeakView, ...] | None
    """Of a bound pool, proven over every combination of failures and drains in what AWS was last
    read to have; empty: none is possible. Null: unbound, or not read yet."""
    holds: tuple[Held, ...]
    """What did not move in the last cycle, and why."""
    overload_rps: float | None
    """Requests/s of its users beyond what the regions that may serve them can carry; null while
    nothing was read."""
    answers: int
    """How many answers the `answered` shares rest on."""
    regions: tuple[RegionStatus, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the positions' status is made of, gathered once: there may be thousands of them."""

    latest: CycleReport | None
    plans: Mapping[PoolName, PoolPlan]
    split: Mapping[PoolName, Mapping[str, MeasuredShare]]
    """What users do lately."""
    overrides: tuple[Override, ...]
    """Those in force."""


def findings(context: ApiDependencies) -> Findings:
    """As of now."""
    latest = context.reconciliation.latest
    plans = latest.decision.plans if latest else ()
    return Findings(
        latest,
        {(plan.service, plan.pool): plan for plan in plans},
        context.traffic.split(MEASURED_WINDOW_S),
        context.overrides.active(),
    )


def health_of(latest: CycleReport | None, service: str, region: str) -> RegionHealth:
    """What the last cycle believed of a region."""
    regions = latest.decision.regions.get(service, {}) if latest else {}
    return regions.get(region, NOT_YET)


def pools_of(found: Findings, name: str, service: Service) -> tuple[PoolStatus, ...]:
    """Every pool of a service."""
    believed = {
        region: _believed(health_of(found.latest, name, region)) for region in service.regions
    }
    return tuple(_pool(found, service, (name, pool), believed) for pool in service.pools)


def _pool(
    found: Findings, service: Service, name: PoolName, believed: Mapping[str, Mapping[str, Any]]
) -> PoolStatus:
    plan, latest, (_, pool) = found.plans.get(name), found.latest, name
    answered = latest.snapshot.answered.get(name) if latest else None
    return PoolStatus(
        name=pool,
        residency=service.pools[pool].residency,
        leaks=leaks_of(latest, *name),
        holds=plan.held if plan else (),
        overload_rps=plan.overload_rps if plan and plan.before else None,
        answers=answered.total if answered else 0,
        regions=tuple(
            RegionStatus(
                region=region, **believed[region], **_carried(found, Position(*name, region))
            )
            for region in service.pools[pool].regions
        ),
    )


def _believed(seen: RegionHealth) -> dict[str, Any]:
    """What is the same for a region in every pool."""
    return {
        "verdict": seen.verdict,
        "suspect": seen.suspect_since is not None,
        "why": seen.why,
        "usable": seen.usable,
        "confidence": seen.confidence,
        "doubts": seen.doubts,
        "sources": seen.sources,
    }


def _carried(found: Findings, position: Position) -> dict[str, Any]:
    """What a region has of one pool's traffic, and by whose order."""
    region, latest, pool = position.region, found.latest, position[:2]
    plan, split = found.plans.get(pool), found.split.get(pool)
    answered = latest.snapshot.answered.get(pool) if latest else None
    measured = split.get(region) if split else None
    nothing = 0.0 if split else None
    return {
        "observed": plan.before.get(region) if plan else None,
        "desired": plan.desired.get(region) if plan else None,
        "answered": answered_share(answered, region),
        "measured": measured.share if measured else nothing,
        "requests": measured.requests if measured else 0,
        "errors": measured.errors if measured else 0,
        "drift": latest.decision.drift.get(position) if latest else None,
        "override": _override_id(found.overrides, position),
    }


def _override_id(overrides: Iterable[Override], position: Position) -> int | None:
    """The override that has the last word on this region's share."""
    service, pool, region = position
    concerned = [o for o in overrides if o.applies_to(service, region, pool=pool)]
    return max(concerned, key=_precedence).id if concerned else None


def _precedence(override: Override) -> tuple[bool, bool, bool, int]:
    """As in `planning.orders`: what empties a region before a pin, of pins the narrower."""
    if override.kind is not OverrideKind.PIN:
        return True, False, False, override.id
    return False, override.service is not None, override.pool is not None, override.id
