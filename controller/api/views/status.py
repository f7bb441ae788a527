"""The state of the daemon, its services, pools and regions, as `/v1/status` shows it.

Verdicts, shares and holds are those of the last cycle; reference targets, overrides and measured
traffic are those of now. Before the first cycle everything unknown is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from controller import __version__
from controller.api.dependencies import ApiDependencies
from controller.api.http.response_bodies import View
from controller.api.http.responses import Slices
from controller.api.views.overrides import OverrideView, active_override_views
from controller.api.views.pool_status import (
    PoolStatus,
    StatusInputs,
    pool_statuses,
    status_inputs,
)
from controller.api.views.state_file import UnreadableRowView, notices, unreadable_rows
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Mode, Settings
from controller.model.health import NotRunCause
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


class TargetReading(View):
    """What the last reading of a hosted zone or an accelerator took and showed."""

    pages: int | None
    """Requests for record sets; null behind an accelerator."""
    resources: int
    """Record sets or endpoint groups that it showed."""
    whole: bool
    """Whether each reading lists all of it; else only what is steered and where that leads."""
    whole_age_s: float
    """Seconds since all of it was listed."""
    whole_error: str | None
    """Why that failed the last time; null: it did not."""


class NotRunStatus(View):
    """Probes that this host cannot run now, for one cause; they say nothing about the endpoints."""

    cause: NotRunCause
    detail: str
    """The cause in words."""
    subjects: int
    """How many endpoints and reference targets cannot be probed; of a name with several addresses
    each address counts."""
    for_s: float
    """Seconds since the first of them could not be."""
    example: str


class ProbingStatus(View):
    """What this host lacks for its probes."""

    could_not_run: tuple[NotRunStatus, ...]
    """Empty: every probe can be run."""
    missing_families: tuple[str, ...]
    """`IPv4` or `IPv6` where names have such addresses and this host has no route for them. They
    are not probed where a name has others."""


class ReadingView(View):
    """Whether AWS could be read, and how much of it was."""

    failing: Mapping[str, str]
    """Hosted zone or accelerator to why it could not."""
    targets: Mapping[str, TargetReading]
    """Hosted zone or accelerator to its last reading; those never read are missing."""


class DenialView(View):
    """An operation for which AWS refuses the daemon's credentials or rights, or there are none."""

    service: str
    operation: str
    why: str
    """AWS's code and message, or why there are no credentials."""
    for_s: float
    """Seconds since the first refusal in a row."""


class DecisionSummary(View):
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
    """The state of one service."""

    name: str
    mode: Mode
    """Whether its plans are carried out; a dry run of all outranks its own."""
    lever: LeverKind
    steered_name: str | None
    """Its DNS name; null behind an accelerator."""
    panic: bool
    """Whether it holds because too many regions turned suspect at once."""
    faults: tuple[str, ...]
    """What is misconfigured at AWS, of all its pools."""
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
    """Whether a freeze is active."""
    isolated: bool
    """Whether this vantage point doubts itself."""
    reference_targets: ReferenceTargetsStatus
    probing: ProbingStatus
    observation: ReadingView
    aws_denied: tuple[DenialView, ...]
    """What AWS denies the daemon now; nothing that needs it is carried out. Empty: nothing."""
    failing_parts: tuple[FailingPart, ...]
    """Advisory loops, which are started anew, and listeners that fail now; empty: none."""
    next_cycle_in_s: float | None
    """At the latest; a verdict or an override wakes the loop before."""
    services: tuple[ServiceStatus, ...]
    overrides: tuple[OverrideView, ...]
    last_decision: DecisionSummary | None
    notices: tuple[str, ...]
    """A state file that was gone at the start; a clock that was set, or is wrong."""
    unreadable_rows: tuple[UnreadableRowView, ...]
    """Rows of the state file that were skipped because they make no sense; empty: none was found.
    An order among them is not in force."""
    state_error: str | None
    """After a start, why nothing is moved: orders of before were not read yet. Else why the state
    file cannot be read, and the last decision is null; else that decisions wait to be written."""


async def status_view(
    dependencies: ApiDependencies,
    last: DecisionSummary | None,
    state_error: str | None,
    slices: Slices,
) -> Status:
    """The status of now; `state_error`: why the last decision could not be read.

    Read before the first pause is whatever may change meanwhile.
    """
    inputs, overrides = status_inputs(dependencies), active_override_views(dependencies)
    latest = inputs.latest
    head, settings = _head(dependencies, latest), dependencies.settings
    services = [await _service_status(settings, inputs, name, slices) for name in settings.services]
    return head.model_copy(
        update={
            "services": tuple(services),
            "overrides": overrides,
            "last_decision": last,
            "state_error": _unread_state(dependencies)
            or state_error
            or dependencies.reconciliation.unrecorded,
        }
    )


