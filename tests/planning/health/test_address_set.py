"""A name with several addresses: which of them decide, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import AddressRule, HealthSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.address_set import (
    MAX_ADDRESSES,
    SetLimits,
    chosen,
    combined,
    down_from,
    due,
    inherited,
    is_in_doubt,
)
from controller.planning.health.gray_failure import degraded_steps, describe_addresses
from controller.planning.health.hysteresis import advance

LIMITS = HealthSettings(down_after=3, forgive_after=2, up_after=2, up_for_s=0)
MOST = SetLimits(AddressRule.MOST, 10.0, 3)
UP, DOWN, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN


def well(at: float = 100.0, since: float = 1.0) -> HealthState:
    return HealthState(
        UP, since, 0, 100, None, since, at, latency_s=0.02, answers=100, usual_latency_s=0.02
    )


def dead(first: float = 90.0, since: float = 91.0, at: float = 100.0) -> HealthState:
    return HealthState(DOWN, since, 3, 0, first, None, at, "refused")


def failing(failures: int, first: float, at: float = 100.0) -> HealthState:
    return HealthState(UP, 1.0, failures, 0, first, None, at, "refused")


def of(*states: HealthState, limits: SetLimits = MOST, now: float = 100.5) -> HealthState:
    named = {f"192.0.2.{n}:80": state for n, state in enumerate(states, 1)}
    return combined(named, len(named), now, limits)


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        (AddressRule.ANY, [1] * 8),
        (AddressRule.MOST, [1, 2, 3, 3, 4, 5, 5, 6]),
        (AddressRule.ALL, [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_how_many_must_be_down(rule: AddressRule, needed: list[int]) -> None:
    """Most is more than two thirds: two of three front ends may be down."""
    assert [down_from(rule, fresh) for fresh in range(1, 9)] == needed


def test_two_of_three_down_are_gray_with_their_numbers() -> None:
    """A third of the capacity answers, so a quarter of it counts; who fails is named."""
    state = of(well(), dead(), dead())

    assert (state.verdict, state.suspect) == (UP, False)
    assert degraded_steps(state, 0, LIMITS.gray) == 3
    assert state.addresses is not None
    assert describe_addresses(state.addresses) == (
        "2 of 3 addresses fail: 192.0.2.2:80 (refused), 192.0.2.3:80 (refused)"
    )


@pytest.mark.parametrize(
    ("down", "all_", "steps"), [(1, 8, 1), (1, 4, 1), (1, 3, 2), (1, 2, 2), (2, 3, 3), (5, 8, 3)]
)
def test_no_more_counts_than_the_part_of_the_addresses_that_answers(
    down: int, all_: int, steps: int
) -> None:
    """Users come to all of them alike."""
    state = of(*[dead()] * down, *[well()] * (all_ - down))

    assert degraded_steps(state, 0, LIMITS.gray) == steps
    assert degraded_steps(of(*[well()] * all_), 0, LIMITS.gray) == 0


def test_the_endpoint_is_suspect_since_the_failure_that_decides() -> None:
    """Who corroborates must have been asked since then: the first address may be dead for hours."""
    state = of(dead(first=10.0, since=11.0), dead(first=95.0, since=96.0), dead(97.0, 98.0))

    assert (state.verdict, state.first_failure_at, state.since) == (DOWN, 97.0, 98.0)


def test_an_address_asked_for_another_ones_failure_needs_one_failure_less() -> None:
    """A region that dies is down as fast as with one address; one dead for long helps nobody."""
    assert of(dead(97.0, 99.0), failing(2, 98.0), failing(2, 98.0)).verdict is DOWN
    assert of(dead(10.0, 11.0), failing(2, 98.0), failing(2, 98.0)).verdict is UP
    assert of(failing(2, 97.0), failing(2, 98.0), failing(2, 98.0)).verdict is UP


def test_an_address_that_was_not_asked_lately_does_not_count() -> None:
    """One of a family that fails here says nothing; without any the newest is kept, and why."""
    stale = well(at=20.0)
    assert of(dead(), stale).verdict is DOWN
    assert of(well(), stale).verdict is UP
    unasked = stale._replace(not_run="no route from here", not_run_since=25.0, no_route_since=25.0)
    nothing = of(stale, unasked)
    assert (nothing.last_result_at, nothing.not_run) == (20.0, "no route from here")
    assert nothing.addresses is not None
    assert nothing.addresses.fresh == 0


def test_a_family_that_is_lost_on_the_way_does_not_count() -> None:
    """Dual-stack names are not gray for it; while it is the only one left, it decides."""
    lost = MOST._replace(silent_families=frozenset({"IPv6"}))
    both = {"192.0.2.1:80": well(), "[2001:db8::1]:80": dead()}
    found = combined(both, 2, 100.5, lost)
    assert found.addresses is not None
    assert (found.verdict, degraded_steps(found, 0, LIMITS.gray)) == (UP, 0)
    assert describe_addresses(found.addresses) == (
        "nothing answers over IPv6 from here, such addresses do not count"
    )
    assert degraded_steps(combined(both, 2, 100.5, MOST), 0, LIMITS.gray) == 2
    alone = combined({"[2001:db8::1]:80": dead()}, 1, 100.5, lost)
    assert alone.verdict is DOWN
    assert is_in_doubt(both)
    assert not is_in_doubt({"192.0.2.1:80": well(), "192.0.2.2:80": dead()})
    assert not is_in_doubt({"192.0.2.1:80": well(), "[2001:db8::1]:80": well()})


def test_addresses_beyond_the_limit_are_said() -> None:
    """Those that are probed already stay."""
    offered = [f"192.0.2.{n}:80" for n in range(20)]
    kept = chosen(("192.0.2.19:80", "192.0.2.99:80"), offered)

    assert len(kept) == MAX_ADDRESSES
    assert kept[:2] == ("192.0.2.19:80", "192.0.2.0:80")
    state = combined({one: well() for one in kept}, len(offered), 100.5, MOST)
    assert state.addresses is not None
    assert describe_addresses(state.addresses) == "8 of its 20 addresses are probed"


def test_one_address_is_asked_in_turn_and_those_that_cannot_wait_beside_it() -> None:
    """Who is not plainly up is asked each time, as an endpoint with one address is."""
    states = {"a": well(), "b": well(at=93.0), "c": dead(), "d": well(), "e": HealthState()}

    assert due(states, 0, 100.5, 6.0) == ["a", "b", "c", "e"]
    assert due(states, 3, 100.5, 60.0) == ["c", "d", "e"]
    assert due({}, 3, 100.5, 60.0) == []


@given(
    st.lists(st.sampled_from("wdfus"), min_size=1, max_size=8),
    st.sampled_from(list(AddressRule)),
)
def test_the_state_keeps_the_invariants_of_an_endpoints(
    kinds: list[str], rule: AddressRule
) -> None:
    """Whatever the addresses are; and the verdict follows the rule."""
    make = {
        "w": well(),
        "d": dead(),
        "f": failing(1, 99.0),
        "u": HealthState(last_result_at=99.0, successes=1, first_success_at=99.0),
        "s": well(at=20.0),
    }
    state = of(*(make[kind] for kind in kinds), limits=SetLimits(rule, 10.0, 3))
    counts = state.addresses

    assert counts is not None
    assert 0 <= counts.down <= counts.fresh <= counts.probed <= counts.known == len(kinds)
    assert counts.fresh == sum(kind != "s" for kind in kinds)
    assert (state.failures == 0) == (state.first_failure_at is None)
    assert (state.successes == 0) == (state.first_success_at is None)
    assert 0 <= state.bad_ratio <= 1
    if counts.fresh:
        needed = down_from(rule, counts.fresh)
        assert (state.verdict is DOWN) == (kinds.count("d") >= needed)
        if state.verdict is UP:
            assert kinds.count("w") + kinds.count("f") > counts.fresh - needed


@given(st.lists(st.sampled_from("+-"), max_size=40))
def test_a_set_of_one_address_is_judged_as_the_address_alone(letters: list[str]) -> None:
    """The same verdict, failures and times, after any results."""
    state = HealthState()
    for second, letter in enumerate(letters, 1):
        outcome = ProbeOutcome.PASSED if letter == "+" else ProbeOutcome.FAILED
        state = advance(state, ProbeResult(outcome, float(second), 0.01, "x"), LIMITS)
        found = combined({"a": state}, 1, float(second), MOST)
        assert (found.verdict, found.failures, found.first_failure_at, found.successes) == (
            state.verdict,
            state.failures,
            state.first_failure_at,
            state.successes,
        )


def test_a_new_address_inherits_what_is_believed_of_the_endpoint() -> None:
    """As when the only address of a name changes."""
    state = of(well(), well())

    assert inherited(state).verdict is UP
    assert inherited(state).addresses is None
    assert inherited(well()._replace(not_run="x", not_run_since=1.0)) == well()
