"""What persons order in one pool leaves enough of its regions serving, however they order it."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.decision import Decision, Hold
from controller.planning.decision import decide
from tests.storyboards.player import StoryboardPlayer

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-northeast-1")
ORDERS = st.one_of(
    st.just("drain {}"), st.integers(1, 100).map(lambda share: f"pin {{}} {share}"), st.just("")
)


def decided(regions: int, *orders: str) -> Decision:
    """The decision about one pool whose regions are all well and alike."""
    player = StoryboardPlayer()
    player.now = 1_000.0
    player.play(f"pool world {' '.join(REGIONS[:regions])} demand=10")
    player.play("known-good UUU")
    for order in orders:
        player.play(order)
    player._settle()
    return decide(player.snapshot())


def refused(decision: Decision) -> bool:
    return any(h.reason is Hold.MIN_ACTIVE for plan in decision.plans for h in plan.held)


@pytest.mark.parametrize(
    ("regions", "pins", "is_refused"),
    [
        (5, (100,), True),
        (5, (50, 50), True),
        (5, (60, 60), True),
        (5, (50, 49), False),
        (5, (34, 33, 33), False),
        (3, (50, 50), False),
        (4, (99, 1), False),
    ],
)
def test_pins_that_take_the_whole_pool_must_be_on_enough_regions(
    regions: int, pins: tuple[int, ...], is_refused: bool
) -> None:
    """Two of 50 % empty the others as one of 100 % does."""
    orders = [f"pin {r} {share}" for r, share in zip(REGIONS, pins, strict=False)]

    assert refused(decided(regions, *orders)) is is_refused


@given(st.integers(1, 5), st.lists(ORDERS, min_size=5, max_size=5))
def test_no_combination_of_orders_leaves_too_few_regions(regions: int, orders: list[str]) -> None:
    """Half of them, rounded up, are wanted by placement when all are well."""
    given_ = [o.format(r) for o, r in zip(orders, REGIONS[:regions], strict=False) if o]
    (plan,) = decided(regions, *given_).plans
    serving = sum(share > 0 for share in plan.desired.values())

    assert serving >= max(1, ceil(regions / 2))


@pytest.mark.parametrize("verdict", ["D", "S"])
def test_one_region_alone_is_no_panic(verdict: str) -> None:
    """It is the last one, and that is why it keeps its traffic."""
    decision = decided(1, f"see eu-west-1={verdict}")
    holds = {h.reason for plan in decision.plans for h in plan.held}

    assert Hold.PANIC not in holds
    assert (Hold.LAST_REGION in holds) is (verdict == "D")
    assert decision.memory.of("shop").panic is None