def _head(dependencies: ApiDependencies, latest: CycleReport | None) -> Status:
    """The status without services and overrides."""
    return Status(
        version=__version__,
        mode=dependencies.settings.mode,
        at=dependencies.clock.wall(),
        started_at=dependencies.started_at,
        cycle=latest.cycle if latest else 0,
        cycle_age_s=_cycle_age_s(dependencies, latest),
        settings_hash=dependencies.settings_hash,
        frozen=any(o.kind is OverrideKind.FREEZE for o in dependencies.overrides.active()),
        isolated=bool(latest and latest.decision.memory.isolated_since is not None),
        reference_targets=_reference_targets(dependencies),
        observation=_readings(dependencies),
        probing=_probing(dependencies),
        aws_denied=_aws_denied(dependencies),
        failing_parts=_failing_parts(dependencies),
        next_cycle_in_s=_next_cycle_in_s(dependencies, latest),
        services=(),
        overrides=(),
        last_decision=None,
        notices=notices(dependencies),
        unreadable_rows=unreadable_rows(dependencies),
        state_error=None,
    )


def _reference_targets(dependencies: ApiDependencies) -> ReferenceTargetsStatus:
    good, bad = dependencies.probing.known_good.values(), dependencies.probing.known_bad
    failing = sum(state.suspect for state in good)
    answers = answering_targets(bad, dependencies.settings, dependencies.clock.monotonic())
    return ReferenceTargetsStatus(
        known_good=KnownGoodStatus(failing=failing, total=len(good)),
        known_bad=KnownBadStatus(answering=answers, total=len(bad)),
    )


def _readings(dependencies: ApiDependencies) -> ReadingView:
    return ReadingView(
        failing=dependencies.observation.failing,
        targets={
            target: TargetReading(
                pages=state.pages,
                resources=state.resources,
                whole=state.is_whole,
                whole_age_s=round(state.whole_age_s, 1),
                whole_error=state.error or None,
            )
            for target, state in dependencies.observation.listing_states().items()
        },
    )


def _probing(dependencies: ApiDependencies) -> ProbingStatus:
    probing, now = dependencies.probing, dependencies.clock.monotonic()
    could_not_run = tuple(
        NotRunStatus(
            cause=one.cause,
            detail=one.detail,
            subjects=one.subjects,
            for_s=round(now - one.since, 1),
            example=one.example,
        )
        for one in probing.unasked.now
    )
    return ProbingStatus(could_not_run=could_not_run, missing_families=probing.missing_families)


def _unread_state(dependencies: ApiDependencies) -> str | None:
    """Why nothing is moved: the state file was not read since the start; None once it was."""
    unread = dependencies.snapshots.unread
    return f"{unread}; nothing is moved" if unread else None


def _aws_denied(dependencies: ApiDependencies) -> tuple[DenialView, ...]:
    now = dependencies.clock.monotonic()
    return tuple(
        DenialView(
            service=denial.service,
            operation=denial.operation,
            why=denial.why,
            for_s=round(now - denial.since_s, 1),
        )
        for denial in dependencies.aws_denials()
    )


def _failing_parts(dependencies: ApiDependencies) -> tuple[FailingPart, ...]:
    now = dependencies.clock.monotonic()
    return tuple(
        FailingPart(
            part=name, error=part.error, failures=part.count, for_s=round(now - part.since, 1)
        )
        for name, part in sorted(dependencies.supervision.failing.items())
    )


async def _service_status(
    settings: Settings, inputs: StatusInputs, name: str, slices: Slices
) -> ServiceStatus:
    service, latest = settings.services[name], inputs.latest
    lever = lever_of(service)
    observed = latest.snapshot.observed.get(name) if latest else None
    faults = [observed.misconfigured(pool) for pool in service.pools] if observed else ()
    return ServiceStatus(
        name=name,
        mode=settings.mode_of(name),
        lever=lever.kind,
        steered_name=lever.dns_name(service),
        panic=bool(latest and latest.decision.memory.of(name).panic is not None),
        faults=tuple(fault for pool in faults for fault in pool),
        notices=_notices(latest, name),
        pools=await pool_statuses(inputs, name, service, slices),
    )


def _notices(latest: CycleReport | None, name: str) -> tuple[str, ...]:
    observed = latest.snapshot.observed.get(name) if latest else None
    if latest is None or observed is None:
        return ()
    return (*observed.notices, *answer_notices(latest.snapshot, name))


def _cycle_age_s(dependencies: ApiDependencies, latest: CycleReport | None) -> float | None:
    """Seconds since the last cycle ended."""
    if latest is None:
        return None
    return round(dependencies.clock.monotonic() - latest.ended_at, 3)


def _next_cycle_in_s(dependencies: ApiDependencies, latest: CycleReport | None) -> float | None:
    """Seconds until the next cycle starts at the latest.

    That is one period after the gap that follows the last cycle, or the time that the decision asks
    for (`wake_at`) if that is sooner, but not before the gap has passed.
    """
    if latest is None:
        return None
    cycle = dependencies.settings.cycle
    due = latest.ended_at + cycle.min_gap_s + cycle.period_s
    wake_at = latest.decision.wake_at
    if wake_at is not None:
        due = min(due, max(wake_at, latest.ended_at + cycle.min_gap_s))
    return round(max(0.0, due - dependencies.clock.monotonic()), 3)
