"""A missing route: whose failure it is."""

from __future__ import annotations

import pytest

from controller.model.configuration import HealthSettings
from controller.model.health import HealthState, NotRunCause, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.hysteresis import advance
from controller.planning.health.unreachable import FamilyAnswers, answers_over, is_due, settled

WEST, EAST = "eu-west-1", "us-east-1"
LIMITS = HealthSettings(down_after=3, up_after=2, up_for_s=0)


def unasked(at: float, cause: NotRunCause = NotRunCause.NO_ROUTE) -> ProbeResult:
    return ProbeResult(
        ProbeOutcome.COULD_NOT_RUN, at, 0.0, "said", address="192.0.2.1:80", cause=cause
    )


def unasked_for(
    seconds: int, cause: NotRunCause = NotRunCause.NO_ROUTE, state: HealthState | None = None
) -> HealthState:
    found = state or HealthState()
    for second in range(seconds + 1):
        found = advance(found, unasked(float(second), cause), LIMITS)
    return found


@pytest.mark.parametrize("cause", list(NotRunCause))
def test_only_a_missing_route_is_ever_settled(cause: NotRunCause) -> None:
    """Descriptors, ports, memory and permissions are ours, however long it lasts."""
    state = unasked_for(1000, cause)
    is_route = cause in (NotRunCause.NO_ROUTE, NotRunCause.NO_FAMILY)

    assert is_due(state, unasked(1001.0, cause), 30.0) is is_route
    assert (state.not_run, state.not_run_since) == ("said", 0.0)
    assert state.verdict is Verdict.UNKNOWN


def test_it_is_settled_after_its_time_and_not_before() -> None:
    """And begins anew when a probe could be run, or failed for another cause."""
    assert not is_due(unasked_for(29), unasked(29.9), 30.0)
    assert is_due(unasked_for(29), unasked(30.0), 30.0)
    assert not is_due(HealthState(), unasked(30.0), 30.0)
    between = advance(unasked_for(29), unasked(29.5, NotRunCause.DESCRIPTORS), LIMITS)
    assert between.no_route_since is None
    answered = ProbeResult(ProbeOutcome.PASSED, 29.5, 0.01, "200")
    assert advance(unasked_for(29), answered, LIMITS).no_route_since is None


@pytest.mark.parametrize(
    ("answers", "is_theirs"),
    [
        (FamilyAnswers(1, frozenset({EAST})), True),
        (FamilyAnswers(3, frozenset({WEST, EAST})), True),
        (FamilyAnswers(0, frozenset({EAST})), False),
        (FamilyAnswers(3, frozenset()), False),
        (FamilyAnswers(3, frozenset({WEST})), False),
    ],
)
def test_reference_targets_and_another_region_must_answer(
    answers: FamilyAnswers, is_theirs: bool
) -> None:
    """One of the two alone may be on this host's own network."""
    found = settled(unasked(31.0), WEST, answers, 30.0)

    assert found.outcome is (ProbeOutcome.FAILED if is_theirs else ProbeOutcome.COULD_NOT_RUN)
    if is_theirs:
        assert found.detail == (
            "no route to it for 30 s, while reference targets and other regions answer over IPv4"
        )


def test_once_settled_it_goes_on_failing_until_a_route_is_back() -> None:
    """Three failures make it down, not one in thirty seconds."""
    state, answers = unasked_for(30), FamilyAnswers(1, frozenset({EAST}))
    for at in (30.0, 30.1, 30.3):
        assert is_due(state, unasked(at), 30.0)
        state = advance(state, settled(unasked(at), WEST, answers, 30.0), LIMITS)

    assert (state.verdict, state.failures) == (Verdict.DOWN, 3)
    refused = ProbeResult(ProbeOutcome.FAILED, 31.0, 0.0, "connection refused")
    assert advance(state, refused, LIMITS).no_route_since is None


@pytest.mark.parametrize(
    ("changes", "proves"),
    [
        ({}, True),
        ({"verdict": Verdict.UNKNOWN, "successes": 1}, True),
        ({"verdict": Verdict.UNKNOWN, "successes": 0}, False),
        ({"first_failure_at": 99.0}, False),
        ({"last_result_at": 80.0}, False),
        ({"not_run": "no route"}, False),
        ({"address": "[2001:db8::1]:80"}, False),
        ({"address": ""}, False),
    ],
)
def test_who_answers_over_a_family(changes: dict[str, object], proves: bool) -> None:
    """Freshly, without a failure, over an address of it."""
    base = HealthState(Verdict.UP, successes=9, last_result_at=99.0, address="192.0.2.9:80")
    state = HealthState(**{**base._asdict(), **changes})

    assert answers_over(state, "IPv4", 100.0, 10.0) is proves
