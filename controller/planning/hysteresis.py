"""Health state and probe result in, next health state out: quick to doubt, slow to trust.

Beside the verdict it keeps what gray failure is read from (`planning.gray`): what latency is usual
here, and how many of the last probes were bad, that is failed or far slower. Both are running
means, so that a state stays small; an endpoint that turns up again starts with a clean record.
"""

from __future__ import annotations

from controller.model.configuration import Health
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict

_LONG_RUN = 5000
"""Answers over which the usual latency is learned: hours at usual intervals, so that an endpoint
that grows slow is measured against what it was."""


def advance(state: HealthState, result: ProbeResult, limits: Health) -> HealthState:
    """Fold one result into the state. A probe that could not be run changes nothing."""
    outcome = result.outcome
    if outcome is ProbeOutcome.PASSED:
        return _after_success(state, result, limits)
    if outcome is ProbeOutcome.FAILED:
        return _after_failure(state, result, limits)
    return state


def is_fresh(state: HealthState, now: float, fresh_for_s: float) -> bool:
    """Whether the state rests on a result young enough to be an opinion."""
    return state.last_result_at is not None and now - state.last_result_at <= fresh_for_s


def _after_failure(state: HealthState, result: ProbeResult, limits: Health) -> HealthState:
    failures = state.failures + 1
    first = result.at if state.first_failure_at is None else state.first_failure_at
    turns_down = failures >= limits.down_after and state.verdict is not Verdict.DOWN
    bad_ratio = state.bad_ratio
    return HealthState(
        verdict=Verdict.DOWN if turns_down else state.verdict,
        since=result.at if turns_down else state.since,
        failures=failures,
        successes=0,
        first_failure_at=first,
        first_success_at=None,
        last_result_at=result.at,
        last_failure=result.detail,
        latency_s=state.latency_s,
        certificate_ends_at=result.certificate_ends_at or state.certificate_ends_at,
        address=result.address or state.address,
        answers=state.answers,
        usual_latency_s=state.usual_latency_s,
        bad_ratio=bad_ratio + (1.0 - bad_ratio) / limits.gray.over_probes,
    )


def _after_success(state: HealthState, result: ProbeResult, limits: Health) -> HealthState:
    """By far the commonest case: one new state, nothing else."""
    verdict, since = state.verdict, state.since
    failures, first_failure = state.failures, state.first_failure_at
    successes, first = state.successes + 1, state.first_success_at
    answers, usual, bad = state.answers, state.usual_latency_s, state.bad_ratio
    at, latency, gray = result.at, result.latency_s, limits.gray
    if first is None:
        first = at
    if verdict is not Verdict.UP and (
        successes >= limits.up_after and at - first >= limits.up_for_s
    ):
        verdict, since, failures, first_failure = Verdict.UP, at, 0, None
        answers, bad = 0, 0.0
    elif failures and verdict is not Verdict.DOWN and successes >= limits.forgive_after:
        failures, first_failure = 0, None
    answers += 1
    slowest = usual * gray.slow_factor
    if usual and latency > slowest:
        bad += (1.0 - bad) / gray.over_probes
        latency = slowest
        # Or else a young endpoint that grows slow would soon be as usual.
        lesson = answers if answers < gray.over_probes else _LONG_RUN
    else:
        bad -= bad / gray.over_probes
        lesson = answers if answers < _LONG_RUN else _LONG_RUN
    usual += (latency - usual) / lesson
    return HealthState(
        verdict,
        since,
        failures,
        successes,
        first_failure,
        first,
        at,
        state.last_failure,
        result.latency_s,
        result.certificate_ends_at or state.certificate_ends_at,
        result.address or state.address,
        answers,
        usual,
        bad,
    )
