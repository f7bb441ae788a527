"""What placement wants behind an accelerator, and what it says of room."""

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
def test_what_a_region_that_is_kept_carries_burdens_nobody_else(
    demand: int, overload: float
) -> None:
    """Nobody knows how the one is: it keeps its half, the other has to carry its own only."""
    plan = planned(demand, f"see {EAST}=?")

    assert plan.after == {WEST: 1.0, EAST: 1.0}
    assert plan.overload_rps == pytest.approx(overload)


def test_what_leaves_a_region_burdens_the_other() -> None:
    """All of it is beyond what the other can carry but its capacity."""
    assert planned(1500, f"see {EAST}=D").overload_rps == pytest.approx(500)


def test_what_nobody_can_carry_is_overload() -> None:
    """Of all regions together."""
    assert planned(2500).overload_rps == pytest.approx(500)
