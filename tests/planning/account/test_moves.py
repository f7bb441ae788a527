"""What one decision would move that another would not."""

from __future__ import annotations

from controller.model.decision import Decision, PoolPlan
from controller.model.memory import Memory
from controller.planning.account.moves import ShareMove, losing_regions, share_moves

EVEN = {"a": 0.5, "b": 0.5}


def decision(*plans: PoolPlan) -> Decision:
    return Decision({}, plans, {}, Memory())


def plan(
    before: dict[str, float],
    desired: dict[str, float],
    after: dict[str, float] | None = None,
    pool: str = "world",
) -> PoolPlan:
    return PoolPlan("shop", pool, before, desired, after or desired)


def test_equal_decisions_move_nothing() -> None:
    """Whatever is on its way already is not the reload's doing; nor are rounding errors."""
    going_on = plan(EVEN, {"a": 1.0, "b": 0.0})
    nearly = plan(EVEN, {"a": 0.998, "b": 0.002})
    assert share_moves(decision(going_on), decision(going_on)) == ()
    assert share_moves(decision(going_on), decision(nearly)) == ()


def test_another_wanted_split_counts_though_a_ramp_or_guard_holds_it_now() -> None:
    """It would come, step by step."""
    old, new = plan(EVEN, EVEN), plan(EVEN, {"a": 0.1, "b": 0.9}, EVEN)
    found = share_moves(decision(old), decision(new))
    assert found == (
        ShareMove("shop", "world", "a", 0.5, 0.1),
        ShareMove("shop", "world", "b", 0.5, 0.9),
    )
    assert losing_regions(found) == ("a",)


def test_a_plan_that_is_now_carried_out_counts_though_the_same_was_wanted() -> None:
    """From dry run to active: what was only shown is written."""
    wanted = {"a": 1.0, "b": 0.0}
    found = share_moves(decision(plan(EVEN, wanted, EVEN)), decision(plan(EVEN, wanted)))
    assert losing_regions(found) == ("b",)


def test_a_region_that_leaves_its_pool_loses_its_traffic() -> None:
    """And a region that comes to it takes some from the others."""
    old, new = plan(EVEN, EVEN), plan({"a": 0.5, "c": 0.0}, {"a": 0.5, "c": 0.5})
    found = share_moves(decision(old), decision(new))
    assert losing_regions(found) == ("b",)


def test_a_pool_that_is_new_is_compared_with_what_aws_has() -> None:
    """A service that was renamed moves nothing; a pool that was never read neither."""
    old, unread = decision(), plan({}, {}, pool="unread")
    assert share_moves(old, decision(plan(EVEN, EVEN), unread)) == ()
    assert losing_regions(share_moves(old, decision(plan(EVEN, {"a": 1.0, "b": 0.0}), unread))) == (
        "b",
    )
    assert share_moves(decision(plan(EVEN, EVEN, pool="unread")), decision(unread)) == ()


def test_a_region_counts_once_however_many_pools_it_leaves() -> None:
    """Regions are what people think in."""
    old = decision(plan(EVEN, EVEN), plan(EVEN, EVEN, pool="europe"))
    gone = {"a": 0.0, "b": 1.0}
    new = decision(plan(EVEN, gone), plan(EVEN, gone, pool="europe"))
    found = share_moves(old, new)
    assert len(found) == 4
    assert losing_regions(found) == ("a",)
