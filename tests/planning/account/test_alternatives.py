"""What else was considered for the traffic that moves, and why it was passed over."""

from __future__ import annotations

import pytest
from hypothesis import given

from controller.model.decision import Decision, RejectedAlternative, Snapshot
from controller.planning.account.alternatives import rejected_alternatives
from controller.planning.decision import decide
from tests.planning.test_properties import stages
from tests.storyboards.player import StoryboardPlayer

EAST, WEST, CENTRAL, NORTH = "us-east-1", "eu-west-1", "eu-central-1", "eu-north-1"
WORLD = (f"pool world {EAST} {WEST} {CENTRAL} {NORTH} demand=100",)
BOUND = (*WORLD, f"pool europe {WEST} {CENTRAL} demand=100")
NEAR = {EAST: 90.0, WEST: 20.0, CENTRAL: 30.0, NORTH: 40.0}


def decided(stage: StoryboardPlayer) -> tuple[Snapshot, Decision]:
    snapshot = stage.snapshot()
    return snapshot, decide(snapshot)


def played(*lines: str, near: bool = False) -> StoryboardPlayer:
    stage = StoryboardPlayer()
    for line in lines:
        stage.play(line)
        if near and line == lines[0]:
            stage.pools["world"]["latency_ms"] = dict(NEAR)
    return stage


def told(stage: StoryboardPlayer, pool: str = "world") -> dict[str, str]:
    return {
        one.region: one.why for one in rejected_alternatives(*decided(stage)) if one.pool == pool
    }


def test_a_region_that_is_not_lawful_is_named_so() -> None:
    """By the law it is under, when the pool is bound to another."""
    stage = played(*BOUND, "decide", f"see {WEST}=D")
    assert told(stage, "europe")[EAST] == "not lawful: pool europe does not name it"
    for region, law in ((EAST, "US"), (WEST, "EU"), (CENTRAL, "EU"), (NORTH, "EU")):
        stage.catalogue[region] = {"jurisdiction": law}
    stage.pools["europe"]["residency"] = "EU"
    assert told(stage, "europe") == {
        EAST: "not lawful: pool europe is bound to EU, us-east-1 is in US",
        NORTH: "not lawful: pool europe does not name it",
    }


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"see {CENTRAL}=D", "down: web: 3 probes failed within "),
        (f"drain {CENTRAL}", "drain by ann: INC-42"),
        (f"failover {CENTRAL}", "failover by ann: INC-42"),
        (f"lose world {CENTRAL}", "its weighted record or endpoint group is missing"),
    ],
)
def test_a_region_that_may_not_serve_says_why(line: str, why: str) -> None:
    """It was out before the others' traffic moved."""
    stage = played(*WORLD, "decide", line, "decide", "wait 100", "decide", f"see {WEST}=D")
    assert told(stage)[CENTRAL].startswith(why)


def test_a_region_that_is_full_says_how_full() -> None:
    """It would have been nearer."""
    stage = played(
        *WORLD,
        f"region {CENTRAL} capacity=25",
        "decide",
        f"see {WEST}=D",
    )
    assert told(stage) == {
        CENTRAL: "full, 25 requests/s = 100 % of its capacity; the rest spills over"
    }


def test_a_region_that_is_farther_says_how_far() -> None:
    """Beside the nearest of those that were chosen."""
    stage = played(*WORLD, "decide", "decide", "wait 100", "decide", f"see {WEST}=D", near=True)
    for name in NEAR:
        stage.play(f"edit world {name} {128 if name == WEST else 0}")
    assert told(stage) == {
        EAST: "farther: 90 ms, eu-central-1 30 ms",
        NORTH: "farther: 40 ms, eu-central-1 30 ms",
    }


def test_what_moves_nothing_considers_nothing() -> None:
    """A calm day has no alternatives."""
    assert rejected_alternatives(*decided(played(*BOUND, "decide"))) == ()


def test_what_is_withheld_was_considered_all_the_same() -> None:
    """A freeze does not keep anybody from knowing."""
    stage = played(*BOUND, "decide", "freeze", f"see {WEST}=D")
    assert rejected_alternatives(*decided(stage))[0] == RejectedAlternative(
        "shop", "europe", EAST, "not lawful: pool europe does not name it"
    )


@given(stages())
def test_it_can_always_be_told(stage: StoryboardPlayer) -> None:
    """A record must not fail for want of an explanation; nobody chosen is among the rejected."""
    stage._settle()
    snapshot, decision = decided(stage)
    plans = {(plan.service, plan.pool): plan for plan in decision.plans}
    for one in rejected_alternatives(snapshot, decision):
        plan = plans[one.service, one.pool]
        assert plan.desired.get(one.region, 0) <= plan.before.get(one.region, 0) + 0.005
        assert one.why
