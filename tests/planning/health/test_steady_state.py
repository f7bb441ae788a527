"""Answers like those before, folded in place: the same comes of them as of `hysteresis.advance`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import GrayFailureSettings, HealthSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.gray_failure import degraded_steps
from controller.planning.health.hysteresis import BASELINE_ANSWERS, advance
from controller.planning.health.steady_state import SteadyState

GRAY = GrayFailureSettings(over_probes=10, bad_ratio=0.2, slow_factor=3, slow_least_s=0.05)
LIMITS = HealthSettings(down_after=3, forgive_after=2, up_after=2, up_for_s=0, gray=GRAY)
HERE, THERE = "192.0.2.1:443", "192.0.2.2:443"
SPRING, AUTUMN = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 9, 1, tzinfo=UTC)


def answer(at: float, latency_s: float = 0.02, **different: Any) -> ProbeResult:
    """One that passes, of the endpoint that is asked here."""
    result = ProbeResult(ProbeOutcome.PASSED, at, latency_s, "200", SPRING, HERE)
    return result._replace(**different)


def up(answers: int = 5) -> HealthState:
    """After so many answers."""
    state = HealthState()
    for at in range(answers):
        state = advance(state, answer(float(at)), LIMITS)
    return state


def steady(state: HealthState) -> SteadyState:
    found = SteadyState.of(state, GRAY)
    assert found is not None
    return found


def test_a_usual_answer_is_folded_in_and_shows() -> None:
    """Row of successes, age, latency, what is usual."""
    before = up()
    one = steady(before)

    assert one.state() is before
    assert one.try_fold(answer(9.0, 0.03))
    assert one.last_result_at == 9.0
    assert one.state() == advance(before, answer(9.0, 0.03), LIMITS)


@pytest.mark.parametrize(
    "news",
    [
        answer(9.0, 0.2),
        answer(9.0, outcome=ProbeOutcome.FAILED, detail="HTTP 500"),
        answer(9.0, outcome=ProbeOutcome.COULD_NOT_RUN, detail="no memory left"),
        answer(9.0, address=THERE),
        answer(9.0, certificate_ends_at=AUTUMN),
    ],
)
def test_whatever_else_happens_is_not_folded_in(news: ProbeResult) -> None:
    """It may change the verdict, or what is shown; nothing of it is kept."""
    before = up()
    one = steady(before)

    assert not one.try_fold(news)
    assert one.state() is before


@pytest.mark.parametrize(
    "unsteady",
    [
        HealthState(),
        up(1),
        advance(up(), answer(9.0, outcome=ProbeOutcome.FAILED), LIMITS),
        up()._replace(bad_ratio=0.2),
        up()._replace(verdict=Verdict.DOWN),
    ],
)
def test_a_suspect_or_degraded_endpoint_is_not_steady(unsteady: HealthState) -> None:
    """Not up, suspect, or near being degraded: each answer may be news."""
    assert SteadyState.of(unsteady, GRAY) is None


RESULTS = st.lists(
    st.builds(
        answer,
        at=st.just(0.0),
        latency_s=st.sampled_from([0.0, 0.001, 0.02, 0.021, 0.069, 0.071, 0.2, 1.5]),
        outcome=st.sampled_from([ProbeOutcome.PASSED] * 9 + list(ProbeOutcome)),
        address=st.sampled_from([HERE] * 9 + [THERE, ""]),
        certificate_ends_at=st.sampled_from([SPRING] * 9 + [AUTUMN, None]),
    ),
    max_size=60,
)


@given(st.sampled_from([HealthState(), up()._replace(answers=BASELINE_ANSWERS - 5)]), RESULTS)
def test_fast_path_and_hysteresis_compute_the_same(
    state: HealthState, results: list[ProbeResult]
) -> None:
    """To the last bit: neither the verdict, nor suspicion, nor a step of degradation is missed."""
    expected = state
    one: SteadyState | None = None
    degraded = 0
    for at, result in enumerate(results):
        before, result = expected, result._replace(at=float(at))
        expected = advance(before, result, LIMITS)
        was, degraded = degraded, degraded_steps(expected, degraded, GRAY)
        if one is not None and one.try_fold(result):
            state = one.state()
            assert expected.verdict is before.verdict
            assert expected.suspect is before.suspect
            assert degraded == was
        else:
            state = advance(state, result, LIMITS)
            one = None if degraded else SteadyState.of(state, GRAY)
        assert state == expected
