"""The dials that placement wants behind an accelerator, and its full regions."""

from __future__ import annotations

import pytest

from controller.model.decision import PoolPlan
from controller.planning.decision import decide
from tests.storyboards.player import StoryboardPlayer

WEST, EAST = "eu-west-1", "us-east-1"


def planned(demand: int, *commands: str) -> PoolPlan:
    """A pool of two regions, each near to half of the users, for 1000 requests/s each."""
    player = StoryboardPlayer()
    player.now = 1_000.0
    player.play(f"pool world {WEST} {EAST} demand={demand} accelerator")
    for command in commands:
        player.play(command)
    player._settle()
    (plan,) = decide(player.snapshot()).plans
    return plan


@pytest.mark.parametrize(("demand", "overload"), [(1500, 0), (1900, 0), (2600, 300)])
def test_the_load_of_a_kept_region_does_not_count_for_the_others(
    demand: int, overload: float
) -> None:
    """One region's health is unknown: it keeps its half, the other has to carry its own only."""
    plan = planned(demand, f"see {EAST}=?")

    assert plan.after == {WEST: 1.0, EAST: 1.0}
    assert plan.overload_rps == pytest.approx(overload)


def test_the_load_that_leaves_a_region_counts_for_the_other() -> None:
    """All of it is beyond what the other can carry but its capacity."""
    assert planned(1500, f"see {EAST}=D").overload_rps == pytest.approx(500)


def test_load_beyond_all_capacity_is_overload() -> None:
    """Of all regions together."""
    assert planned(2500).overload_rps == pytest.approx(500)
