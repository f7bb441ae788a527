"""How badly a region answers, from its endpoints' states."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from controller.model.configuration import GrayFailureSettings, HealthSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health import gray_failure
from controller.planning.health.gray_failure import (
    describe_bad_probes,
    majority_steps,
    usable_fraction,
)
from controller.planning.health.hysteresis import advance
from tests.planning.health.docstring_tables import rows_of

LIMITS = GrayFailureSettings()
HEALTH = HealthSettings(up_after=1, up_for_s=0)


def state(bad_ratio: float, verdict: Verdict = Verdict.UP, answers: int = 1000) -> HealthState:
    return HealthState(verdict, bad_ratio=bad_ratio, answers=answers, usual_latency_s=0.02)


@pytest.mark.parametrize(
    ("bad_ratio", "before", "steps"),
    [
        (0.049, 0, 0),
        (0.051, 0, 1),
        (0.149, 0, 1),
        (0.151, 0, 2),
        (0.39, 0, 2),
        (0.41, 0, 3),
        (1.0, 0, 3),
        (0.026, 1, 1),
        (0.024, 1, 0),
        (0.076, 2, 2),
        (0.074, 2, 1),
    ],
)
def test_it_goes_down_by_steps_and_up_at_half_the_part(
    bad_ratio: float, before: int, steps: int
) -> None:
    """Both sides of every limit; what was degraded stays so until it is clearly better."""
    assert majority_steps([state(bad_ratio)], 1, before, LIMITS) == steps


def test_the_capacity_that_counts_is_never_zero() -> None:
    """A few bad probes never empty a region."""
    assert [usable_fraction(steps) for steps in range(4)] == [1.0, 0.75, 0.5, 0.25]


def test_the_majority_of_vantage_points_decides() -> None:
    """One path's trouble is not the region's."""
    good, bad = state(0.0), state(0.5)

    assert majority_steps([bad, good, good], 2, 0, LIMITS) == 0
    assert majority_steps([bad, bad, good], 2, 0, LIMITS) == 3
    assert majority_steps([], 2, 1, LIMITS) == 1  # too few states: as it was


def test_few_answers_say_nothing_new() -> None:
    """Neither of a start nor of a region that has just come back."""
    assert majority_steps([state(0.9, answers=59)], 1, 0, LIMITS) == 0
    assert majority_steps([state(0.9, answers=59)], 1, 1, LIMITS) == 1


def test_what_is_down_is_no_matter_of_degrees() -> None:
    """It carries nothing anyway, and starts anew."""
    assert majority_steps([state(0.9, Verdict.DOWN)], 1, 3, LIMITS) == 0


def test_the_evidence_has_numbers() -> None:
    """What `gtc why` says."""
    text = describe_bad_probes(state(0.07), LIMITS)

    assert text == "7% of the last 60 probes failed or took more than 70 ms"


def after(latencies_s: Sequence[float | None]) -> HealthState:
    """The state after these answers; None: a failure."""
    found = HealthState()
    for second, latency_s in enumerate(latencies_s):
        outcome = ProbeOutcome.FAILED if latency_s is None else ProbeOutcome.PASSED
        found = advance(found, ProbeResult(outcome, second, latency_s or 0.0, ""), HEALTH)
    return found


def test_a_slow_endpoint_is_measured_against_itself() -> None:
    """Ten times its own usual latency is bad, whatever others need; the baseline hardly moves."""
    steady = after([0.02] * 200)
    slow = after([0.02] * 200 + [0.2] * 20)

    assert steady.bad_ratio == 0
    assert slow.bad_ratio == pytest.approx(1 - (1 - 1 / 60) ** 20)
    assert slow.usual_latency_s < 0.025


def test_a_young_endpoint_that_grows_slow_does_not_become_usual() -> None:
    """Ten minutes later it is still measured against its first one."""
    slow = after([0.02] * 61 + [0.2] * 600)

    assert slow.bad_ratio > 0.99
    assert slow.usual_latency_s < 0.03


def test_a_few_milliseconds_are_never_slow() -> None:
    """Ten times the usual latency of a fast endpoint is no failure; a hundred times is."""
    near = [0.002] * 100

    assert after([*near, *[0.02] * 50]).bad_ratio == 0
    assert after([*near, *[0.2] * 50]).bad_ratio > 0.5


def test_lost_probes_count_like_slow_ones() -> None:
    """One in ten, never twice in a row."""
    assert after(([0.02] * 9 + [None]) * 60).bad_ratio == pytest.approx(0.1, abs=0.02)


def test_who_comes_back_has_a_clean_record() -> None:
    """The failures that made it down are no gray failure."""
    found = after([0.02] * 100 + [None] * 50 + [0.02])

    assert found.verdict is Verdict.UP
    assert found.bad_ratio == 0


def test_the_worked_example_of_the_docstring_is_computed() -> None:
    """Ratio after ratio the steps and the usable capacity."""
    ratios, steps, usable = (
        [word for word in row if word.isdecimal()] for row in rows_of(gray_failure)
    )
    found, present = [], 0
    for ratio in ratios:
        present = majority_steps([state(int(ratio) / 100)], 1, present, LIMITS)
        found.append((str(present), f"{usable_fraction(present) * 100:.0f}"))

    assert found == list(zip(steps, usable, strict=True))
