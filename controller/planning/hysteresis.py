"""Health state and probe result in, next health state out: quick to doubt, slow to trust."""

from __future__ import annotations

from dataclasses import replace

from controller.model.configuration import Health
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict


def advance(state: HealthState, result: ProbeResult, limits: Health) -> HealthState:
    """Fold one result into the state. A probe that could not be run changes nothing."""
    if result.certificate_ends_at is not None:
        state = replace(state, certificate_ends_at=result.certificate_ends_at)
    match result.outcome:
        case ProbeOutcome.COULD_NOT_RUN:
            return state
        case ProbeOutcome.FAILED:
            return _after_failure(state, result, limits)
        case ProbeOutcome.PASSED:
            return _after_success(state, result, limits)


def is_fresh(state: HealthState, now: float, fresh_for_s: float) -> bool:
    """Whether the state rests on a result young enough to be an opinion."""
    return state.last_result_at is not None and now - state.last_result_at <= fresh_for_s


def _after_failure(state: HealthState, result: ProbeResult, limits: Health) -> HealthState:
    failures = state.failures + 1
    first = result.at if state.first_failure_at is None else state.first_failure_at
    failed = replace(
        state,
        failures=failures,
        successes=0,
        first_failure_at=first,
        first_success_at=None,
        last_result_at=result.at,
        last_failure=result.detail,
    )
    if failures >= limits.down_after and state.verdict is not Verdict.DOWN:
        return replace(failed, verdict=Verdict.DOWN, since=result.at)
    return failed


def _after_success(state: HealthState, result: ProbeResult, limits: Health) -> HealthState:
    first = result.at if state.first_success_at is None else state.first_success_at
    passed = replace(
        state,
        successes=state.successes + 1,
        first_success_at=first,
        last_result_at=result.at,
        latency_s=result.latency_s,
    )
    if state.verdict is not Verdict.UP:
        trusted = passed.successes >= limits.up_after and result.at - first >= limits.up_for_s
        if trusted:
            return _cleared(replace(passed, verdict=Verdict.UP, since=result.at))
    if state.verdict is not Verdict.DOWN and passed.successes >= limits.forgive_after:
        return _cleared(passed)
    return passed


def _cleared(state: HealthState) -> HealthState:
    return replace(state, failures=0, first_failure_at=None)
