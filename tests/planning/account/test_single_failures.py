"""The table of every region's loss, and what it says in words."""

from __future__ import annotations

from dataclasses import replace

from controller.model.levers import Leak
from controller.planning.account.effects import effects
from controller.planning.account.effects_text import explain_failures, explain_hypotheses
from controller.planning.account.evidence import Evidence
from controller.planning.account.explanation import explain_plan
from controller.planning.account.single_failures import SingleFailure, single_failures
from controller.planning.account.what_if import apply_hypotheses
from controller.planning.decision import decide
from tests.planning.account.test_effects import (
    ACCELERATED,
    CENTRAL,
    EAST,
    WEIGHTED,
    WEST,
    player_of,
)


def failures(*lines: str) -> dict[str, SingleFailure]:
    return {one.region: one for one in single_failures(player_of(*lines).snapshot())}


def test_every_regions_loss_is_a_row() -> None:
    """Who takes over how much, and how full the fullest survivor is then."""
    found = failures(*WEIGHTED)
    lost = found[WEST]

    assert list(found) == [EAST, WEST, CENTRAL]
    assert {region: round(rps or 0) for region, rps in lost.takes_over.items()} == {
        EAST: 67,
        CENTRAL: 133,
    }
    assert lost.worst_region == CENTRAL
    assert round(lost.worst_utilisation or 0, 2) == 0.83
    assert (lost.overloaded, lost.lawful, lost.held) == (False, True, ())


def test_a_loss_that_no_region_can_carry_is_an_overload() -> None:
    """And stays within the lawful regions all the same."""
    lost = failures(*WEIGHTED, f"region {CENTRAL} capacity=150")[WEST]
    assert lost.overloaded
    assert lost.worst_region == CENTRAL
    assert lost.lawful


def test_what_would_hold_it_is_named() -> None:
    """Once each."""
    assert failures(*WEIGHTED, "freeze")[EAST].held == ("frozen",)


def test_a_way_out_of_the_law_that_the_loss_would_open_is_not_lawful() -> None:
    """One that takes another failure besides is not this row's."""
    snapshot = player_of(*WEIGHTED).snapshot()
    leaks = [leak(failed=(WEST,)), leak(failed=(CENTRAL, WEST))]
    observed = replace(snapshot.observed["shop"], leaks={"europe": tuple(leaks)})
    found = single_failures(replace(snapshot, observed={"shop": observed}))

    assert {one.region: one.lawful for one in found} == {EAST: True, WEST: False, CENTRAL: True}


def test_a_way_out_that_needs_no_failure_is_open_whatever_is_lost() -> None:
    """An unlawful record answers while it has weight; it might be at 0, but that proves nothing."""
    snapshot = player_of(*WEIGHTED).snapshot()
    stray = leak(failed=(), drained=(CENTRAL, WEST))
    observed = replace(snapshot.observed["shop"], leaks={"europe": (stray,)})
    found = single_failures(replace(snapshot, observed={"shop": observed}))

    assert not any(one.lawful for one in found)


def leak(failed: tuple[str, ...], drained: tuple[str, ...] = ()) -> Leak:
    """A way that leads pool `europe` to the United States."""
    return Leak("shop", "europe", ("country:DE",), EAST, failed, drained, ("a", "b"), "falls out")


def test_the_last_region_of_a_pool_keeps_its_users() -> None:
    """No other region may serve them."""
    pools = ("pool world eu-west-1 us-east-1 demand=10", "pool europe eu-west-1", "decide")
    lost = failures(*pools)[WEST]
    assert (lost.takes_over, lost.held, lost.lawful) == ({EAST: 5.0}, ("last_region",), True)


def test_behind_an_accelerator_the_only_survivor_takes_all_users() -> None:
    """As modelled: half of them were there already."""
    lost = failures(*ACCELERATED)[WEST]
    assert lost.takes_over == {EAST: 50.0}
    assert lost.worst_utilisation == 0.1


