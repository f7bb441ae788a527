"""The ramp's gate: both sides of every limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.model.decision import Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.model.traffic import MeasuredShare
from controller.planning.ramp.gate import RampGate, ramp_gate
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

WEST, EAST = "eu-west-1", "us-east-1"
AT = Position("shop", "world", WEST)
WELL = RegionHealth(Verdict.UP, "well")
NOW = 1_000.0


def snapshot(raised_s_ago: float = 1e6, **changes: Any) -> Snapshot:
    """Two regions; the first was last raised so many seconds ago."""
    stage = StoryboardPlayer()
    stage.now = NOW
    for command in (f"pool world {WEST} {EAST}", "ramp look_for_s=300 min_requests=50"):
        stage.play(command)
    stage._settle()
    memory = remembers(last_rise={AT: NOW - raised_s_ago}, **changes)
    return replace(stage.snapshot(), memory=memory)


def users(found: Snapshot, west: int, east: int, errors: int = 0) -> Snapshot:
    total = west + east
    split = {
        WEST: MeasuredShare(west, errors, west / total),
        EAST: MeasuredShare(east, 0, east / total),
    }
    return replace(found, measured={("shop", "world"): split})


def gate_of(found: Snapshot, share: float = 0.25, health: RegionHealth = WELL) -> RampGate:
    return ramp_gate(found, AT, {WEST: share, EAST: 1 - share}, health)


@pytest.mark.parametrize(("since_s", "action"), [(29.9, "wait"), (30.1, "rise")])
def test_time_must_pass(since_s: float, action: str) -> None:
    """`step_gap_s`."""
    assert gate_of(snapshot(since_s)).action == action


@pytest.mark.parametrize(
    ("west", "action"), [(140, "wait"), (160, "rise"), (340, "rise"), (360, "wait")]
)
def test_users_must_have_followed(west: int, action: str) -> None:
    """Within ten points of 25 %."""
    assert gate_of(users(snapshot(60), west, 1000 - west)).action == action


def test_few_users_say_nothing() -> None:
    """`min_requests`."""
    assert gate_of(users(snapshot(60), 0, 49)).action == "rise"
    assert gate_of(users(snapshot(60), 0, 50)).action == "wait"


@pytest.mark.parametrize(("since_s", "action"), [(299, "wait"), (301, "rise")])
def test_users_are_waited_for_until_a_limit(since_s: float, action: str) -> None:
    """`look_for_s`."""
    assert gate_of(users(snapshot(since_s), 0, 1000)).action == action


@pytest.mark.parametrize(("errors", "action"), [(12, "rise"), (13, "step_back")])
def test_a_region_that_fails_its_users_goes_back(errors: int, action: str) -> None:
    """`max_error_ratio` of 250 requests."""
    assert gate_of(users(snapshot(60), 250, 750, errors)).action == action


def test_a_degraded_region_goes_back_or_does_not_begin() -> None:
    """Whatever time has passed."""
    gray = replace(WELL, degraded=1, usable=0.75)

    assert gate_of(snapshot(), health=gray).action == "step_back"
    assert gate_of(snapshot(), share=0.0, health=gray).action == "wait"


@pytest.mark.parametrize(("since_s", "action"), [(599, "wait"), (601, "rise")])
def test_after_a_step_back_it_takes_longer(since_s: float, action: str) -> None:
    """`retry_after_s`."""
    assert gate_of(snapshot(aborted={AT: NOW - since_s})).action == action


@pytest.mark.parametrize(("back_s", "action"), [(0.2, "wait"), (29.9, "wait"), (30.1, "step_back")])
def test_steps_back_are_a_step_gap_apart(back_s: float, action: str) -> None:
    """Users' reports still describe the time before the last step back."""
    found = users(snapshot(60, aborted={AT: NOW - back_s}), 500, 500, errors=100)

    assert gate_of(found).action == action
