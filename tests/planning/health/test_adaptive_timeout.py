"""How long a probe waits for an answer: RFC 6298 within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planning.health.adaptive_timeout import (
    BACKOFF_FACTOR,
    FAST_FRACTION,
    AdaptiveTimeout,
)


def learned(*latencies_s: float) -> AdaptiveTimeout:
    """The timeout after these answers."""
    timeout = AdaptiveTimeout()
    for latency_s in latencies_s:
        timeout.learn(latency_s)
    return timeout


def test_before_the_first_answer_the_timeout_is_the_maximum() -> None:
    """Nothing is known of it yet."""
    assert AdaptiveTimeout().wait_s(0.2, 2.0) == 2.0
    assert AdaptiveTimeout().wait_s(0.2, 2.0, timeouts=3) == 2.0


def test_a_first_answer_allows_for_three_times_itself() -> None:
    """Mean plus four deviations, the first of them half the mean (RFC 6298, 2.2)."""
    assert learned(0.3).wait_s(0.2, 2.0) == pytest.approx(0.9)


def test_a_steady_endpoint_is_waited_for_hardly_longer_than_it_takes() -> None:
    """The deviation fades; the floor is what remains for fast ones."""
    assert learned(*[0.4] * 50).wait_s(0.2, 2.0) == pytest.approx(0.4, abs=0.01)
    assert learned(*[0.01] * 50).wait_s(0.2, 2.0) == 0.2


def test_an_endpoint_that_slows_down_is_waited_for_longer_at_once() -> None:
    """One late answer is enough."""
    assert learned(*[0.01] * 50, 0.3).wait_s(0.2, 2.0) > 0.3


def test_each_timeout_makes_the_next_wait_longer_up_to_the_maximum() -> None:
    """A SYN that was lost is repeated after a second."""
    timeout = learned(*[0.01] * 50)
    waits = [timeout.wait_s(0.2, 2.0, timeouts) for timeouts in range(8)]

    assert waits[:3] == pytest.approx([0.2, 0.2 * BACKOFF_FACTOR, 0.2 * BACKOFF_FACTOR**2])
    assert waits[-1] == 2.0


@given(
    latencies_s=st.lists(st.floats(0, 100), max_size=30),
    bounds=st.tuples(st.floats(0.001, 10), st.floats(0.001, 10)).map(sorted),
    timeouts=st.integers(0, 10**9),
)
def test_the_bounds_always_hold(
    latencies_s: list[float], bounds: list[float], timeouts: int
) -> None:
    """Whatever came before."""
    min_s, max_s = bounds

    assert min_s <= learned(*latencies_s).wait_s(min_s, max_s, timeouts) <= max_s


@given(
    st.lists(st.floats(0, 0.5), max_size=20),
    st.lists(st.floats(0, 0.2 * FAST_FRACTION), min_size=1, max_size=60),
)
def test_fast_answers_need_not_be_learned_while_the_timeout_is_the_minimum(
    before: list[float], fast: list[float]
) -> None:
    """The timeout stays the minimum."""
    timeout = learned(*before)
    if not timeout.is_at_minimum(0.2):
        return
    for latency_s in fast:
        timeout.learn(latency_s)
        assert timeout.wait_s(0.2, 2.0) == 0.2
        assert timeout.is_at_minimum(0.2)


def test_the_timeout_is_the_minimum_after_some_fast_answers() -> None:
    """Neither before the first answer, nor soon after a slow one, nor for a lower minimum."""
    assert not AdaptiveTimeout().is_at_minimum(0.2)
    assert learned(*[0.01] * 5).is_at_minimum(0.2)
    assert not learned(*[0.01] * 5).is_at_minimum(0.05)
    assert not learned(*[0.01] * 50, 0.3).is_at_minimum(0.2)
    assert learned(*[0.01] * 50, 0.3, *[0.01] * 50).is_at_minimum(0.2)


def test_the_worked_example_of_the_docstring_is_computed() -> None:
    """Two answers, 100 and 180 ms."""
    assert learned(0.1).wait_s(0.0, 2.0) == pytest.approx(0.3)
    assert learned(0.1, 0.18).wait_s(0.0, 2.0) == pytest.approx(0.34)
