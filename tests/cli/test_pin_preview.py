"""What a pin's preview reads from a plan."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli.daemon.replies import ApiReply
from controller.cli.orders.pin_preview import PASSING_HOLDS, PinPreview, preview_pin
from controller.cli.orders.preview import UnchangedPool, pools_in_scope
from controller.model.decision import Hold
from tests.cli import answers

EU, US = "eu-west-1", "us-east-1"
SHARE = 0.3
CAPACITY = answers.held("capacity", "it would lack 50 requests/s", EU)
FROZEN = answers.held("frozen", "frozen by bob: deploy")


def pool(
    before: float, desired: float, *held: dict[str, Any], name: str = "europe", **scope: str
) -> dict[str, Any]:
    """A plan that moves eu-west-1 from one share to another, its first ramp step not taken yet."""
    shares = {EU: before, US: 1 - before}
    desired_shares = {EU: desired, US: 1 - desired}
    return answers.pool_plan(shares, shares, *held, desired=desired_shares, pool=name, **scope)


def preview(*plans: dict[str, Any], **scope: str) -> PinPreview:
    """The preview of a pin of eu-west-1 at 30 %."""
    plan = ApiReply(answers.plan(*map(ApiReply, plans)))
    order = {"region": EU, "share": SHARE, **scope}
    return preview_pin(order, pools_in_scope(order, plan))


def groups(result: PinPreview) -> dict[str, object]:
    """The groups that have pools, by name."""
    names = ("reached", "pending", "limited", "unchanged")
    return {name: value for name in names if (value := getattr(result, name))}


def test_a_pool_that_has_the_share_has_reached_it() -> None:
    """Weights are whole numbers, so a difference below half a point does not count."""
    assert groups(preview(pool(0.304, SHARE))) == {"reached": ("shop/europe",)}


def test_a_pool_is_pending_while_its_share_ramps_and_between_two_steps() -> None:
    """No hold refuses the pin."""
    step = answers.held("ramp_step", "eu-west-1: next step in 12.0 s")
    assert groups(preview(pool(0.1, SHARE))) == {"pending": ("shop/europe",)}
    assert groups(preview(pool(0.1, SHARE, step))) == {"pending": ("shop/europe",)}


def test_a_pool_whose_guard_refuses_the_pin_is_unchanged() -> None:
    """The order is refused when that is so in all pools."""
    result = preview(pool(0.5, 0.5, CAPACITY))
    unchanged = UnchangedPool("shop/europe", "capacity", "it would lack 50 requests/s")
    assert groups(result) == {"unchanged": (unchanged,)}
    assert result.refusals == (unchanged,)


def test_an_order_refused_in_one_pool_and_planned_in_another_is_not_refused() -> None:
    """Whether the other pool is pending or has reached the share."""
    for before in (0.5, SHARE):
        result = preview(pool(0.5, 0.5, CAPACITY), pool(before, SHARE, name="world"))
        assert [pool.pool for pool in result.unchanged] == ["shop/europe"]
        assert result.refusals == ()


def test_a_planned_pin_that_cannot_be_written_is_refused() -> None:
    """By any hold of the whole pool, also one that this command does not know."""
    for held in (
        FROZEN,
        answers.held("misconfigured", "a leaf is missing"),
        answers.held("new", ""),
    ):
        assert [pool.reason for pool in preview(pool(0.5, SHARE, held)).refusals] == [
            held["reason"]
        ]


def test_a_refusal_of_another_order_does_not_refuse_the_pin() -> None:
    """The capacity guard holds a drain of the same region; the pin is planned."""
    assert groups(preview(pool(0.5, SHARE, CAPACITY))) == {"pending": ("shop/europe",)}


def test_a_refusal_of_another_region_does_not_refuse_the_pin() -> None:
    """The other region's pin is too large, this one is not."""
    other = answers.held("capacity", "...", US)
    assert groups(preview(pool(0.5, SHARE, other))) == {"pending": ("shop/europe",)}


@pytest.mark.parametrize("reason", ["unknown_health", "self_isolated", "panic"])
@pytest.mark.parametrize("region", [EU, US])
def test_a_pool_held_as_a_whole_is_pending(reason: str, region: str) -> None:
    """The hold ends by itself, whichever region it names."""
    result = preview(pool(0.5, 0.5, answers.held(reason, "nobody knows", region)))
    assert groups(result) == {"pending": ("shop/europe",)}
    assert result.refusals == ()


def test_a_pool_is_pending_while_the_region_is_out_of_service() -> None:
    """The region gets its share when it is back."""
    assert groups(preview(pool(0.0, 0.0))) == {"pending": ("shop/europe",)}


def test_a_pool_limited_by_other_orders_shows_the_share_they_leave() -> None:
    """A pin of a narrower scope, or pins whose sum exceeds 100 %."""
    result = preview(pool(0.5, 0.7))
    assert groups(result) == {"limited": (("shop/europe", 0.7),)}
    assert result.refusals == ()


def test_a_dry_run_holds_every_pool_and_refuses_no_order() -> None:
    """An operator must be able to rehearse an order."""
    result = preview(pool(0.5, SHARE, answers.held("dry_run", "nothing is written")))
    assert [pool.reason for pool in result.unchanged] == ["dry_run"]
    assert result.refusals == ()


def test_a_pool_not_yet_read_from_aws_is_pending() -> None:
    """An unknown share is neither reached nor refused."""
    held = answers.held("not_observed", "not yet")
    unread = answers.pool_plan({}, {}, held, desired={})
    assert groups(preview(unread)) == {"pending": ("shop/europe",)}


def test_an_undecided_pool_refuses_the_pin() -> None:
    """After a defect in the daemon, an order for such pools alone is refused."""
    held = answers.held("undecided", "KeyError in decide")
    result = preview(answers.pool_plan({}, {}, held, desired={}))
    assert [(pool.pool, pool.reason) for pool in result.refusals] == [("shop/europe", "undecided")]


def test_a_pin_is_refused_until_the_state_file_was_read() -> None:
    """No order can be stored until then; a drain is refused, too."""
    held = answers.held("state_unread", "the state file was not read yet")
    result = preview(pool(0.5, SHARE, held))
    assert [(pool.pool, pool.reason) for pool in result.refusals] == [
        ("shop/europe", "state_unread")
    ]


def test_pools_without_the_region_and_out_of_scope_are_left_out() -> None:
    """The order does not concern them."""
    elsewhere = answers.pool_plan({US: 1.0}, {US: 1.0}, FROZEN, desired={US: 1.0})
    other = pool(0.5, SHARE, service="api")
    assert groups(preview(elsewhere, other, service="shop")) == {}
    assert groups(preview(other, pool="world")) == {}


def test_the_result_has_a_line_for_each_group_of_pools() -> None:
    """Where the share is reached, and why it is not elsewhere."""
    result = preview(
        pool(SHARE, SHARE),
        pool(SHARE, SHARE, name="asia"),
        pool(0.5, 0.7, name="world"),
        pool(0.5, 0.5, CAPACITY, service="api"),
    )
    assert list(result.result_lines()) == [
        "eu-west-1 is at 30 % in shop/europe, shop/asia.",
        "eu-west-1 gets 70 % in shop/world, not 30 %: other orders have a say there, see "
        "`gtc overrides`.",
        "eu-west-1 keeps its share in api/europe, held by capacity: it would lack 50 requests/s.",
    ]


@pytest.mark.parametrize("reason", PASSING_HOLDS)
def test_every_passing_hold_is_one_of_the_planners(reason: str) -> None:
    """A misspelt name would turn a pending pool into a refusal."""
    assert Hold(reason)
