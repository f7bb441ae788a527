"""Hysteresis as tables: what a row of probe results makes of an endpoint."""

from __future__ import annotations

import pytest

from controller.model.configuration import HealthSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health import hysteresis
from controller.planning.health.hysteresis import advance, is_fresh
from tests.planning.health.docstring_tables import rows_of

LIMITS = HealthSettings(down_after=3, forgive_after=2, up_after=4, up_for_s=5)
OUTCOMES = {
    "+": ProbeOutcome.PASSED,
    "-": ProbeOutcome.FAILED,
    "o": ProbeOutcome.COULD_NOT_RUN,
}


def after(row: str, state: HealthState | None = None, gap_s: float = 2.0) -> HealthState:
    """The state after a row of results, `gap_s` apart."""
    state = state or HealthState()
    for index, letter in enumerate(row):
        result = ProbeResult(OUTCOMES[letter], (index + 1) * gap_s, 0.01, "detail")
        state = advance(state, result, LIMITS)
    return state


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ("", "unknown"),
        ("+++", "unknown"),
        ("++++", "up"),
        ("--", "unknown"),
        ("---", "down"),
        ("++++--", "up"),
        ("++++---", "down"),
        ("++++-+--", "down"),  # one success between failures clears nothing
        ("++++-++--", "up"),  # two in a row do
        ("++++ooo", "up"),
        ("---+++", "down"),
        ("---++++", "up"),
        ("---+++-+++", "down"),
    ],
)
def test_a_row_of_results_ends_in_its_verdict(row: str, verdict: str) -> None:
    """Down after three failures, up after four successes in a row; a probe not run says nothing."""
    assert after(row.replace(" ", "")).verdict.value == verdict


def test_successes_must_also_span_their_time() -> None:
    """Four successes within three seconds are not five seconds of being well."""
    assert after("++++", gap_s=1).verdict is Verdict.UNKNOWN
    assert after("++++++", gap_s=1).verdict is Verdict.UP


def test_a_suspect_remembers_its_first_failure_until_it_is_cleared() -> None:
    """The moment of the first failure is what detection times are reckoned from."""
    up = after("++++")

    assert after("-", up).first_failure_at == 2.0
    assert after("--", up).first_failure_at == 2.0
    assert after("-++", up).first_failure_at is None
    assert after("---++", up).first_failure_at == 2.0


def test_only_probes_that_ran_make_a_state_fresh() -> None:
    """A vantage point that cannot probe loses its opinion by age."""
    assert not is_fresh(HealthState(), 0.0, 10.0)
    assert is_fresh(after("+"), 12.0, 10.0)
    assert not is_fresh(after("+"), 12.1, 10.0)
    assert after("+o").last_result_at == 2.0


def test_a_verdict_refuses_to_be_a_truth_value() -> None:
    """`if verdict` would take unknown for up."""
    with pytest.raises(TypeError, match="three values"):
        bool(Verdict.UNKNOWN)


def test_the_worked_example_of_the_docstring_is_computed() -> None:
    """Probe after probe the verdict and the failures that are not cleared."""
    limits = HealthSettings(down_after=3, forgive_after=2, up_after=3, up_for_s=2)
    probes, verdicts, failures = (row[1:] for row in rows_of(hysteresis))
    state, found = HealthState(Verdict.UP), []
    for second, letter in enumerate(probes):
        outcome = {".": ProbeOutcome.PASSED, "x": ProbeOutcome.FAILED}[letter]
        state = advance(state, ProbeResult(outcome, float(second), 0.01, ""), limits)
        found.append((state.verdict.value, str(state.failures)))

    words = [{"dn": "down"}.get(verdict, verdict) for verdict in verdicts]
    assert found == list(zip(words, failures, strict=True))
