"""Route 53's own checks as a second source: in a panic, in calm, and when AWS is silent."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from controller.model.health import Confidence, OpinionSource, Verdict
from controller.model.levers import Position
from controller.model.second_opinions import CheckDefinition, CheckKind
from tests.fakes.methods import Method
from tests.loops.simulated import ZONE, World
from tests.loops.small import events, logged
from tests.loops.test_bounds import sizes

pytestmark = pytest.mark.looptime
WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
LEAF = Position("shop", "europe", WEST)


def check_of(region: str) -> str:
    """The check on a region's leaves in the simulated world."""
    return f"check-{region}"


async def test_a_panic_is_lifted_when_route_53_agrees() -> None:
    """Two of three regions die: nothing moves on our word alone, both leave on two."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(60)
        for region in (WEST, EAST):
            world.kill(region)
            world.checks.fail(check_of(region))
        await asyncio.sleep(15)
        assert world.records.writes == []
        await asyncio.sleep(25)  # three failures ten seconds apart, seen within two seconds each
        latest = controller.reconciliation.latest

    assert world.weights("world") == {WEST: 0, CENTRAL: 64, EAST: 0}
    assert world.weights("europe") == {WEST: 0, CENTRAL: 64}
    assert latest is not None
    seen = latest.decision.regions["shop"][WEST]
    assert (seen.verdict, seen.confidence) == (Verdict.DOWN, Confidence.HIGH)
    assert "Route 53's health checks agree: 3 of 3 Route 53 checkers fail" in seen.why


async def test_a_panic_stays_while_route_53_finds_the_regions_well() -> None:
    """The disagreement is shown."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(60)
        for region in (WEST, EAST):
            world.kill(region)
        await asyncio.sleep(60)
        latest = controller.reconciliation.latest

    assert world.records.writes == []
    assert latest is not None
    seen = latest.decision.regions["shop"][WEST]
    assert [one.source for one in seen.contradictions] == [OpinionSource.HEALTH_CHECKS]
    assert seen.confidence is Confidence.LOW


async def test_checks_that_fail_while_probes_pass_are_shown_and_drain_nothing() -> None:
    """Users are kept away from there; a person has to find out why."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(60)
        world.checks.fail(check_of(WEST))
        await asyncio.sleep(120)
        latest = controller.reconciliation.latest

    assert world.records.writes == []
    assert latest is not None
    seen = latest.decision.regions["shop"][WEST]
    assert (seen.verdict, seen.confidence) == (Verdict.UP, Confidence.LOW)
    assert seen.doubts == (
        "Route 53's health checks say down: 3 of 3 Route 53 checkers fail, "
        "last: Failure: connection refused",
    )


async def test_on_a_calm_day_checks_are_polled_slowly_and_round_robin() -> None:
    """Twice a minute each: the budget of one question a second is for other days."""
    world = World()
    async with world.running():
        await asyncio.sleep(60)
        before = Counter(world.checks.asked)
        await asyncio.sleep(600)
        asked = Counter(world.checks.asked) - before

    assert set(asked) == {check_of(region) for region in (WEST, CENTRAL, EAST)}
    assert all(18 <= times <= 21 for times in asked.values())


async def test_checks_in_question_are_asked_first_and_often() -> None:
    """Those of the region that failed, every two seconds; the others stay round-robin."""
    world = World()
    async with world.running():
        await asyncio.sleep(60)
        before = Counter(world.checks.asked)
        world.kill(WEST)
        await asyncio.sleep(60)
        asked = Counter(world.checks.asked) - before

    assert 25 <= asked[check_of(WEST)] <= 31
    assert asked[check_of(EAST)] <= 3


async def test_a_calculated_check_is_judged_by_its_children() -> None:
    """Route 53 does not answer for it: each child is asked."""
    world = World()
    children = ("endpoint", "signal-a", "signal-b")
    for child in children:
        world.checks.define(child, CheckDefinition(CheckKind.ENDPOINT, 10, 3))
    region_check = CheckDefinition(CheckKind.CALCULATED, children=children, health_threshold=3)
    world.checks.define(check_of(WEST), region_check)
    async with world.running() as controller:
        await asyncio.sleep(60)
        well = controller.health_check_opinions.latest()[LEAF]
        world.checks.fail("signal-b")
        await asyncio.sleep(120)
        ill = controller.health_check_opinions.latest()[LEAF]

    assert (well.verdict, well.detail) == (
        Verdict.UP,
        "3 of 3 child checks healthy, 3 needed",
    )
    assert ill.verdict is Verdict.DOWN
    assert ill.detail.startswith("2 of 3 child checks healthy, 3 needed: 3 of 3 Route 53 checkers")


async def test_an_alarm_check_says_nothing() -> None:
    """CloudWatch alarms and routing controls have no checkers to ask."""
    world = World()
    world.checks.define(check_of(WEST), CheckDefinition(CheckKind.OTHER))
    async with world.running() as controller:
        await asyncio.sleep(60)
        found = controller.health_check_opinions.latest()[LEAF]

    assert found.verdict is Verdict.UNKNOWN
    assert check_of(WEST) not in world.checks.asked


async def test_silence_of_aws_makes_the_checks_unknown_in_time() -> None:
    """What was known grows old; nothing waits for the answer, and it is asked again."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(60)
        world.checks.trouble.unavailable = True
        world.kill(WEST)
        await asyncio.sleep(5)
        assert world.weights("world")[WEST] == 0  # a single failure needs no second source
        await asyncio.sleep(90)
        latest = controller.reconciliation.latest
        assert latest is not None
        assert latest.decision.regions["shop"][CENTRAL].sources == ()
        world.checks.trouble.unavailable = False
        await asyncio.sleep(60)
        latest = controller.reconciliation.latest

    assert latest is not None
    sources = latest.decision.regions["shop"][CENTRAL].sources
    assert [one.verdict for one in sources] == [Verdict.UP]


