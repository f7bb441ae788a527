"""What commands read from a plan about a region whose share is to be pinned."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli.daemon.client import ApiReply
from controller.cli.orders.pin_preview import PASSING, PinPreview, pinning
from controller.cli.orders.preview import UnchangedPool
from controller.model.decision import Hold
from tests.cli import answers

EU, US = "eu-west-1", "us-east-1"
SHARE = 0.3
CAPACITY = answers.held("capacity", "it would lack 50 requests/s", EU)
FROZEN = answers.held("frozen", "frozen by bob: deploy")


def pool(
    before: float, desired: float, *held: dict[str, Any], name: str = "europe", **more: str
) -> dict[str, Any]:
    """A plan that takes eu-west-1 from one share to another, in a first step at most."""
    shares = {EU: before, US: 1 - before}
    wanted = {EU: desired, US: 1 - desired}
    return answers.pool_plan(shares, shares, *held, desired=wanted, pool=name, **more)


def found(*plans: dict[str, Any], **place: str) -> PinPreview:
    """What becomes of eu-west-1, pinned at 30 %."""
    plan = ApiReply(answers.plan(*(ApiReply(one) for one in plans)))
    return pinning(plan, {"region": EU, "share": SHARE, **place})


def sorts(result: PinPreview) -> dict[str, object]:
    """What is not empty of it."""
    names = ("there", "pending", "others", "stays")
    return {name: value for name in names if (value := getattr(result, name))}


def test_a_pool_that_has_the_share_is_there() -> None:
    """Weights are whole numbers, so half a point is nothing."""
    assert sorts(found(pool(0.304, SHARE))) == {"there": ("shop/europe",)}


def test_a_pool_on_its_way_is_pending_also_between_two_steps_of_the_ramp() -> None:
    """Nobody has refused anything."""
    step = answers.held("ramp_step", "eu-west-1: next step in 12.0 s")
    assert sorts(found(pool(0.1, SHARE))) == {"pending": ("shop/europe",)}
    assert sorts(found(pool(0.1, SHARE, step))) == {"pending": ("shop/europe",)}


def test_a_pool_whose_guard_refuses_the_pin_stays_as_it_is() -> None:
    """And if all do, that is the answer."""
    result = found(pool(0.5, 0.5, CAPACITY))
    stay = UnchangedPool("shop/europe", "capacity", "it would lack 50 requests/s")
    assert sorts(result) == {"stays": (stay,)}
    assert result.refused == (stay,)


def test_refused_in_one_pool_and_taken_in_another_is_not_refused() -> None:
    """Be it on its way there, or there already."""
    for before in (0.5, SHARE):
        result = found(pool(0.5, 0.5, CAPACITY), pool(before, SHARE, name="world"))
        assert [stay.pool for stay in result.stays] == ["shop/europe"]
        assert result.refused == ()


def test_a_pin_that_was_taken_and_cannot_be_written_is_refused_too() -> None:
    """Whatever holds the whole pool, the planner's newest reason included."""
    for held in (FROZEN, answers.held("structure", "a leaf is missing"), answers.held("new", "")):
        assert [stay.reason for stay in found(pool(0.5, SHARE, held)).refused] == [held["reason"]]


def test_another_orders_refusal_is_not_the_pins() -> None:
    """A drain of the same region that capacity held stands beside a pin that was taken."""
    assert sorts(found(pool(0.5, SHARE, CAPACITY))) == {"pending": ("shop/europe",)}


def test_another_regions_refusal_keeps_nothing_here() -> None:
    """Its pin was too much, this one is not."""
    other = answers.held("capacity", "...", US)
    assert sorts(found(pool(0.5, SHARE, other))) == {"pending": ("shop/europe",)}


@pytest.mark.parametrize("reason", ["unknown_health", "self_isolated", "panic"])
@pytest.mark.parametrize("region", [EU, US])
def test_a_pool_in_doubt_is_waited_for(reason: str, region: str) -> None:
    """It is kept as it is until more is known, whichever of its regions is doubted."""
    result = found(pool(0.5, 0.5, answers.held(reason, "nobody knows", region)))
    assert sorts(result) == {"pending": ("shop/europe",)}
    assert result.refused == ()


def test_a_region_that_is_out_of_service_is_waited_for() -> None:
    """It gets its share when it is back; until then nobody may say that it has it."""
    assert sorts(found(pool(0.0, 0.0))) == {"pending": ("shop/europe",)}


def test_where_other_orders_have_a_say_the_share_they_leave_is_told() -> None:
    """A narrower pin, or pins that are more than the whole."""
    result = found(pool(0.5, 0.7))
    assert sorts(result) == {"others": (("shop/europe", 0.7),)}
    assert result.refused == ()


def test_a_dry_run_holds_everything_and_refuses_nothing() -> None:
    """Whoever rehearses an order must be able to give it."""
    result = found(pool(0.5, SHARE, answers.held("dry_run", "nothing is written")))
    assert [stay.reason for stay in result.stays] == ["dry_run"]
    assert result.refused == ()


def test_a_pool_that_aws_has_not_told_of_is_pending() -> None:
    """Unknown is neither there nor refused."""
    held = answers.held("not_observed", "not yet")
    unread = answers.pool_plan({}, {}, held, desired={})
    assert sorts(found(unread)) == {"pending": ("shop/europe",)}


def test_a_pool_that_cannot_be_decided_about_is_not_pinned() -> None:
    """A mistake in the daemon: an order for such pools alone is refused, not reported as done."""
    held = answers.held("undecided", "KeyError in decide")
    result = found(answers.pool_plan({}, {}, held, desired={}))
    assert [(stay.pool, stay.reason) for stay in result.refused] == [("shop/europe", "undecided")]


def test_a_pin_is_refused_until_the_orders_of_before_the_start_were_read() -> None:
    """As a drain is; no order can be stored meanwhile."""
    held = answers.held("state_unread", "the state file was not read yet")
    result = found(pool(0.5, SHARE, held))
    assert [(stay.pool, stay.reason) for stay in result.refused] == [
        ("shop/europe", "state_unread")
    ]


def test_pools_without_the_region_and_other_places_do_not_count() -> None:
    """The order does not concern them."""
    elsewhere = answers.pool_plan({US: 1.0}, {US: 1.0}, FROZEN, desired={US: 1.0})
    other = pool(0.5, SHARE, service="api")
    assert sorts(found(elsewhere, other, service="shop")) == {}
    assert sorts(found(other, pool="world")) == {}


def test_how_things_stand_is_a_line_for_each_sort_of_pool() -> None:
    """The share where it is, and why it is not elsewhere."""
    result = found(
        pool(SHARE, SHARE),
        pool(SHARE, SHARE, name="asia"),
        pool(0.5, 0.7, name="world"),
        pool(0.5, 0.5, CAPACITY, service="api"),
    )
    assert list(result.lines()) == [
        "eu-west-1 is at 30 % in shop/europe, shop/asia.",
        "eu-west-1 gets 70 % in shop/world, not 30 %: other orders have a say there, see "
        "`gtc overrides`.",
        "eu-west-1 keeps its share in api/europe, held by capacity: it would lack 50 requests/s.",
    ]


@pytest.mark.parametrize("reason", PASSING)
def test_every_hold_that_is_waited_for_is_one_of_the_planners(reason: str) -> None:
    """A name that it does not have would hide a refusal."""
    assert Hold(reason)
