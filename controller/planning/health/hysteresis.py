"""Hysteresis: health state and probe result in, next health state out.

`down_after` failures make an endpoint down; `up_after` passes in a row, over at least `up_for_s`,
make it up again. Fewer failures than `down_after` are cleared by `forgive_after` passes in a row.

Worked example with `down_after` 3, `forgive_after` 2, `up_after` 3 and `up_for_s` 2, one probe a
second; `.` passed, `x` failed, and below each the verdict and the failures that are not cleared:

    probe      .   x   .   .   x   x   x   .   .   .
    verdict    up  up  up  up  up  up  dn  dn  dn  up
    failures   0   1   1   0   1   2   3   3   3   0

The state also has what gray failure is computed from (`planning.health.gray_failure`): the usual
latency, and the ratio of bad probes, those that failed or were far slower. Both are running means,
so that a state stays small; both restart when the endpoint turns up again.
"""

from __future__ import annotations

from controller.model.configuration import GrayFailureSettings, HealthSettings
from controller.model.health import (
    HealthState,
    NotRunCause,
    ProbeOutcome,
    ProbeResult,
    Verdict,
)

# Python 3.11 looks up a member of an enumeration anew each time, which is slow for every probe.
_UP, _DOWN = Verdict.UP, Verdict.DOWN
_PASSED, _FAILED = ProbeOutcome.PASSED, ProbeOutcome.FAILED

WITHOUT_ROUTE = frozenset((NotRunCause.NO_ROUTE, NotRunCause.NO_FAMILY))
"""Causes that say that no route leads to the address."""
BASELINE_ANSWERS = 5000
"""Answers over which the baseline latency is averaged: hours at usual intervals, so that an
endpoint that grows slow is compared with what it was."""


def advance(state: HealthState, result: ProbeResult, limits: HealthSettings) -> HealthState:
    """The state after one result; a probe that could not be run only leaves its reason."""
    outcome = result.outcome
    if outcome is _PASSED:
        return _after_success(state, result, limits)
    if outcome is _FAILED:
        return _after_failure(state, result, limits)
    return _after_not_run(state, result)


def is_fresh(state: HealthState, now: float, fresh_for_s: float) -> bool:
    """Whether the state's last result is at most `fresh_for_s` old."""
    return state.last_result_at is not None and now - state.last_result_at <= fresh_for_s


def is_answering(state: HealthState, limits: HealthSettings) -> bool:
    """Whether a known-bad reference target answers: after fewer passes than make an endpoint up."""
    return state.verdict is _UP or state.successes >= limits.forgive_after


def slow_threshold_s(usual_s: float, limits: GrayFailureSettings) -> float:
    """The latency in seconds above which an answer is bad, for this usual latency."""
    slowest = usual_s * limits.slow_factor
    at_least = usual_s + limits.slow_least_s
    return slowest if slowest > at_least else at_least


def _after_not_run(state: HealthState, result: ProbeResult) -> HealthState:
    since, no_route_since = state.not_run_since, None
    if result.cause in WITHOUT_ROUTE:
        no_route_since = result.at if state.no_route_since is None else state.no_route_since
    return state._replace(
        address=result.address or state.address,
        not_run=result.detail,
        not_run_since=result.at if since is None else since,
        no_route_since=no_route_since,
    )


def _after_failure(state: HealthState, result: ProbeResult, limits: HealthSettings) -> HealthState:
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
        # A missing route that counts as a failure goes on counting.
        no_route_since=None if result.cause is None else state.no_route_since,
    )


def _after_success(state: HealthState, result: ProbeResult, limits: HealthSettings) -> HealthState:
    """Not called for a steady endpoint's answers: `planning.health.steady_state` folds them."""
    (
        verdict,
        since,
        failures,
        successes,
        first_failure,
        first,
        _,
        last_failure,
        _,
        ends_at,
        address,
        answers,
        usual,
        bad,
        *_,
    ) = state
    _, at, latency, _, shown_ends_at, shown_address, _ = result
    took, gray = latency, limits.gray
    successes += 1
    if first is None:
        first = at
    if verdict is not _UP and (successes >= limits.up_after and at - first >= limits.up_for_s):
        verdict, since, failures, first_failure = _UP, at, 0, None
        answers, bad = 0, 0.0
    elif failures and verdict is not _DOWN and successes >= limits.forgive_after:
        failures, first_failure = 0, None
    answers += 1
    slowest = slow_threshold_s(usual, gray)
    if usual and latency > slowest:
        bad += (1.0 - bad) / gray.over_probes
        latency = slowest
        # Otherwise the slowness of a young endpoint would soon be its baseline.
        averaged_over = answers if answers < gray.over_probes else BASELINE_ANSWERS
    else:
        bad -= bad / gray.over_probes
        averaged_over = answers if answers < BASELINE_ANSWERS else BASELINE_ANSWERS
    usual += (latency - usual) / averaged_over
    return HealthState(
        verdict,
        since,
        failures,
        successes,
        first_failure,
        first,
        at,
        last_failure,
        took,
        shown_ends_at or ends_at,
        shown_address or address,
        answers,
        usual,
        bad,
    )
