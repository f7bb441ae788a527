"""Hypotheses: what is understood, what it changes, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import EndpointId
from controller.model.decision import Decision, Hold, Snapshot
from controller.model.errors import InvalidRequestError
from controller.model.figures import Figure, Figures
from controller.model.health import Verdict
from controller.model.overrides import OverrideKind
from controller.model.second_opinions import Opinion
from controller.planning.account.what_if import EXAMPLES, apply_hypotheses
from controller.planning.decision import decide
from tests.planning.test_properties import players
from tests.storyboards.player import StoryboardPlayer

WORLD = (
    "pool world us-east-1 eu-west-1 eu-central-1 demand=300",
    "pool europe eu-west-1 eu-central-1 demand=200",
    "decide",
)
EAST, WEST, CENTRAL = "us-east-1", "eu-west-1", "eu-central-1"


def calm(*lines: str) -> Snapshot:
    player = StoryboardPlayer()
    for line in (*WORLD, *lines):
        player.play(line)
    return player.snapshot()


def decided(*hypotheses: str, before: tuple[str, ...] = ()) -> Decision:
    return decide(apply_hypotheses(calm(*before), hypotheses).snapshot)


def wanted(decision: Decision, pool: str) -> dict[str, float]:
    plan = next(plan for plan in decision.plans if plan.pool == pool)
    return {region: round(share, 3) for region, share in plan.desired.items() if share}


def test_a_region_supposed_down_is_left_at_once() -> None:
    """In every pool, as an emergency, without waiting for corroboration."""
    decision = decided(f"{WEST} down")
    assert decision.regions["shop"][WEST].verdict is Verdict.DOWN
    assert wanted(decision, "europe") == {CENTRAL: 1.0}
    assert WEST not in wanted(decision, "world")
    assert decision.emergency


@pytest.mark.parametrize("more", [(), ("known-good UUU",), ("known-good UUD",)])
def test_reference_targets_are_supposed_to_answer(more: tuple[str, ...]) -> None:
    """Also those whose last answer is a moment old."""
    snapshot = calm(*more)
    older = replace(
        snapshot,
        now=snapshot.now + 2,
        health={
            vantage: {e: s._replace(last_result_at=snapshot.now) for e, s in states.items()}
            for vantage, states in snapshot.health.items()
        },
    )
    seen = apply_hypotheses(older, [f"{WEST} down"])
    assert decide(seen.snapshot).regions["shop"][WEST].verdict is Verdict.DOWN
    assert seen.down == {("shop", WEST)}


def test_every_vantage_point_agrees() -> None:
    """The one that is not heard of, too."""
    player = StoryboardPlayer()
    for line in ("vantage here there yonder", *WORLD):
        player.play(line)
    snapshot = player.snapshot()
    silent = replace(snapshot, health={"here": snapshot.health["here"]})
    seen = apply_hypotheses(silent, [f"shop/{WEST} down"]).snapshot
    endpoint = EndpointId("shop", WEST, "web")
    assert [states[endpoint].verdict for states in seen.health.values()] == [Verdict.DOWN] * 3


def test_several_regions_supposed_down_at_once_meet_the_panic_rule() -> None:
    """What guards against it shows, rather than a plan that would not be carried out."""
    decision = decided(f"{WEST} down", f"{CENTRAL} down", before=("known-good UUU",))
    assert {held.reason for plan in decision.plans for held in plan.held} >= {Hold.PANIC}
    assert decision.changes == ()


def test_route_53s_own_checks_agree_where_they_are_asked() -> None:
    """Then several regions are believed down, as they would be a little later."""
    snapshot = calm("known-good UUU")
    well = Opinion(Verdict.UP, snapshot.now, "18 of 18 checkers")
    asked = replace(
        snapshot,
        opinions=dict.fromkeys(snapshot.observed["shop"].settings, well),
    )
    seen = apply_hypotheses(asked, [f"{WEST} down", f"{EAST} down"]).snapshot
    assert wanted(decide(seen), "world") == {CENTRAL: 1.0}
    assert {p.region: o.verdict for p, o in seen.opinions.items()}[CENTRAL] is Verdict.UP


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"drain {EAST}", (OverrideKind.DRAIN, None, None, EAST)),
        (f"  drain   {EAST} ", (OverrideKind.DRAIN, None, None, EAST)),
        (f"failover shop/{EAST}", (OverrideKind.FAILOVER, "shop", None, EAST)),
        (f"drain shop/europe/{WEST}", (OverrideKind.DRAIN, "shop", "europe", WEST)),
    ],
)
def test_an_order_can_be_supposed_at_any_place(text: str, place: tuple[object, ...]) -> None:
    """It is one more active override."""
    [order] = apply_hypotheses(calm(), [text]).snapshot.overrides
    assert order.target == place


def test_a_supposed_order_takes_the_place_of_the_one_there() -> None:
    """As it would when given; others stay, and it comes last."""
    snapshot = calm(f"drain {WEST}", f"drain {EAST}")
    orders = apply_hypotheses(snapshot, [f"drain {WEST}"]).snapshot.overrides
    assert [(o.region, o.author) for o in orders] == [(EAST, "ann"), (WEST, "preview")]
    assert orders[1].id > orders[0].id


@pytest.mark.parametrize("sign", ["×", " ×", " × ", " x", " x ", " X", "*", " * "])
def test_a_factor_is_understood_however_it_is_typed(sign: str) -> None:
    """Keyboards differ."""
    seen = apply_hypotheses(calm(), [f"demand europe{sign}1.5"]).snapshot
    pools = seen.settings.services["shop"].pools
    assert (pools["europe"].demand_rps, pools["world"].demand_rps) == (300.0, 300.0)


@pytest.mark.parametrize(
    ("text", "demand"),
    [
        ("demand ×2", {"world": 600.0, "europe": 400.0}),
        ("demand shop/world ×0.5", {"world": 150.0, "europe": 200.0}),
        ("demand world x0", {"world": 0.0, "europe": 200.0}),
    ],
)
def test_demand_changes_where_it_is_said_to(text: str, demand: dict[str, float]) -> None:
    """In one pool, or in all."""
    pools = apply_hypotheses(calm(), [text]).snapshot.settings.services["shop"].pools
    assert {name: pool.demand_rps for name, pool in pools.items()} == demand


def test_measured_demand_changes_with_the_configured_one() -> None:
    """Or a fresh figure would outvote the hypothesis."""
    measured = {("shop", "world"): Figure(100.0, 0.0), ("shop", "europe"): Figure(50.0, 0.0)}
    snapshot = replace(calm(), figures=Figures(demand_rps=measured))
    figures = apply_hypotheses(snapshot, ["demand europe ×3"]).snapshot.figures.demand_rps
    assert [figure.value for figure in figures.values()] == [100.0, 150.0]


def test_less_capacity_makes_a_region_spill() -> None:
    """The others take the rest, as far as they are lawful."""
    decision = decided(f"capacity {CENTRAL} ×0.05")
    assert wanted(decision, "europe")[WEST] > 0.7
    rules = [rule for plan in decision.plans for rule in plan.rules if rule.name == "capacity"]
    assert {rule.region for rule in rules if rule.binding} == {CENTRAL}


def test_hypotheses_add_up() -> None:
    """Each is made of what the ones before it left."""
    seen = apply_hypotheses(
        calm(), [f"{WEST} down", "demand europe ×2", "demand europe ×2", f"drain {EAST}"]
    )
    assert seen.down == {("shop", WEST)}
    assert seen.snapshot.settings.services["shop"].pools["europe"].demand_rps == 800.0
    assert len(seen.snapshot.overrides) == 1


def test_nothing_supposed_changes_nothing() -> None:
    """The very snapshot."""
    snapshot = calm()
    assert apply_hypotheses(snapshot, []).snapshot is snapshot


def test_every_documented_form_is_understood() -> None:
    """The examples are for a service like this one, and each supposes something."""
    snapshot = calm()
    for form in EXAMPLES:
        assert apply_hypotheses(snapshot, [form]).snapshot != snapshot, form


@pytest.mark.parametrize(
    ("text", "message", "valid"),
    [
        ("", "'' is no hypothesis; allowed are, for example", EXAMPLES),
        ("eu-west-1", "'eu-west-1' is no hypothesis", EXAMPLES),
        ("eu-west-1 up", "'eu-west-1 up' is no hypothesis", EXAMPLES),
        ("drain", "'drain' is no hypothesis", EXAMPLES),
        ("drain eu-west-1 now", "'drain eu-west-1 now' is no hypothesis", EXAMPLES),
        ("demand europe", "'demand europe' is no hypothesis", EXAMPLES),
        ("demand europe ×", "'demand europe ×' is no hypothesis", EXAMPLES),
        ("demand europe ×-1", "'demand europe ×-1' is no hypothesis", EXAMPLES),
        ("capacity ×2", "'capacity ×2' is no hypothesis", EXAMPLES),
        ("latency eu-west-1 ×2", "'latency eu-west-1 ×2' is no hypothesis", EXAMPLES),
        ("eu-west-9 down", "no region is named 'eu-west-9'", (CENTRAL, WEST, EAST)),
        ("shp/eu-west-1 down", "no service is named 'shp'", ("shop",)),
        ("demand asia ×2", "no pool is named 'asia'", ("europe", "world")),
        ("demand shp/asia ×2", "no service is named 'shp'", ("shop",)),
        ("capacity eu-west-9 ×2", "no region is named 'eu-west-9'", (CENTRAL, WEST, EAST)),
        ("drain shop/asia/eu-west-1", "no pool is named 'asia'", ("world", "europe")),
        ("drain shop/europe/us-east-1", "no region is named 'us-east-1'", (WEST, CENTRAL)),
        ("drain a/b/c/d", "'a/b/c/d' is no [SERVICE/[POOL/]]REGION", ()),
        ("drain /eu-west-1", "'/eu-west-1' is no [SERVICE/[POOL/]]REGION", ()),
        ("demand europe ×1001", "the factor in 'demand europe ×1001' is above 1000", ()),
        (
            "capacity eu-west-1 ×0",
            "a region without any capacity is down: say so",
            ("eu-west-1 down",),
        ),
    ],
)
def test_what_is_not_understood_is_answered_with_what_is_allowed(
    text: str, message: str, valid: tuple[str, ...]
) -> None:
    """A hypothesis that is only half understood would be answered wrongly."""
    with pytest.raises(InvalidRequestError) as caught:
        apply_hypotheses(calm(), [text])
    assert str(caught.value).startswith(message)
    assert (caught.value.field, caught.value.valid) == ("hypotheses.0", valid)


def test_an_unknown_capacity_has_no_half() -> None:
    """It says so instead of guessing."""
    player = StoryboardPlayer()
    for line in WORLD:
        player.play(line)
    del player.regions[WEST]["capacity_rps"]
    with pytest.raises(InvalidRequestError, match="nobody knows the capacity of shop/eu-west-1"):
        apply_hypotheses(player.snapshot(), [f"capacity {WEST} ×0.5"])


@given(players(), st.data())
def test_any_hypothesis_can_be_decided_on(player: StoryboardPlayer, data: st.DataObject) -> None:
    """Whatever is known besides; and a region supposed down is never called up."""
    player._settle()
    snapshot = player.snapshot()
    region = data.draw(st.sampled_from(sorted(player.regions)))
    decision = decide(apply_hypotheses(snapshot, [f"{region} down", "demand ×2"]).snapshot)
    assert decision.regions["shop"][region].verdict is not Verdict.UP


def test_the_one_that_is_not_understood_is_named() -> None:
    """Of several, by its number."""
    with pytest.raises(InvalidRequestError, match="'asia'") as caught:
        apply_hypotheses(calm(), [f"{WEST} down", "demand asia ×2"])
    assert caught.value.field == "hypotheses.1"
