"""Whether a region may take its next step: both sides of every limit."""

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
    player = StoryboardPlayer()
    player.now = NOW
    for command in (f"pool world {WEST} {EAST}", "ramp look_for_s=300 min_requests=50"):
        player.play(command)
    player._settle()
    memory = remembers(last_rise={AT: NOW - raised_s_ago}, **changes)
    return replace(player.snapshot(), memory=memory)


def users(found: Snapshot, west: int, east: int, errors: int = 0) -> Snapshot:
    total = west + east
    split = {
        WEST: MeasuredShare(west, errors, west / total),
        EAST: MeasuredShare(east, 0, east / total),
    }
    return replace(found, measured={("shop", "world"): split})


def paced(found: Snapshot, share: float = 0.25, health: RegionHealth = WELL) -> RampGate:
    return ramp_gate(found, AT, {WEST: share, EAST: 1 - share}, health)


@pytest.mark.parametrize(("since_s", "verdict"), [(29.9, "wait"), (30.1, "go")])
def test_time_must_pass(since_s: float, verdict: str) -> None:
    """`step_gap_s`."""
    assert paced(snapshot(since_s)).verdict == verdict


@pytest.mark.parametrize(
    ("west", "verdict"), [(140, "wait"), (160, "go"), (340, "go"), (360, "wait")]
)
def test_users_must_have_followed(west: int, verdict: str) -> None:
    """Within ten points of 25 %."""
    assert paced(users(snapshot(60), west, 1000 - west)).verdict == verdict


def test_few_users_say_nothing() -> None:
    """`min_requests`."""
    assert paced(users(snapshot(60), 0, 49)).verdict == "go"
    assert paced(users(snapshot(60), 0, 50)).verdict == "wait"


@pytest.mark.parametrize(("since_s", "verdict"), [(299, "wait"), (301, "go")])
def test_users_are_not_waited_for_without_end(since_s: float, verdict: str) -> None:
    """`look_for_s`."""
    assert paced(users(snapshot(since_s), 0, 1000)).verdict == verdict


@pytest.mark.parametrize(("errors", "verdict"), [(12, "go"), (13, "back")])
def test_a_region_that_fails_its_users_goes_back(errors: int, verdict: str) -> None:
    """`max_error_ratio` of 250 requests."""
    assert paced(users(snapshot(60), 250, 750, errors)).verdict == verdict


def test_a_degraded_region_goes_back_or_does_not_begin() -> None:
    """Whatever time has passed."""
    gray = replace(WELL, degraded=1, usable=0.75)

    assert paced(snapshot(), health=gray).verdict == "back"
    assert paced(snapshot(), share=0.0, health=gray).verdict == "wait"


@pytest.mark.parametrize(("since_s", "verdict"), [(599, "wait"), (601, "go")])
def test_after_a_step_back_it_takes_longer(since_s: float, verdict: str) -> None:
    """`retry_after_s`."""
    assert paced(snapshot(aborted={AT: NOW - since_s})).verdict == verdict


@pytest.mark.parametrize(("back_s", "verdict"), [(0.2, "wait"), (29.9, "wait"), (30.1, "back")])
def test_steps_back_are_a_step_gap_apart(back_s: float, verdict: str) -> None:
    """What users report still tells of the time before the last one."""
    found = users(snapshot(60, aborted={AT: NOW - back_s}), 500, 500, errors=100)

    assert paced(found).verdict == verdict
