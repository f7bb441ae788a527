"""Ramp steps of one cycle."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from controller.planning.ramp.gate import RampGate
from controller.planning.ramp.steps import RampLimits, ramp_dials, ramp_shares

A, B, C = "eu-west-1", "eu-central-1", "us-east-1"
RISE, WAIT, BACK = (
    RampGate("rise"),
    RampGate("wait", "10 s left", 10),
    RampGate("step_back", "errors", 30),
)


def ramp_limits(
    *,
    warming_up: Collection[str] = (),
    leaving: Collection[str] = (),
    urgent: bool = False,
    **gates: RampGate,
) -> RampLimits:
    """Steps of 25 points; every region may rise unless `a`, `b` or `c` gives its gate."""
    named = {"a": A, "b": B, "c": C}
    return RampLimits(
        step=0.25,
        gates={A: RISE, B: RISE, C: RISE, **{named[key]: gate for key, gate in gates.items()}},
        warming_up=warming_up,
        leaving=leaving,
        urgent=urgent or bool(leaving),
    )


def test_a_drained_region_leaves_at_once_and_the_others_are_not_limited() -> None:
    """An emergency does not wait for steps."""
    ramped = ramp_shares({A: 0.2, B: 0.1, C: 0.7}, {A: 0.8, B: 0.2, C: 0}, ramp_limits(leaving={C}))

    assert ramped.shares == {A: 0.8, B: 0.2, C: 0}
    assert ramped.limited == ()


def test_in_an_emergency_elsewhere_a_pool_makes_way_without_steps() -> None:
    """The capacity that another pool needs now is freed at once."""
    ramped = ramp_shares({A: 1, B: 0}, {A: 0, B: 1}, ramp_limits(urgent=True))

    assert ramped.shares == {A: 0, B: 1}


def test_a_return_takes_one_step() -> None:
    """25 of the 50 points."""
    ramped = ramp_shares({A: 0, B: 1}, {A: 0.5, B: 0.5}, ramp_limits(warming_up={A}))

    assert ramped.shares == pytest.approx({A: 0.25, B: 0.75})
    assert ramped.limited == (A,)


def test_rebalancing_goes_by_steps_too() -> None:
    """Both rise towards their shares along one line; the slower of the two limits both."""
    ramped = ramp_shares({A: 0, B: 0.2, C: 0.8}, {A: 0.5, B: 0.3, C: 0.2}, ramp_limits())

    assert ramped.shares == pytest.approx({A: 0.25, B: 0.25, C: 0.5})
    assert ramped.limited == (A,)


def test_a_region_that_must_wait_does_not_rise() -> None:
    """Nor does any other region on the same line."""
    ramped = ramp_shares({A: 0.25, B: 0.75}, {A: 0.5, B: 0.5}, ramp_limits(warming_up={A}, a=WAIT))

    assert ramped.shares == pytest.approx({A: 0.25, B: 0.75})
    assert ramped.limited == (A,)


def test_a_returning_region_with_trouble_takes_a_step_back() -> None:
    """What it loses goes to the others in proportion to their present shares."""
    before = {A: 0.5, B: 0.3, C: 0.2}

    ramped = ramp_shares(before, {A: 0.8, B: 0.1, C: 0.1}, ramp_limits(warming_up={A}, a=BACK))

    assert ramped.shares == pytest.approx({A: 0.25, B: 0.45, C: 0.3})


def test_a_warm_region_with_trouble_keeps_its_share() -> None:
    """Its capacity is lowered instead; see gray failure."""
    ramped = ramp_shares({A: 0.5, B: 0.5}, {A: 0.8, B: 0.2}, ramp_limits(a=BACK))

    assert ramped.shares == pytest.approx({A: 0.5, B: 0.5})


def test_when_no_established_region_is_left_the_returning_one_takes_all() -> None:
    """Steps are for users of a service with other regions."""
    ramped = ramp_shares({A: 0, B: 1}, {A: 1, B: 0}, ramp_limits(warming_up={A, B}, leaving={B}))

    assert ramped.shares == {A: 1, B: 0}


def test_a_returning_region_keeps_its_steps_while_an_established_one_takes_over() -> None:
    """What the ceiling cuts off goes to the established region."""
    before = {A: 0.1, B: 0.45, C: 0.45}

    ramped = ramp_shares(
        before, {A: 0.5, B: 0.5, C: 0}, ramp_limits(warming_up={A, C}, leaving={C})
    )

    base = 0.1 / 0.55
    assert ramped.shares == pytest.approx({A: base + 0.25, B: 1 - base - 0.25, C: 0})


def test_dials_rise_each_by_its_own_step_and_one_stays_open() -> None:
    """The established one is at 100 % anyway."""
    ramped = ramp_dials({A: 0.5, B: 1}, {A: 1, B: 1}, ramp_limits())

    assert ramped.shares == {A: 0.75, B: 1}
    assert ramped.limited == (A,)


def test_the_dial_of_a_returning_region_with_trouble_goes_back() -> None:
    """By one step."""
    assert (
        ramp_dials({A: 0.5, B: 1}, {A: 1, B: 1}, ramp_limits(warming_up={A}, a=BACK)).shares[A]
        == 0.25
    )


def test_the_only_region_left_behind_an_accelerator_is_opened_at_once() -> None:
    """A dial below 100 without another open region would only send users far away."""
    assert ramp_dials({A: 0, B: 1}, {A: 1, B: 0}, ramp_limits(a=WAIT)).shares == {A: 1, B: 0}
    assert ramp_dials({A: 0.25, B: 1}, {A: 1, B: 0}, ramp_limits(a=WAIT)).shares == {A: 1, B: 0}
