"""Load, latency and price: before, by Route 53 itself, after the plan; unknown stays unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.decision import Snapshot
from controller.planning.account.effects import (
    Effects,
    EffectValues,
    PoolEffect,
    RegionEffect,
    effects,
)
from controller.planning.account.evidence import Evidence
from controller.planning.account.what_if import apply_hypotheses
from controller.planning.decision import decide
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

EAST, WEST, CENTRAL = "us-east-1", "eu-west-1", "eu-central-1"
WEIGHTED = (
    f"pool world {EAST} {WEST} {CENTRAL} demand=400",
    f"pool europe {WEST} {CENTRAL} demand=200",
    f"region {EAST} share=2 capacity=600",
    f"region {WEST} capacity=400",
    f"region {CENTRAL} capacity=400",
    "decide",
)
ACCELERATED = (f"pool world {EAST} {WEST} accelerator demand=100", "decide")


def player_of(*lines: str) -> StoryboardPlayer:
    player = StoryboardPlayer()
    for line in lines:
        player.play(line)
    return player


def seen(snapshot: Snapshot, *hypotheses: str) -> Effects:
    supposed = apply_hypotheses(snapshot, hypotheses)
    now = Evidence(snapshot, decide(snapshot))
    return effects(now, Evidence(supposed.snapshot, decide(supposed.snapshot)), supposed.down)


def region(found: Effects, name: str) -> RegionEffect:
    return next(one for one in found.regions if one.region == name)


def pool(found: Effects, name: str = "world") -> PoolEffect:
    return next(one for one in found.pools if one.pool == name)


def rounded(effect: EffectValues) -> list[float | None]:
    values = (effect.now, effect.by_itself, effect.after, effect.wanted)
    return [None if one is None else round(one, 3) for one in values]


def test_route_53_spreads_a_lost_regions_share_before_any_write() -> None:
    """In proportion, pool by pool; then the plan makes it so by weights."""
    found = seen(player_of(*WEIGHTED).snapshot(), f"{WEST} down")

    assert rounded(region(found, EAST).rps) == [200, 266.667, 266.667, 266.667]
    assert rounded(region(found, WEST).rps) == [200, 0, 0, 0]
    assert rounded(region(found, CENTRAL).rps) == [200, 333.333, 333.333, 333.333]
    assert rounded(region(found, CENTRAL).utilisation) == [0.5, 0.833, 0.833, 0.833]


def test_a_plan_corrects_what_route_53_would_overload() -> None:
    """What it does by itself knows no capacity."""
    found = seen(player_of(*WEIGHTED).snapshot(), f"{WEST} down", "demand europe ×1.6")

    now, by_itself, after, _ = rounded(region(found, CENTRAL).utilisation)
    assert (now, by_itself) == (0.5, 1.133)
    assert after is not None
    assert after <= 1.0
    carried = [region(found, name).rps.after for name in (EAST, WEST, CENTRAL)]
    assert sum(one for one in carried if one is not None) == pytest.approx(400 + 320)


def test_demand_before_the_hypothesis_is_what_it_is_now() -> None:
    """Only the later moments are supposed."""
    found = seen(player_of(*WEIGHTED).snapshot(), "demand ×1.5")
    assert rounded(region(found, EAST).rps) == [200, 300, 300, 300]


def test_what_is_held_leaves_users_to_route_53() -> None:
    """A plan that is not written brings no user back to a region that fails."""
    snapshot = player_of(*WEIGHTED, "freeze").snapshot()
    found = seen(snapshot, f"{WEST} down")
    assert rounded(region(found, WEST).rps) == [200, 0, 0, 0]


def test_a_ramp_shows_in_the_last_moment_alone() -> None:
    """What is wanted comes later."""
    player = player_of(*WEIGHTED, f"see {WEST}=D", "decide", f"see {WEST}=U")
    back = pool(seen(player.snapshot()), "europe")
    assert back.after == {WEST: 0.25, CENTRAL: 0.75}
    assert back.wanted == {WEST: 0.5, CENTRAL: 0.5}


def test_when_no_region_is_healthy_route_53_answers_as_if_all_were() -> None:
    """Every user gets an answer."""
    lost = (f"{WEST} down", f"{CENTRAL} down")
    assert pool(seen(player_of(*WEIGHTED).snapshot(), *lost), "europe").by_itself == {
        WEST: 0.5,
        CENTRAL: 0.5,
    }


def test_latency_and_price_are_means_over_users() -> None:
    """They change as users move."""
    player = player_of(*WEIGHTED)
    player.pools["europe"]["latency_ms"] = {WEST: 20.0, CENTRAL: 40.0}
    player.catalogue[CENTRAL] = {"egress_usd_per_gb": 0.19}
    europe = pool(seen(player.snapshot(), f"{WEST} down"), "europe")

    assert rounded(europe.latency_ms)[:3] == [30, 40, 40]
    assert rounded(europe.egress_usd_per_gb)[:3] == [0.14, 0.19, 0.19]


def test_unknown_values_are_none() -> None:
    """Latencies, capacities and splits; what can be known still is."""
    player = player_of(*WEIGHTED)
    del player.regions[WEST]["capacity_rps"]
    found = seen(player.snapshot())

    assert rounded(pool(found).latency_ms) == [None] * 4
    assert region(found, WEST).capacity_rps is None
    assert rounded(region(found, WEST).utilisation) == [None] * 4
    assert rounded(region(found, WEST).rps) == [200] * 4


def test_behind_an_accelerator_the_flow_is_as_modelled() -> None:
    """By nearness while both are open, and all users where only one is left."""
    snapshot = player_of(*ACCELERATED).snapshot()
    near = replace(snapshot, memory=remembers(begun=True, nearest={EAST: 0.7, WEST: 0.3}))
    found = seen(near, f"{WEST} down")
    assert rounded(region(found, EAST).rps) == [70, 100, 100, 100]
    assert rounded(region(found, WEST).rps) == [30, 0, 0, 0]
    assert pool(found).by_itself == {EAST: 1.0, WEST: 0.0}


def test_a_lever_that_was_never_read_has_no_effects() -> None:
    """Nothing is guessed before AWS answered."""
    snapshot = replace(player_of(*WEIGHTED).snapshot(), observed={})
    found = seen(snapshot)
    assert pool(found).now is None
    assert rounded(region(found, EAST).rps) == [None] * 4


def test_only_what_the_service_carries_counts() -> None:
    """Regions of a pool that may not use them get nothing from it."""
    found = seen(player_of(*WEIGHTED).snapshot(), "demand europe ×3")
    assert rounded(region(found, EAST).rps)[:2] == [200, 200]