def test_the_table_has_one_line_for_each() -> None:
    """With units, and plain words for yes and no."""
    text = explain_failures(single_failures(player_of(*WEIGHTED).snapshot()))
    assert text == (
        "LOST               TAKES OVER                             FULLEST SURVIVOR  OVERLOADED"
        "  LAWFUL  HELD\n"
        "shop/us-east-1     eu-west-1 +100/s, eu-central-1 +100/s  eu-west-1 75%     no        "
        "  yes     -\n"
        "shop/eu-west-1     us-east-1 +67/s, eu-central-1 +133/s   eu-central-1 83%  no        "
        "  yes     -\n"
        "shop/eu-central-1  us-east-1 +67/s, eu-west-1 +133/s      eu-west-1 83%     no        "
        "  yes     -"
    )


def test_a_hypothesis_is_shown_from_what_aws_does_to_what_binds() -> None:
    """Section by section; unknown is said where it is so."""
    stage = player_of(*WEIGHTED)
    stage.pools["europe"]["latency_ms"] = {WEST: 20.0, CENTRAL: 40.0}
    snapshot = stage.snapshot()
    supposed = apply_hypotheses(snapshot, [f"{WEST} down"])
    then = Evidence(supposed.snapshot, decide(supposed.snapshot))
    seen = effects(Evidence(snapshot, decide(snapshot)), then, supposed.down)

    lines = explain_hypotheses([f"{WEST} down"], then.decision.plans, seen).splitlines()
    why = "web: 3 probes failed within 0.0 s, last: supposed (1 of 1 vantage point)"
    assert lines == [
        "Supposed",
        "  eu-west-1 down",
        "",
        "Before anything is written AWS does by itself",
        "  shop/world   us-east-1 50 % → 66.7 %, eu-west-1 25 % → 0 %, eu-central-1 25 % → 33.3 %",
        "  shop/europe  eu-west-1 50 % → 0 %, eu-central-1 50 % → 100 %",
        "",
        "Plan",
        *(f"  {line}".rstrip() for line in explain_plan(then.decision.plans).splitlines()),
        "",
        "Load",
        "  REGION             CAPACITY  NOW          BY ITSELF    AFTER",
        "  shop/us-east-1     600/s     200/s = 33%  267/s = 44%  267/s = 44%",
        "  shop/eu-west-1     400/s     200/s = 50%  0/s = 0%     0/s = 0%",
        "  shop/eu-central-1  400/s     200/s = 50%  333/s = 83%  333/s = 83%",
        "",
        "Users",
        "  POOL         MEAN          NOW           BY ITSELF     AFTER",
        "  shop/world   latency       unknown       unknown       unknown",
        "  shop/world   egress price  0.090 USD/GB  0.090 USD/GB  0.090 USD/GB",
        "  shop/europe  latency       30 ms         40 ms         40 ms",
        "  shop/europe  egress price  0.090 USD/GB  0.090 USD/GB  0.090 USD/GB",
        "",
        "Limits that bind",
        f"  shop/world   eu-west-1  region_down  {why}",
        f"  shop/europe  eu-west-1  region_down  {why}",
    ]


def test_an_order_leaves_aws_nothing_to_do_by_itself() -> None:
    """No check fails by it; and nothing is known of levers that were never read."""
    told = ("nothing: no health check fails", "unknown: AWS has not said how its levers stand")
    for unread, word in enumerate(told):
        snapshot = player_of(*WEIGHTED).snapshot()
        snapshot = replace(snapshot, observed={}) if unread else snapshot
        supposed = apply_hypotheses(snapshot, [f"drain {WEST}"])
        then = Evidence(supposed.snapshot, decide(supposed.snapshot))
        seen = effects(Evidence(snapshot, decide(snapshot)), then, supposed.down)
        assert word in explain_hypotheses(["x"], then.decision.plans, seen)
