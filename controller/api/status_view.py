"""How things stand, as `/v1/status` shows them: the last cycle's findings beside what is live.

Verdicts, shares and holds are the last cycle's; canaries, overrides and measured traffic are of
this moment. Before the first cycle everything unknown is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from controller import __version__
from controller.api.context import Context
from controller.api.residency_view import LeakView, leaks_of
from controller.api.steering_metrics import MEASURED_WINDOW_S
from controller.api.views import OverrideView, View, in_force
from controller.loops.reconciliation import CycleReport
from controller.model.configuration import Mode, Service
from controller.model.decision import Held, PoolPlan
from controller.model.health import Confidence, RegionHealth, SecondOpinion, Verdict
from controller.model.levers import Position
from controller.model.overrides import Override, OverrideKind
from controller.model.traffic import MeasuredShare
from controller.planning.health.answered import answer_notices, answered_share
from controller.planning.health.quorum import answering

NOT_YET = RegionHealth(Verdict.UNKNOWN, "no cycle has ended yet")
"""What is believed of every region before its first cycle."""


class Canaries(View):
    """Probes of what is known to be well, and of what is known to answer nobody."""

    failing: int
    total: int
    bad_answering: tuple[str, ...]
    """Known-bad canaries that answer; while one does, the prober is not believed."""
    bad_total: int


class Reading(View):
    """Whether AWS could be read."""

    failing: Mapping[str, str]
    """Hosted zone or accelerator to why it could not."""


class DecisionBrief(View):
    """A decision's record in short."""

    id: int
    at: datetime
    trigger: tuple[str, ...]


class FailingPart(View):
    """An advisory loop or listener that fails; the daemon steers without it."""

    part: str
    error: str
    """The last exception."""
    failures: int
    """Failures in a row."""
    for_s: float
    """Seconds since the first of them."""


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
    """Share that placement wants it to have."""
    planned: float | None
    """Share after this cycle's changes."""
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


class ServiceStatus(View):
    """How one service stands."""

    name: str
    mode: Mode
    """Whether its plans are carried out; a dry run of all outranks its own."""
    lever: Literal["route53", "accelerator"]
    steered_name: str | None
    """Its DNS name; null behind an accelerator."""
    panic: bool
    """Whether it holds because too many regions turned suspect at once."""
    faults: tuple[str, ...]
    """What is missing, extra or unlawful at AWS."""
    notices: tuple[str, ...]
    pools: tuple[PoolStatus, ...]


class Status(View):
    """Everything at a glance."""

    version: str
    mode: Mode
    at: datetime
    started_at: datetime
    cycle: int
    """Number of the last cycle; 0 before the first one."""
    cycle_age_s: float | None
    settings_hash: str
    frozen: bool
    """Whether a freeze is in force."""
    isolated: bool
    """Whether this vantage point doubts itself."""
    canaries: Canaries
    observation: Reading
    failing_parts: tuple[FailingPart, ...]
    """Advisory loops, which are started anew, and listeners that fail now; empty: none."""
    next_cycle_in_s: float | None
    """At the latest; a verdict or an override wakes the loop before."""
    services: tuple[ServiceStatus, ...]
    overrides: tuple[OverrideView, ...]
    last_decision: DecisionBrief | None
    state_error: str | None
    """Why the state store cannot be read, or decisions wait to be written to it. The last decision
    is null then. After a start, why nothing is moved: earlier orders were not read yet."""


def status(context: Context, last: DecisionBrief | None, state_error: str | None) -> Status:
    """The daemon and all that it steers."""
    latest = context.reconciliation.latest
    return Status(
        version=__version__,
        mode=context.settings.mode,
        at=context.clock.wall(),
        started_at=context.started_at,
        cycle=latest.cycle if latest else 0,
        cycle_age_s=_cycle_age_s(context, latest),
        settings_hash=context.settings_hash,
        frozen=any(o.kind is OverrideKind.FREEZE for o in context.overrides.active()),
        isolated=bool(latest and latest.decision.memory.isolated_since is not None),
        canaries=_canaries(context),
        observation=Reading(failing=context.observation.failing),
        failing_parts=_failing_parts(context),
        next_cycle_in_s=_next_cycle_in_s(context, latest),
        services=tuple(_service(context, latest, name) for name in context.settings.services),
        overrides=in_force(context),
        last_decision=last,
        state_error=_unread(context) or state_error or context.reconciliation.unrecorded,
    )


def _canaries(context: Context) -> Canaries:
    good, bad = context.probing.canaries.values(), context.probing.bad_canaries
    return Canaries(
        failing=sum(state.suspect for state in good),
        total=len(good),
        bad_answering=answering(bad, context.settings, context.clock.monotonic()),
        bad_total=len(bad),
    )


