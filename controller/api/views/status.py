"""How things stand, as `/v1/status` shows them: the last cycle's findings beside what is live.

Verdicts, shares and holds are the last cycle's; reference targets, overrides and measured traffic
are of this moment. Before the first cycle everything unknown is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from controller import __version__
from controller.api.dependencies import ApiDependencies
from controller.api.views.common import OverrideView, View, in_force
from controller.api.views.pool_status import Findings, PoolStatus, findings, pools_of
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Mode
from controller.model.levers import LeverKind
from controller.model.overrides import OverrideKind
from controller.planning.health.answered_shares import answer_notices
from controller.planning.health.isolation import answering_targets
from controller.planning.levers.registry import lever_of


class KnownGoodStatus(View):
    """Reference targets that must answer."""

    failing: int
    """While most of them fail, the prober is not believed."""
    total: int


class KnownBadStatus(View):
    """Reference targets that must not answer."""

    answering: tuple[str, ...]
    """Those that answer; while one does, the prober is not believed."""
    total: int


class ReferenceTargetsStatus(View):
    """How the addresses answer whose answer is known beforehand."""

    known_good: KnownGoodStatus
    known_bad: KnownBadStatus


class ReadingView(View):
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


class ServiceStatus(View):
    """How one service stands."""

    name: str
    mode: Mode
    """Whether its plans are carried out; a dry run of all outranks its own."""
    lever: LeverKind
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
    reference_targets: ReferenceTargetsStatus
    observation: ReadingView
    failing_parts: tuple[FailingPart, ...]
    """Advisory loops, which are started anew, and listeners that fail now; empty: none."""
    next_cycle_in_s: float | None
    """At the latest; a verdict or an override wakes the loop before."""
    services: tuple[ServiceStatus, ...]
    overrides: tuple[OverrideView, ...]
    last_decision: DecisionBrief | None
    state_error: str | None
    """After a start, why nothing is moved: orders of before were not read yet. Else why the state
    file cannot be read, and the last decision is null; else that decisions wait to be written."""


def status(context: ApiDependencies, last: DecisionBrief | None, state_error: str | None) -> Status:
    """The daemon and all that it steers."""
    found = findings(context)
    latest = found.latest
    return Status(
        version=__version__,
        mode=context.settings.mode,
        at=context.clock.wall(),
        started_at=context.started_at,
        cycle=latest.cycle if latest else 0,
        cycle_age_s=_cycle_age_s(context, latest),
        settings_hash=context.settings_hash,
        frozen=any(o.kind is OverrideKind.FREEZE for o in found.overrides),
        isolated=bool(latest and latest.decision.memory.isolated_since is not None),
        reference_targets=_reference_targets(context),
        observation=ReadingView(failing=context.observation.failing),
        failing_parts=_failing_parts(context),
        next_cycle_in_s=_next_cycle_in_s(context, latest),
        services=tuple(_service(context, found, name) for name in context.settings.services),
        overrides=in_force(context),
        last_decision=last,
        state_error=_unread(context) or state_error or context.reconciliation.unrecorded,
    )


def _reference_targets(context: ApiDependencies) -> ReferenceTargetsStatus:
    good, bad = context.probing.known_good.values(), context.probing.known_bad
    failing = sum(state.suspect for state in good)
    liars = answering_targets(bad, context.settings, context.clock.monotonic())
    return ReferenceTargetsStatus(
        known_good=KnownGoodStatus(failing=failing, total=len(good)),
        known_bad=KnownBadStatus(answering=liars, total=len(bad)),
    )


def _unread(context: ApiDependencies) -> str | None:
    unread = context.snapshots.unread
    return f"{unread}; nothing is moved" if unread else None


def _failing_parts(context: ApiDependencies) -> tuple[FailingPart, ...]:
    now = context.clock.monotonic()
    return tuple(
        FailingPart(part=name, error=one.error, failures=one.count, for_s=round(now - one.since, 1))
        for name, one in sorted(context.supervision.failing.items())
    )


def _service(context: ApiDependencies, found: Findings, name: str) -> ServiceStatus:
    service, latest = context.settings.services[name], found.latest
    lever = lever_of(service)
    observed = latest.snapshot.observed.get(name) if latest else None
    faults = observed.faults.values() if observed else ()
    return ServiceStatus(
        name=name,
        mode=context.settings.mode_of(name),
        lever=lever.kind,
        steered_name=lever.name_in_dns(service),
        panic=bool(latest and latest.decision.memory.of(name).panic is not None),
        faults=tuple(fault for pool in faults for fault in pool),
        notices=_notices(latest, name),
        pools=pools_of(found, name, service),
    )


def _notices(latest: CycleReport | None, name: str) -> tuple[str, ...]:
    observed = latest.snapshot.observed.get(name) if latest else None
    if latest is None or observed is None:
        return ()
    return (*observed.notices, *answer_notices(latest.snapshot, name))


def _cycle_age_s(context: ApiDependencies, latest: CycleReport | None) -> float | None:
    if latest is None:
        return None
    return round(context.clock.monotonic() - latest.ended_at, 3)


def _next_cycle_in_s(context: ApiDependencies, latest: CycleReport | None) -> float | None:
    if latest is None:
        return None
    cycle = context.settings.cycle
    due = latest.ended_at + cycle.min_gap_s + cycle.period_s
    wake_at = latest.decision.wake_at
    if wake_at is not None:
        due = min(due, max(wake_at, latest.ended_at + cycle.min_gap_s))
    return round(max(0.0, due - context.clock.monotonic()), 3)