async def test_checks_that_no_leaf_has_any_more_are_forgotten() -> None:
    """Checks are replaced all day long; the children of a calculated one, too."""
    world = World()
    async with world.running() as controller:
        for number in range(15):
            child, check = f"child-{number}", f"calculated-{number}"
            world.checks.define(child, CheckDefinition(CheckKind.ENDPOINT, 10, 3))
            definition = CheckDefinition(
                CheckKind.CALCULATED, children=(child,), health_threshold=1
            )
            world.checks.define(check, definition)
            for leaf in world.records.stored(ZONE):
                world.records.put(ZONE, replace(leaf, health_check_id=check))
            await asyncio.sleep(60)
        kept = {
            name: size
            for name, size in sizes(controller)
            if name.startswith(".health_check_opinions.")
        }

    assert len(kept) > 3, "the walk has lost its way"
    assert {name: size for name, size in kept.items() if size > 8} == {}


UNEXPECTED = {
    "nested": {
        "outer": CheckDefinition(CheckKind.CALCULATED, children=("inner",), health_threshold=1),
        "inner": CheckDefinition(
            CheckKind.CALCULATED, children=(check_of(WEST),), health_threshold=1
        ),
    },
    "of itself": {
        "outer": CheckDefinition(CheckKind.CALCULATED, children=("outer",), health_threshold=1)
    },
    "without children": {"outer": CheckDefinition(CheckKind.CALCULATED, health_threshold=1)},
    "that counts nothing": {
        "outer": CheckDefinition(CheckKind.CALCULATED, children=(check_of(WEST),))
    },
    "of a child that is gone": {
        "outer": CheckDefinition(CheckKind.CALCULATED, children=("gone",), health_threshold=1)
    },
    "without an interval": {"outer": CheckDefinition(CheckKind.ENDPOINT, 0, 0)},
}


def wrap(world: World, pool: str, check_id: str) -> None:
    """The check on the leaves of a pool in eu-west-1 becomes another."""
    for leaf in world.records.stored(ZONE):
        if leaf.set_identifier == WEST and leaf.name.startswith(f"{pool}."):
            world.records.put(ZONE, replace(leaf, health_check_id=check_id))


@pytest.mark.parametrize("shape", UNEXPECTED)
async def test_a_check_that_is_not_as_aws_documents_it_is_unknown(shape: str) -> None:
    """Whatever it is made of, the loop goes on, and the other checks are asked."""
    world = World()
    for check_id, definition in UNEXPECTED[shape].items():
        world.checks.define(check_id, definition)
    async with world.running() as controller:
        await asyncio.sleep(60)
        wrap(world, "europe", "outer")
        await asyncio.sleep(60)
        world.checks.asked.clear()
        await asyncio.sleep(60)
        opinion = controller.health_check_opinions.latest().get(LEAF)
        assert controller.supervision.failing == {}

    if shape in ("that counts nothing", "without an interval"):
        assert opinion is not None  # by AWS's rule the first is always healthy
    else:
        assert opinion is None or opinion.verdict is Verdict.UNKNOWN
    assert check_of(EAST) in world.checks.asked


async def test_a_check_that_becomes_another_check_s_child_at_run_time() -> None:
    """One pool's leaf has the calculated check already; then the other's gets it, too."""
    world = World()
    around = CheckDefinition(CheckKind.CALCULATED, children=(check_of(WEST),), health_threshold=1)
    world.checks.define("around", around)
    wrap(world, "europe", "around")
    async with world.running() as controller:
        await asyncio.sleep(60)
        world.checks.fail(check_of(WEST))
        await asyncio.sleep(60)
        wrap(world, "world", "around")
        await asyncio.sleep(60)
        assert controller.supervision.failing == {}
        opinions = controller.health_check_opinions.latest()

    assert opinions[LEAF].verdict is Verdict.DOWN
    assert opinions[LEAF._replace(pool="world")].verdict is Verdict.DOWN


async def test_a_check_id_that_becomes_another_kind_of_check_is_read_anew() -> None:
    """At once, and not when its definition is five minutes old."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(60)
        again = CheckDefinition(CheckKind.CALCULATED, children=("other",), health_threshold=1)
        world.checks.define(check_of(WEST), again)
        world.checks.define("other", CheckDefinition(CheckKind.ENDPOINT, 10, 3))
        world.checks.fail("other")
        await asyncio.sleep(120)
        opinion = controller.health_check_opinions.latest()[LEAF]

    assert opinion.verdict is Verdict.DOWN
    assert opinion.detail.startswith("0 of 1 child checks healthy")


@pytest.mark.parametrize("answer", [None, 7, ("not a report",), "text"])
async def test_what_a_check_answers_may_be_anything(answer: object) -> None:
    """Its opinion is unknown, the log says why once, no other check is concerned."""
    world = World()
    original = world.checks.reports

    async def reports(check_id: str) -> Any:
        return answer if check_id == check_of(WEST) else await original(check_id)

    async with world.running() as controller:
        await asyncio.sleep(60)
        Method(original).replace(reports)
        with logged() as lines:
            await asyncio.sleep(120)
        opinions = controller.health_check_opinions.latest()
        assert controller.supervision.failing == {}

    assert opinions[LEAF].verdict is Verdict.UNKNOWN
    assert opinions[LEAF].detail.startswith("its health check is not understood: ")
    assert events(lines).count("health_check_not_understood") == 1
    assert opinions[Position("shop", "world", EAST)].verdict is Verdict.UP
