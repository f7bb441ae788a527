"""What else was considered for the traffic that moves, and why it was passed over."""

from __future__ import annotations

import pytest
from hypothesis import given

from controller.model.decision import Decision, RejectedAlternative, Snapshot
from controller.planning.account.alternatives import rejected_alternatives
from controller.planning.decision import decide
from tests.planning.test_properties import players
from tests.storyboards.player import StoryboardPlayer

EAST, WEST, CENTRAL, NORTH = "us-east-1", "eu-west-1", "eu-central-1", "eu-north-1"
WORLD = (f"pool world {EAST} {WEST} {CENTRAL} {NORTH} demand=100",)
BOUND = (*WORLD, f"pool europe {WEST} {CENTRAL} demand=100")
NEAR = {EAST: 90.0, WEST: 20.0, CENTRAL: 30.0, NORTH: 40.0}


def decided(player: StoryboardPlayer) -> tuple[Snapshot, Decision]:
    snapshot = player.snapshot()
    return snapshot, decide(snapshot)


def played(*lines: str, near: bool = False) -> StoryboardPlayer:
    player = StoryboardPlayer()
    for line in lines:
        player.play(line)
        if near and line == lines[0]:
            player.pools["world"]["latency_ms"] = dict(NEAR)
    return player


def told(player: StoryboardPlayer, pool: str = "world") -> dict[str, str]:
    return {
        one.region: one.why for one in rejected_alternatives(*decided(player)) if one.pool == pool
    }


def test_a_region_that_is_not_lawful_is_named_so() -> None:
    """By the law it is under, when the pool is bound to another."""
    player = played(*BOUND, "decide", f"see {WEST}=D")
    assert told(player, "europe")[EAST] == "not lawful: pool europe does not name it"
    for region, law in ((EAST, "US"), (WEST, "EU"), (CENTRAL, "EU"), (NORTH, "EU")):
        player.catalogue[region] = {"jurisdiction": law}
    player.pools["europe"]["residency"] = "EU"
    assert told(player, "europe") == {
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
def test_a_region_that_may_not_serve_has_the_reason(line: str, why: str) -> None:
    """It was out before the others' traffic moved."""
    player = played(*WORLD, "decide", line, "decide", "wait 100", "decide", f"see {WEST}=D")
    assert told(player)[CENTRAL].startswith(why)


def test_a_full_region_has_its_load() -> None:
    """It would have been nearer."""
    player = played(
        *WORLD,
        f"region {CENTRAL} capacity=25",
        "decide",
        f"see {WEST}=D",
    )
    assert told(player) == {
        CENTRAL: "full, 25 requests/s = 100 % of its capacity; the rest spills over"
    }


def test_a_farther_region_has_its_latency() -> None:
    """Beside the nearest of those that were chosen."""
    player = played(*WORLD, "decide", "decide", "wait 100", "decide", f"see {WEST}=D", near=True)
    for name in NEAR:
        player.play(f"edit world {name} {128 if name == WEST else 0}")
    assert told(player) == {
        EAST: "farther: 90 ms, eu-central-1 30 ms",
        NORTH: "farther: 40 ms, eu-central-1 30 ms",
    }


def test_what_moves_nothing_considers_nothing() -> None:
    """A calm day has no alternatives."""
    assert rejected_alternatives(*decided(played(*BOUND, "decide"))) == ()


def test_what_is_withheld_was_considered_all_the_same() -> None:
    """A freeze does not hide them."""
    player = played(*BOUND, "decide", "freeze", f"see {WEST}=D")
    assert rejected_alternatives(*decided(player))[0] == RejectedAlternative(
        "shop", "europe", EAST, "not lawful: pool europe does not name it"
    )


@given(players())
def test_rejected_alternatives_never_fail(player: StoryboardPlayer) -> None:
    """A record must not fail because of them; no chosen region is among them."""
    player._settle()
    snapshot, decision = decided(player)
    plans = {(plan.service, plan.pool): plan for plan in decision.plans}
    for one in rejected_alternatives(snapshot, decision):
        plan = plans[one.service, one.pool]
        assert plan.desired.get(one.region, 0) <= plan.before.get(one.region, 0) + 0.005
        assert one.why
