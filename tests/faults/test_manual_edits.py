"""Manual edits of the zone, over a real socket: held, kept or corrected, never fought."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.decision import Hold
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.faults.steered import CALM, DEAD, REGIONS, Steered, guards, settings, steering, until

LEAF = {"record": "europe.shop.faults.test.", "set_identifier": DEAD}


def policy(name: str, hold_s: float = 1.0) -> dict[str, object]:
    """Guards with this policy towards other people's changes."""
    return guards(drift={"policy": name, "hold_s": hold_s})


pytestmark = pytest.mark.looptime


async def test_hold_waits_says_so_and_then_puts_our_plan_back() -> None:
    """Even on a leaf that the daemon itself has never written."""
    async with steering(settings(guards=policy("hold"))) as steered:
        await steered.aws.faults.add("hand-edit", weight=10, **LEAF)
        await until(lambda: Hold.DRIFT in steered.holds(), "it is held")
        assert steered.drifted() == {f"shop/europe/{DEAD}"}
        assert steered.weights("europe")[DEAD] == 10
        took_s = await until(steered.is_calm, "our plan is put back")
        assert took_s > 0.5
        await until(lambda: steered.drifted() == set(), "nothing is said any more")


async def test_enforce_puts_our_plan_back_at_once() -> None:
    """With the next reading, by the ramp's steps."""
    async with steering(settings(guards=policy("enforce", hold_s=60))) as steered:
        await steered.aws.faults.add("hand-edit", weight=10, **LEAF)
        assert await until(steered.is_calm, "our plan is put back") < 2
        assert steered.writes <= 2


async def test_adopt_keeps_what_was_seen_until_something_else_happens() -> None:
    """No alarm, no write; a region that fails ends it."""
    async with steering(settings(guards=policy("adopt"))) as steered:
        await steered.aws.faults.add("hand-edit", weight=10, **LEAF)
        await until(lambda: Hold.DRIFT in steered.holds(), "it is seen")
        await until(lambda: steered.drifted() == set(), "it is no alarm")
        await asyncio.sleep(2)
        assert steered.writes == 0
        assert steered.weights("europe") == {DEAD: 10, "eu-central-1": CALM}
        steered.kill("eu-central-1")
        await until(lambda: steered.is_out("eu-central-1"), "a dead region leaves")
        steered.heal("eu-central-1")
        await until(lambda: is_even(steered), "and comes back to the configured split")


@pytest.mark.parametrize("name", ["enforce", "hold"])
async def test_two_controllers_are_detected_and_said_and_do_not_fight(name: str) -> None:
    """Two writes are changed back, the third is not made; a dead region leaves all the same."""
    async with steering(settings(guards=policy(name, hold_s=0.3))) as steered:
        await steered.aws.faults.add("other-controller", weight=10, **LEAF)
        await until(lambda: Hold.CONTESTED in steered.holds(), "it is said", within_s=15)
        writes = steered.writes
        latest = steered.controller.reconciliation.latest
        assert latest is not None
        said = [h.detail for p in latest.decision.plans for h in p.held]
        assert any("another controller changes this zone" in text for text in said)
        await asyncio.sleep(3)
        assert steered.writes == writes <= 4
        assert steered.weights("europe")[DEAD] == 10
        steered.kill("eu-central-1")
        await until(lambda: steered.is_out("eu-central-1"), "a dead region leaves")


async def test_a_person_ends_a_contest_by_putting_back_what_we_left() -> None:
    """When the other controller has gone, its value still stands until an operator decides."""
    async with steering(settings(guards=policy("enforce"))) as steered:
        await steered.aws.faults.add("other-controller", weight=10, **LEAF)
        await until(lambda: Hold.CONTESTED in steered.holds(), "it is said", within_s=15)
        await steered.aws.faults.clear()
        await asyncio.sleep(1.5)
        assert steered.weights("europe")[DEAD] == 10
        await steered.aws.faults.add("hand-edit", weight=CALM, **LEAF)
        await until(lambda: Hold.CONTESTED not in steered.holds(), "nothing is contested")


async def test_a_deleted_leaf_is_said_and_not_created_anew() -> None:
    """Its pool is held; a dead region leaves what is left of it, and the others go on."""
    async with steering() as steered:
        await steered.aws.faults.add(
            "delete-record", record="world.shop.faults.test.", set_identifier="us-west-2"
        )
        await until(lambda: is_faulty(steered), "it is said")
        await asyncio.sleep(1)
        assert steered.writes == 0
        assert "us-west-2" not in steered.weights("world")
        steered.kill(DEAD)
        await until(steered.is_out, "a dead region leaves")
        assert "us-west-2" not in steered.weights("world")
        await steered.aws.faults.clear()
        steered.heal(DEAD)
        await until(lambda: is_even(steered), "all is well again")


async def test_an_empty_zone_is_left_empty_and_picked_up_when_it_is_back() -> None:
    """Nothing is created, nothing fails; what died meanwhile leaves as soon as it can."""
    async with steering() as steered:
        await steered.aws.faults.add("empty-zone")
        await until(lambda: is_faulty(steered), "it is said")
        steered.kill(DEAD)
        await asyncio.sleep(1.5)
        assert steered.writes == 0
        assert steered.weights("world") == {}
        await steered.aws.faults.clear()
        await until(steered.is_out, "the dead region is out")
        assert set(steered.weights("world")) == set(REGIONS)


async def test_a_persons_order_does_not_wait_for_drift() -> None:
    """An operator who drains a region sees its users leave, whatever else was edited manually."""
    async with steering(settings(guards=policy("hold", hold_s=60))) as steered:
        await steered.aws.faults.add("hand-edit", weight=10, **LEAF)
        await until(lambda: steered.drifted() != set(), "it is seen")
        order = OverrideRequest(OverrideKind.DRAIN, "ann", "INC-42", 600, "us-west-2")
        await steered.controller.overrides.add(order)
        await until(lambda: steered.is_out("us-west-2"), "the order is obeyed")
        assert steered.weights("europe")[DEAD] == 10


def is_even(steered: Steered) -> bool:
    """Whether all leaves of each pool have equal weights, whatever these are."""
    return all(len(set(steered.weights(pool).values())) == 1 for pool in ("europe", "world"))


def is_faulty(steered: Steered) -> bool:
    """Whether the last cycle saw leaves that are missing."""
    latest = steered.controller.reconciliation.latest
    return latest is not None and bool(latest.snapshot.observed["shop"].faults)
