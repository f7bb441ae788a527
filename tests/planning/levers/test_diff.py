"""Shares in the levers' own units."""

from __future__ import annotations

import pytest

from controller.model.decision import PoolPlan
from controller.model.levers import LeverState, Observed, Position
from controller.planning.decision import decide
from controller.planning.levers.registry import lever_of
from tests.storyboards.player import StoryboardPlayer

WEST, EAST = "eu-west-1", "us-east-1"


def written(
    lever: str, before: dict[str, LeverState], after: dict[str, float], *unequal: str
) -> dict[str, LeverState]:
    """What is written to each of two regions; the parts of `unequal` ones differ."""
    stage = StoryboardPlayer()
    stage.play(f"pool world {WEST} {EAST} {lever}")
    service = stage.settings().services["shop"]
    settings = {Position("shop", "world", region): one for region, one in before.items()}
    steered = lever_of(service)
    plan = PoolPlan("shop", "world", steered.shares(before), after, after)
    parts = frozenset(Position("shop", "world", region) for region in unequal)
    changes = steered.diff(service, plan, Observed(0.0, settings, parts))
    return {change.position.region: change.after for change in changes}


@pytest.mark.parametrize(
    ("share", "dial"), [(0.0, 0), (0.001, 1), (0.004, 1), (0.05, 5), (0.996, 100)]
)
def test_a_dial_that_is_to_be_open_is_never_rounded_to_zero(share: float, dial: int) -> None:
    """As with weights: zero means another thing."""
    before = {WEST: LeverState(128, 50.0), EAST: LeverState(128, 100.0)}
    found = written("accelerator", before, {WEST: share, EAST: 1.0})

    assert found == {WEST: LeverState(128 if share else 0, dial)}


def test_a_dial_that_differs_by_rounding_only_is_left_alone() -> None:
    """A dial written with a thousandth is read with a hundredth."""
    before = {WEST: LeverState(128, 1.0), EAST: LeverState(128, 100.0)}

    assert written("accelerator", before, {WEST: 0.001, EAST: 1.0}) == {}


@pytest.mark.parametrize(
    ("lever", "half_written", "closed"),
    [
        ("accelerator", LeverState(128, 100.0), LeverState(1, 0.0)),
        ("accelerator", LeverState(128, 100.0), LeverState(0, 50.0)),
        ("", LeverState(64), LeverState(0)),
    ],
)
def test_a_half_written_region_is_finished_and_no_other_is_written(
    lever: str, half_written: LeverState, closed: LeverState
) -> None:
    """The split stays, so the other region keeps its state, although another one says the same."""
    before = {WEST: half_written, EAST: closed}

    assert written(lever, before, {WEST: 1.0, EAST: 0.0}, WEST) == {WEST: half_written}


def test_receiving_regions_come_first() -> None:
    """Changes that open stand before changes that close."""
    before = {EAST: LeverState(128, 100.0), WEST: LeverState(0, 0.0)}

    assert list(written("accelerator", before, {WEST: 1.0, EAST: 0.0})) == [WEST, EAST]


def test_the_last_traces_of_a_region_that_is_down_leave_by_a_separate_rule() -> None:
    """Its share is below half a point; that it leaves is explained, and counted, all the same."""
    stage = StoryboardPlayer()
    stage.now = 1_000.0
    for command in (f"pool world {WEST} {EAST} us-west-2", f"edit world {WEST} 1"):
        stage.play(command)
    stage.expected = dict.fromkeys(stage.expected, ())
    stage.play(f"see {WEST}=D")
    snapshot = stage.snapshot()
    (plan,) = decide(snapshot).plans

    assert 0 < plan.before[WEST] < 0.005
    assert [c.position.region for c in plan.changes] == [WEST]
    assert [(r.name, r.region) for r in plan.rules if r.region == WEST] == [("region_down", WEST)]