def _unread(context: Context) -> str | None:
    unread = context.reconciliation.unread
    return f"{unread}; nothing is moved" if unread else None


def _failing_parts(context: Context) -> tuple[FailingPart, ...]:
    now = context.clock.monotonic()
    return tuple(
        FailingPart(part=name, error=one.error, failures=one.count, for_s=round(now - one.since, 1))
        for name, one in sorted(context.supervision.failing.items())
    )


def health_of(latest: CycleReport | None, service: str, region: str) -> RegionHealth:
    """What the last cycle believed of a region."""
    regions = latest.decision.regions.get(service, {}) if latest else {}
    return regions.get(region, NOT_YET)


def _service(context: Context, latest: CycleReport | None, name: str) -> ServiceStatus:
    service = context.settings.services[name]
    route53 = service.levers.route53
    observed = latest.snapshot.observed.get(name) if latest else None
    faults = observed.faults.values() if observed else ()
    return ServiceStatus(
        name=name,
        mode=context.settings.mode_of(name),
        lever="route53" if route53 else "accelerator",
        steered_name=route53.name if route53 else None,
        panic=bool(latest and name in latest.decision.memory.panic),
        faults=tuple(fault for found in faults for fault in found),
        notices=_notices(latest, name),
        pools=tuple(_pool(context, latest, name, service, pool) for pool in service.pools),
    )


def _notices(latest: CycleReport | None, name: str) -> tuple[str, ...]:
    observed = latest.snapshot.observed.get(name) if latest else None
    if latest is None or observed is None:
        return ()
    return (*observed.notices, *answer_notices(latest.snapshot, name))


def _pool(
    context: Context, latest: CycleReport | None, name: str, service: Service, pool: str
) -> PoolStatus:
    plans = latest.decision.plans if latest else ()
    plan = next((p for p in plans if (p.service, p.pool) == (name, pool)), None)
    split = context.traffic.split(MEASURED_WINDOW_S).get((name, pool))
    answered = latest.snapshot.answered.get((name, pool)) if latest else None
    return PoolStatus(
        name=pool,
        residency=service.pools[pool].residency,
        leaks=leaks_of(latest, name, pool),
        holds=plan.held if plan else (),
        overload_rps=plan.overload_rps if plan and plan.before else None,
        answers=answered.total if answered else 0,
        regions=tuple(
            _region(context, latest, plan, split, Position(name, pool, region))
            for region in service.pools[pool].regions
        ),
    )


def _region(
    context: Context,
    latest: CycleReport | None,
    plan: PoolPlan | None,
    split: Mapping[str, MeasuredShare] | None,
    position: Position,
) -> RegionStatus:
    region = position.region
    seen = health_of(latest, position.service, region)
    answered = latest.snapshot.answered.get(position[:2]) if latest else None
    measured = split.get(region) if split else None
    nothing = 0.0 if split else None
    return RegionStatus(
        region=region,
        verdict=seen.verdict,
        suspect=seen.suspect_since is not None,
        why=seen.why,
        usable=seen.usable,
        confidence=seen.confidence,
        doubts=seen.doubts,
        sources=seen.sources,
        observed=plan.before.get(region) if plan else None,
        desired=plan.desired.get(region) if plan else None,
        planned=plan.after.get(region) if plan else None,
        answered=answered_share(answered, region),
        measured=measured.share if measured else nothing,
        requests=measured.requests if measured else 0,
        errors=measured.errors if measured else 0,
        drift=latest.decision.drift.get(position) if latest else None,
        override=_override_id(context, position),
    )


def _override_id(context: Context, position: Position) -> int | None:
    """The override that has the last word on this region's share."""
    service, pool, region = position
    concerned = [o for o in context.overrides.active() if o.concerns(service, region, pool=pool)]
    return max(concerned, key=_precedence).id if concerned else None


def _precedence(override: Override) -> tuple[bool, bool, bool, int]:
    """As in `planning.orders`: what empties a region before a pin, of pins the narrower."""
    if override.kind is not OverrideKind.PIN:
        return True, False, False, override.id
    return False, override.service is not None, override.pool is not None, override.id


def _cycle_age_s(context: Context, latest: CycleReport | None) -> float | None:
    if latest is None:
        return None
    return round(context.clock.monotonic() - latest.ended_at, 3)


def _next_cycle_in_s(context: Context, latest: CycleReport | None) -> float | None:
    if latest is None:
        return None
    cycle = context.settings.cycle
    due = latest.ended_at + cycle.min_gap_s + cycle.period_s
    wake_at = latest.decision.wake_at
    if wake_at is not None:
        due = min(due, max(wake_at, latest.ended_at + cycle.min_gap_s))
    return round(max(0.0, due - context.clock.monotonic()), 3)
