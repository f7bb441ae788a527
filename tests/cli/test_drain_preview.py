"""What commands read from a plan about a region that is to be emptied."""

from __future__ import annotations

from typing import Any

from controller.cli.daemon.client import ApiReply
from controller.cli.orders.drain_preview import DrainPreview, departure
from controller.cli.orders.preview import UnchangedPool
from tests.cli import answers

EU, US = "eu-west-1", "us-east-1"
CAPACITY = answers.held("capacity", "100 requests/s too many", EU)


def found(
    *plans: dict[str, Any], service: str | None = None, pool: str | None = None
) -> DrainPreview:
    """What becomes of eu-west-1."""
    answer: list[ApiReply] = [ApiReply(plan) for plan in plans]
    order = {"region": EU, "service": service, "pool": pool}
    return departure(ApiReply(answers.plan(*answer)), order)


def test_a_region_leaves_where_the_plan_takes_it_to_nothing() -> None:
    """It still carries something: the order is not yet applied."""
    result = found(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0}))
    assert result == DrainPreview(EU, empty=(), pending=("shop/europe",), stays=())
    assert result.refused == ()


def test_a_region_that_carries_nothing_is_empty() -> None:
    """Then the order is applied."""
    result = found(answers.pool_plan({EU: 0.0, US: 1.0}, {EU: 0.0, US: 1.0}))
    assert result == DrainPreview(EU, empty=("shop/europe",), pending=(), stays=())


def test_a_region_stays_where_a_guard_holds_it() -> None:
    """Refused everywhere is refused."""
    result = found(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, CAPACITY))
    stay = UnchangedPool("shop/europe", "capacity", "100 requests/s too many")
    assert result == DrainPreview(EU, empty=(), pending=(), stays=(stay,))
    assert result.refused == (stay,)


def test_held_in_one_pool_and_leaving_another_is_not_refused() -> None:
    """Part of the way is better than none, and the preview shows both."""
    stays = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, CAPACITY)
    leaves = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0}, pool="world")
    result = found(stays, leaves)
    assert result.pending == ("shop/world",)
    assert result.refused == ()


def test_another_regions_hold_and_a_ramp_step_keep_nothing_here() -> None:
    """Only what can stop this departure counts."""
    other = answers.held("capacity", "…", US)
    step = answers.held("ramp_step", "next step in 3 s")
    result = found(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, other, step))
    assert result.pending == ("shop/europe",)


def test_a_dry_run_keeps_traffic_and_refuses_nothing() -> None:
    """Whoever rehearses an order must be able to give it."""
    dry = answers.held("dry_run", "mode is dry_run: nothing is written")
    result = found(answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, dry))
    assert [stay.reason for stay in result.stays] == ["dry_run"]
    assert result.refused == ()


def test_a_pool_that_aws_has_not_told_of_may_still_be_leaving() -> None:
    """Unknown is neither empty nor refused."""
    result = found(answers.pool_plan({}, {}, answers.held("not_observed", "not yet")))
    assert result.pending == ("shop/europe",)


def test_a_pool_that_cannot_be_decided_about_keeps_its_traffic_and_is_not_reported_as_empty() -> (
    None
):
    """A mistake in the daemon: an order for such pools alone is refused, not reported as done."""
    undecided = answers.pool_plan({}, {}, answers.held("undecided", "KeyError in decide"))
    result = found(undecided)
    assert [(stay.pool, stay.reason) for stay in result.refused] == [("shop/europe", "undecided")]
    leaving = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0}, service="api")
    both = found(undecided, leaving)
    assert (both.refused, both.pending) == ((), ("api/europe",))
    assert [stay.pool for stay in both.stays] == ["shop/europe"]


def test_pools_without_the_region_and_other_services_do_not_count() -> None:
    """The order does not concern them."""
    elsewhere = answers.pool_plan({US: 1.0}, {US: 1.0}, answers.held("frozen", "by bob"))
    other = answers.pool_plan({EU: 1.0}, {EU: 1.0}, answers.held("frozen", "by bob"), service="api")
    assert found(elsewhere, other, service="shop") == DrainPreview(EU, (), (), ())
    assert found(other, pool="world") == DrainPreview(EU, (), (), ())
