"""What a drain's preview reads from a plan."""

from __future__ import annotations

from typing import Any

from controller.cli.daemon.replies import ApiReply
from controller.cli.orders.drain_preview import DrainPreview, preview_drain
from controller.cli.orders.preview import UnchangedPool, pools_in_scope
from tests.cli import answers

EU, US = "eu-west-1", "us-east-1"
CAPACITY = answers.held("capacity", "100 requests/s too many", EU)


def preview(
    *plans: dict[str, Any], service: str | None = None, pool: str | None = None
) -> DrainPreview:
    """The preview of a drain of eu-west-1."""
    plan = ApiReply(answers.plan(*map(ApiReply, plans)))
    order = {"region": EU, "service": service, "pool": pool}
    return preview_drain(order, pools_in_scope(order, plan))


def test_a_pool_is_pending_while_the_plan_empties_the_region() -> None:
    """The region still carries traffic: the order is not yet applied."""
    result = preview(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0}))
    assert result == DrainPreview(EU, empty=(), pending=("shop/europe",), unchanged=())
    assert result.refusals == ()


def test_a_pool_is_empty_when_the_region_carries_nothing() -> None:
    """Then the order is applied."""
    result = preview(answers.pool_plan({EU: 0.0, US: 1.0}, {EU: 0.0, US: 1.0}))
    assert result == DrainPreview(EU, empty=("shop/europe",), pending=(), unchanged=())


def test_a_pool_is_unchanged_when_a_guard_holds_the_region() -> None:
    """The order is refused, for there is no other pool."""
    result = preview(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, CAPACITY))
    held = UnchangedPool("shop/europe", "capacity", "100 requests/s too many")
    assert result == DrainPreview(EU, empty=(), pending=(), unchanged=(held,))
    assert result.refusals == (held,)


def test_an_order_held_in_one_pool_and_pending_in_another_is_not_refused() -> None:
    """The preview shows both pools."""
    held = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, CAPACITY)
    leaving = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0}, pool="world")
    result = preview(held, leaving)
    assert result.pending == ("shop/world",)
    assert result.refusals == ()


def test_another_regions_hold_and_a_ramp_step_do_not_refuse_the_drain() -> None:
    """Only holds that can stop this drain count."""
    other = answers.held("capacity", "…", US)
    step = answers.held("ramp_step", "next step in 3 s")
    result = preview(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, other, step))
    assert result.pending == ("shop/europe",)


def test_a_dry_run_changes_no_pool_and_refuses_no_order() -> None:
    """An operator must be able to rehearse an order."""
    dry = answers.held("dry_run", "mode is dry_run: nothing is written")
    result = preview(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, dry))
    assert [pool.reason for pool in result.unchanged] == ["dry_run"]
    assert result.refusals == ()


def test_a_pool_not_yet_read_from_aws_is_pending() -> None:
    """Unknown is neither empty nor refused."""
    result = preview(answers.pool_plan({}, {}, answers.held("not_observed", "not yet")))
    assert result.pending == ("shop/europe",)


def test_an_undecided_pool_is_unchanged_not_empty() -> None:
    """After a defect in the daemon, an order for such pools alone is refused."""
    undecided = answers.pool_plan({}, {}, answers.held("undecided", "KeyError in decide"))
    result = preview(undecided)
    assert [(pool.pool, pool.reason) for pool in result.refusals] == [("shop/europe", "undecided")]
    leaving = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0}, service="api")
    of_both = preview(undecided, leaving)
    assert (of_both.refusals, of_both.pending) == ((), ("api/europe",))
    assert [pool.pool for pool in of_both.unchanged] == ["shop/europe"]


def test_pools_without_the_region_and_of_other_services_are_left_out() -> None:
    """The order does not concern them."""
    elsewhere = answers.pool_plan({US: 1.0}, {US: 1.0}, answers.held("frozen", "by bob"))
    other = answers.pool_plan({EU: 1.0}, {EU: 1.0}, answers.held("frozen", "by bob"), service="api")
    assert preview(elsewhere, other, service="shop") == DrainPreview(EU, (), (), ())
    assert preview(other, pool="world") == DrainPreview(EU, (), (), ())


def test_a_wrong_set_up_refuses_only_a_drain_that_moves_nothing() -> None:
    """It keeps what is drained from coming back, and another hold says more about the order."""
    wrong = answers.held("misconfigured", "records are missing")
    leaves = preview(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0}, wrong))
    stays = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, wrong)
    frozen = answers.held("frozen", "by bob")
    both = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, wrong, frozen)
    assert (leaves.pending, leaves.refusals) == (("shop/europe",), ())
    assert [pool.reason for pool in preview(stays).refusals] == ["misconfigured"]
    assert [pool.reason for pool in preview(both).refusals] == ["frozen"]
