"""What dials do to the flow, and which ones keep everybody in bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planning.placement.dials import fit_dials, learned_nearest, modelled_flow
from controller.planning.shares import normalised

A, B, C = "eu-west-1", "us-east-1", "ap-northeast-1"


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("a", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("b", [0.25, 1.0])
def test_of_two_groups_each_takes_what_the_other_passes_on(p: float, a: float, b: float) -> None:
    """AWS's own arithmetic: share(A) = p a + (1 - p)(1 - b)."""
    flow = modelled_flow({A: p, B: 1 - p}, {A: a, B: b})

    expected = p * a + (1 - p) * (1 - b) if a else 0.0
    assert flow[A] == pytest.approx(expected)
    assert sum(flow.values()) == pytest.approx(1)


def test_two_dials_at_half_send_half_of_everybody_the_long_way() -> None:
    """AWS's example: 25 + 25 local and 25 + 25 crossed."""
    assert modelled_flow({A: 0.5, B: 0.5}, {A: 0.5, B: 0.5}) == pytest.approx({A: 0.5, B: 0.5})


def test_of_three_regions_none_is_filled_beyond_its_room() -> None:
    """What the first passes on would fill the second, which passes it on in turn."""
    near, room = {A: 0.6, B: 0.25, C: 0.15}, {A: 0.4, B: 0.3, C: 0.4}

    flow = modelled_flow(near, fit_dials(near, room, {}))

    assert all(flow[region] <= room[region] + 0.005 for region in near)


def test_with_room_everybody_is_open() -> None:
    """Nothing is gained by a dial."""
    assert fit_dials({A: 0.7, B: 0.3}, {A: 0.8, B: 0.5}, {}) == {A: 1, B: 1}


def test_a_region_without_enough_room_passes_on_the_rest() -> None:
    """t = 0.35 of p = 0.7: its dial is t / p."""
    dials = fit_dials({A: 0.7, B: 0.3}, {A: 0.35, B: 0.9}, {})

    assert dials == pytest.approx({A: 0.5, B: 1})
    assert modelled_flow({A: 0.7, B: 0.3}, dials)[A] == pytest.approx(0.35)


def test_what_is_given_is_not_changed() -> None:
    """One region is out, one is pinned."""
    dials = fit_dials({A: 0.4, B: 0.3, C: 0.3}, {A: 0.9}, {B: 0.0, C: 0.4})

    assert dials == {A: 1, B: 0, C: 0.4}


FLOWS = st.dictionaries(
    st.sampled_from([A, B, C, "us-west-2"]), st.floats(0.01, 1), min_size=1, max_size=4
)


@given(FLOWS, st.data())
def test_dials_bring_everybody_nearer_to_their_room_and_one_stays_open(
    weights: dict[str, float], data: st.DataObject
) -> None:
    """Wholly, where two share the flow; what dials cannot send elsewhere the open one takes."""
    near = normalised(weights)
    rooms = {region: data.draw(st.floats(0.05, 1)) for region in near}
    spare = data.draw(st.floats(1, 2))
    room = {region: part * spare for region, part in normalised(rooms).items()}

    dials = fit_dials(near, room, {})

    without = modelled_flow(near, dict.fromkeys(near, 1.0))
    excess, before = (
        max(f[r] - room[r] for r in near) for f in (modelled_flow(near, dials), without)
    )
    assert max(dials.values()) == 1
    assert excess <= max(0.0, before) + 1e-9
    if len(near) == 2:
        assert excess <= 1e-6


@given(FLOWS, st.data())
def test_measured_flow_teaches_who_is_nearest(
    weights: dict[str, float], data: st.DataObject
) -> None:
    """From a wrong guess to what is measured within fifty looks."""
    truth = normalised(weights)
    guess = normalised({region: data.draw(st.floats(0.2, 1)) for region in truth})
    dials = dict.fromkeys(truth, 1.0)

    for _ in range(50):
        guess = learned_nearest(guess, dials, modelled_flow(truth, dials))

    assert guess == pytest.approx(truth, abs=0.01)


def test_a_closed_region_teaches_nothing_about_its_users() -> None:
    """They are somewhere else now."""
    near = {A: 0.5, B: 0.5}

    assert learned_nearest(near, {A: 0.0, B: 1.0}, {A: 0.0, B: 1.0})[A] == pytest.approx(0.5)


def test_one_look_corrects_a_fifth_of_what_is_off() -> None:
    """Noise fades and a shift takes minutes: neither faster nor slower."""
    near, dials = {A: 0.5, B: 0.5}, {A: 1.0, B: 1.0}

    found = learned_nearest(near, dials, {A: 0.75, B: 0.25})

    assert found == pytest.approx({A: 0.55, B: 0.45})
