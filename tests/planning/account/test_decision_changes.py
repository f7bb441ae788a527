"""What changed between two decisions, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.model.configuration import Settings
from controller.model.decision import Decision, Held, Hold, PoolPlan, Snapshot, WriteResult
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Change, LeverState, Outcome, OutcomeStatus, Position
from controller.model.memory import Memory
from controller.model.overrides import Override, OverrideKind
from controller.planning.account.decision_changes import (
    decision_signature,
    expected_effect,
    has_changed,
    triggers,
    write_outcomes,
)
from controller.planning.account.evidence import Evidence
from tests.loops.small import EAST, WEST, accelerated, small, weighted

WELL = RegionHealth(Verdict.UP, "web: answers in 20 ms")
EVEN = {WEST: 0.5, EAST: 0.5}
STAYS = PoolPlan("shop", "world", EVEN, EVEN, EVEN)
CALM = Decision({"shop": {WEST: WELL, EAST: WELL}}, (STAYS,), {}, Memory())
WHEN = datetime(2026, 6, 1, tzinfo=UTC)
DRAIN = Override(1, OverrideKind.DRAIN, WEST, None, "ann", "INC-42", WHEN, WHEN)
CHANGE = Change(Position("shop", "world", WEST), LeverState(128), LeverState(0))


def told(
    decision: Decision,
    before: Decision | None = CALM,
    overrides: tuple[Override, ...] = (),
    overrides_before: tuple[Override, ...] = (),
) -> tuple[str, ...]:
    return triggers(before, decision, overrides_before, overrides)


def holding(*held: Held, changes: tuple[Change, ...] = ()) -> Decision:
    return replace(CALM, plans=(replace(STAYS, held=held, changes=changes),))


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        (Verdict.UP, None),
        (Verdict.DOWN, "shop/eu-west-1 up → down: refused"),
        (Verdict.UNKNOWN, "shop/eu-west-1 up → unknown: refused"),
    ],
)
def test_a_changed_verdict_is_a_trigger_with_its_evidence(
    verdict: Verdict, line: str | None
) -> None:
    """Another reason for the same verdict is no change."""
    now = replace(CALM, regions={"shop": {WEST: RegionHealth(verdict, "refused"), EAST: WELL}})

    assert told(now) == ((line,) if line else ())


def test_a_changed_usable_capacity_is_a_trigger() -> None:
    """A region that answers badly moves traffic without another verdict."""
    gray = RegionHealth(Verdict.UP, "web: slow", degraded=1, usable=0.75)
    graver = replace(gray, degraded=2, usable=0.5)
    first, then = (replace(CALM, regions={"shop": {WEST: r, EAST: WELL}}) for r in (gray, graver))

    assert told(first) == (
        "shop/eu-west-1 is degraded, 75 % of its capacity is counted on: web: slow",
    )
    assert told(then, first) == (
        "shop/eu-west-1 is degraded, 50 % of its capacity is counted on: web: slow",
    )
    assert told(CALM, then) == ("shop/eu-west-1 is no longer degraded: web: answers in 20 ms",)
    assert told(first, first) == ()
    assert decision_signature(first, ()) != decision_signature(CALM, ())


def test_begin_and_end_of_an_overload_are_triggers() -> None:
    """Not again when only its number changes."""
    full, fuller = (
        replace(CALM, plans=(replace(STAYS, overload_rps=rps),)) for rps in (20.0, 25.0)
    )

    assert told(full) == ("shop/world is overloaded: 20 requests/s more than fit",)
    assert told(fuller, full) == ()
    assert told(CALM, full) == ("shop/world is no longer overloaded",)
    assert (
        decision_signature(fuller, ())
        == decision_signature(full, ())
        != decision_signature(CALM, ())
    )


def test_at_the_start_everything_was_unknown() -> None:
    """So a verdict that is known at once is a trigger, and an unknown one is not."""
    unknown = RegionHealth(Verdict.UNKNOWN, "nobody knows")
    first = replace(CALM, regions={"shop": {WEST: WELL, EAST: unknown}})

    assert told(first, before=None) == ("shop/eu-west-1 unknown → up: web: answers in 20 ms",)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "drain eu-west-1"),
        ({"service": "shop"}, "drain shop/eu-west-1"),
        ({"service": "shop", "pool": "world"}, "drain shop/world/eu-west-1"),
        ({"kind": OverrideKind.PIN, "share": 0.3}, "pin eu-west-1 at 30 %"),
        ({"kind": OverrideKind.FREEZE, "region": None}, "freeze"),
        ({"kind": OverrideKind.FREEZE, "region": None, "service": "shop"}, "freeze shop"),
    ],
)
def test_begin_and_end_of_an_order_are_triggers(change: dict[str, Any], name: str) -> None:
    """By its place and its author."""
    order = replace(DRAIN, **change)

    assert told(CALM, overrides=(order,)) == (f"{name} set by ann: INC-42",)
    assert told(CALM, overrides_before=(order,)) == (f"{name} by ann ended",)
    assert told(CALM, overrides=(order,), overrides_before=(order,)) == ()


def test_drift_is_told_when_it_appears() -> None:
    """Once, not at every cycle."""
    drifting = replace(CALM, drift={CHANGE.position: "weight 128 expected, weight 7 seen"})

    assert told(drifting) == ("drift: weight 128 expected, weight 7 seen",)
    assert told(drifting, before=drifting) == ()
    assert told(CALM, before=drifting) == ()


def test_a_new_hold_is_a_trigger() -> None:
    """By reason and region: another number of seconds is the same hold."""
    one, two = Held(Hold.PANIC, "2 of 3", WEST), Held(Hold.PANIC, "3 of 3", WEST)
    elsewhere = Held(Hold.PANIC, "3 of 3", EAST)

    assert told(holding(one)) == ("shop/world holds (panic): 2 of 3",)
    assert told(holding(two), before=holding(one)) == ()
    assert told(holding(two, elsewhere), before=holding(one)) == (
        "shop/world holds (panic): 3 of 3",
    )


def test_a_step_of_a_ramp_is_its_own_reason() -> None:
    """Waiting for the next step is no news; taking it is, when nothing else is."""
    step = Held(Hold.RAMP_STEP, "next step in 4 s")

    assert told(holding(step)) == ()
    assert told(holding(step, changes=(CHANGE,))) == ("shop/world: next step",)
    assert told(holding(step, changes=(CHANGE,)), overrides=(DRAIN,)) == (
        "drain eu-west-1 set by ann: INC-42",
    )


def test_what_is_sent_once_more_is_no_next_step() -> None:
    """After a write that was refused or got no answer: the same again, not farther."""
    sent = holding(changes=(CHANGE,))
    farther = holding(changes=(replace(CHANGE, after=LeverState(7)),))

    assert told(sent, before=sent) == ("shop/world: wanted again, for AWS does not show it yet",)
    assert told(farther, before=sent) == ("shop/world: next step",)


def test_equal_triggers_are_given_once() -> None:
    """A panic holds each region of a pool for the same reason."""
    held = (Held(Hold.PANIC, "3 of 3", WEST), Held(Hold.PANIC, "3 of 3", EAST))

    assert told(holding(*held)) == ("shop/world holds (panic): 3 of 3",)


def test_what_aws_answered_is_compared_target_by_target() -> None:
    """The wording of an error is no difference."""

    def answer(status: OutcomeStatus, detail: str = "", target: str = "Z1") -> WriteResult:
        return WriteResult("route53", target, (CHANGE,), Outcome(status, detail))

    refused = write_outcomes([answer(OutcomeStatus.REFUSED, "one")])
    assert refused == write_outcomes([answer(OutcomeStatus.REFUSED, "two")])
    assert refused != write_outcomes([answer(OutcomeStatus.APPLIED)])
    assert refused != write_outcomes([answer(OutcomeStatus.REFUSED, target="Z2")])


def test_the_expected_effect_has_the_moves_and_when_users_follow() -> None:
    """By TTL on Route 53; at once for new connections behind an accelerator."""
    settings = small(services={"shop": weighted(ttl_s=60), "api": accelerated()})
    shop = replace(STAYS, after={WEST: 0.0, EAST: 1.0}, changes=(CHANGE,))
    api = replace(shop, service="api", after={WEST: 0.0, EAST: 0.5})

    assert expected_effect(evidence(settings, shop, api)).splitlines() == [
        "shop/world: eu-west-1 50 % → 0 %, us-east-1 50 % → 100 %; "
        "users follow within the TTL of 60 s after INSYNC",
        "api/world: eu-west-1 50 % → 0 %; new connections follow once DEPLOYED",
        "shop/us-east-1: carries 10 requests/s, 1 % of its capacity",
    ]


def test_the_expected_effect_has_the_latency_of_users() -> None:
    """On average over the pool, where the configuration gives latencies."""
    settings = small()
    world = settings.services["shop"].pools["world"]
    world.latency_ms.update({WEST: 20.0, EAST: 90.0})
    shop = replace(STAYS, after={WEST: 0.0, EAST: 1.0}, changes=(CHANGE,))

    [line, _] = expected_effect(evidence(settings, shop)).splitlines()
    assert "us-east-1 50 % → 100 %, then 90 ms away on average; users follow" in line


def test_what_writes_nothing_has_no_effect() -> None:
    """Nothing is expected of it."""
    assert expected_effect(evidence(small(), STAYS)) == ""


def evidence(settings: Settings, *plans: PoolPlan) -> Evidence:
    """A decision with these plans, all regions being well."""
    snapshot = Snapshot(0.0, 0.0, settings, {}, {}, {}, {}, ())
    regions = {
        name: dict.fromkeys(service.regions, RegionHealth(Verdict.UP, "well"))
        for name, service in settings.services.items()
    }
    return Evidence(snapshot, Decision(regions, plans, {}, Memory()))


def test_that_aws_has_what_was_written_is_no_news() -> None:
    """Whole weights are off by up to half a point; the record that wrote them stays the newest."""
    rising = {WEST: 0.25, EAST: 0.75}
    wrote = replace(CALM, plans=(replace(STAYS, after=rising, changes=(CHANGE,)),))
    off = {WEST: 0.2471, EAST: 0.7529}
    read_back = replace(CALM, plans=(replace(STAYS, before=off, desired=off, after=off),))

    assert has_changed(decision_signature(CALM, ()), decision_signature(wrote, ()))
    assert not has_changed(decision_signature(wrote, ()), decision_signature(read_back, ()))


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        ({WEST: 0.49, EAST: 0.51}, ()),
        ({WEST: 0.496, EAST: 0.504}, (CHANGE,)),
        ({WEST: 0.0, EAST: 1.0}, ()),
    ],
)
def test_every_write_and_every_other_split_is_news(
    after: dict[str, float], changes: tuple[Change, ...]
) -> None:
    """However little a write moves."""
    other = replace(CALM, plans=(replace(STAYS, after=after, changes=changes),))
    assert has_changed(decision_signature(CALM, ()), decision_signature(other, ()))


def test_a_little_that_becomes_nothing_is_news() -> None:
    """Zero is not a matter of rounding."""
    little, none = ({WEST: share, EAST: 1 - share} for share in (0.004, 0.0))
    one, other = (replace(CALM, plans=(replace(STAYS, after=a),)) for a in (little, none))
    assert has_changed(decision_signature(one, ()), decision_signature(other, ()))
