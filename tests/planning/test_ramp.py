"""How far one cycle goes."""

from __future__ import annotations

import pytest

from controller.model.configuration import Ramp
from controller.planning.ramp import ramp_dials, ramp_shares

LIMITS = Ramp(step_points=25, step_gap_s=30)
A, B, C = "eu-west-1", "eu-central-1", "us-east-1"


def test_what_leaves_leaves_whole_and_the_others_are_not_limited() -> None:
    """An emergency is no time for steps."""
    ramped = ramp_shares({A: 0.5, B: 0.5}, {A: 0, B: 1}, {}, frozenset(), LIMITS)

    assert ramped.shares == {A: 0, B: 1}
    assert ramped.limited == ()


def test_a_return_takes_one_step_and_says_when_the_next_is_due() -> None:
    """25 of the 50 points."""
    ramped = ramp_shares({A: 0, B: 1}, {A: 0.5, B: 0.5}, {}, frozenset({A}), LIMITS)

    assert ramped.shares == pytest.approx({A: 0.25, B: 0.75})
    assert (ramped.limited, ramped.wait_s) == ((A,), 30)


def test_before_the_gap_is_over_nothing_rises() -> None:
    """The last rise was 10 s ago."""
    ramped = ramp_shares({A: 0.25, B: 0.75}, {A: 0.5, B: 0.5}, {A: 10}, frozenset({A}), LIMITS)

    assert ramped.shares == pytest.approx({A: 0.25, B: 0.75})
    assert ramped.wait_s == 20


def test_when_nobody_established_is_left_the_returning_one_takes_all() -> None:
    """Steps protect users from cold regions, not from having one."""
    ramped = ramp_shares({A: 0, B: 1}, {A: 1, B: 0}, {}, frozenset({A}), LIMITS)

    assert ramped.shares == {A: 1, B: 0}


def test_a_returning_region_keeps_its_steps_while_an_established_one_takes_over() -> None:
    """What the ceiling cuts off goes to the established region."""
    before = {A: 0.1, B: 0.45, C: 0.45}

    ramped = ramp_shares(before, {A: 0.5, B: 0.5, C: 0}, {}, frozenset({A}), LIMITS)

    base = 0.1 / 0.55
    assert ramped.shares == pytest.approx({A: base + 0.25, B: 1 - base - 0.25, C: 0})


def test_dials_rise_each_by_its_own_step_and_one_stays_open() -> None:
    """The established one is at 100 % anyway."""
    ramped = ramp_dials({A: 0.5, B: 1}, {A: 1, B: 1}, {}, LIMITS)

    assert ramped.shares == {A: 0.75, B: 1}


def test_the_only_region_left_behind_an_accelerator_is_opened_at_once() -> None:
    """A dial below 100 with nobody else to go to would only send users the long way."""
    assert ramp_dials({A: 0, B: 1}, {A: 1, B: 0}, {}, LIMITS).shares == {A: 1, B: 0}
    assert ramp_dials({A: 0.25, B: 1}, {A: 1, B: 0}, {A: 1}, LIMITS).shares == {A: 1, B: 0}
