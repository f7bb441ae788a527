"""How long is waited for an answer: RFC 6298 within bounds."""

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
    """What these answers teach."""
    patience = AdaptiveTimeout()
    for latency_s in latencies_s:
        patience.learn(latency_s)
    return patience


def test_nobody_is_given_up_early_before_it_has_answered() -> None:
    """Nothing is known of it yet."""
    assert AdaptiveTimeout().wait_s(0.2, 2.0) == 2.0
    assert AdaptiveTimeout().wait_s(0.2, 2.0, silent=3) == 2.0


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


def test_each_silence_makes_the_next_wait_longer_up_to_the_ceiling() -> None:
    """A SYN that was lost is repeated after a second."""
    patience = learned(*[0.01] * 50)
    waits = [patience.wait_s(0.2, 2.0, silent) for silent in range(8)]

    assert waits[:3] == pytest.approx([0.2, 0.2 * BACKOFF_FACTOR, 0.2 * BACKOFF_FACTOR**2])
    assert waits[-1] == 2.0


@given(
    latencies_s=st.lists(st.floats(0, 100), max_size=30),
    bounds=st.tuples(st.floats(0.001, 10), st.floats(0.001, 10)).map(sorted),
    silent=st.integers(0, 10**9),
)
def test_the_bounds_always_hold(latencies_s: list[float], bounds: list[float], silent: int) -> None:
    """Whatever came before."""
    least_s, most_s = bounds

    assert least_s <= learned(*latencies_s).wait_s(least_s, most_s, silent) <= most_s


@given(
    st.lists(st.floats(0, 0.5), max_size=20),
    st.lists(st.floats(0, 0.2 * FAST_FRACTION), min_size=1, max_size=60),
)
def test_brisk_answers_need_not_be_learned_of_a_brisk_endpoint(
    before: list[float], brisk: list[float]
) -> None:
    """The least is waited whatever they teach, and it stays brisk."""
    patience = learned(*before)
    if not patience.is_brisk(0.2):
        return
    for latency_s in brisk:
        patience.learn(latency_s)
        assert patience.wait_s(0.2, 2.0) == 0.2
        assert patience.is_brisk(0.2)


def test_an_endpoint_is_brisk_that_has_answered_so_for_a_while() -> None:
    """Neither before its first answer, nor soon after a slow one, nor for a lower least."""
    assert not AdaptiveTimeout().is_brisk(0.2)
    assert learned(*[0.01] * 5).is_brisk(0.2)
    assert not learned(*[0.01] * 5).is_brisk(0.05)
    assert not learned(*[0.01] * 50, 0.3).is_brisk(0.2)
    assert learned(*[0.01] * 50, 0.3, *[0.01] * 50).is_brisk(0.2)
