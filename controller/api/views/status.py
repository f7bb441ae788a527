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
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Mode, Settings
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
    """Whether a freeze is active."""
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
    last_decision: DecisionSummary | None
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
        observation=ReadingView(failing=dependencies.observation.failing),
        failing_parts=_failing_parts(dependencies),
        next_cycle_in_s=_next_cycle_in_s(dependencies, latest),
        services=(),
        overrides=(),
        last_decision=None,
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


def _unread_state(dependencies: ApiDependencies) -> str | None:
    """Why nothing is moved: the state file was not read since the start; None once it was."""
    unread = dependencies.snapshots.unread
    return f"{unread}; nothing is moved" if unread else None


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
    faults = observed.faults.values() if observed else ()
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
