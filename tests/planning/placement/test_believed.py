"""The influence of measured figures by their age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.decision import Snapshot
from controller.model.figures import Figure, Figures
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.planning.placement.believed import (
    Believed,
    BelievedCapacity,
    BelievedFigure,
    believed_capacities,
    believed_demands,
    believed_figures,
    load_rps,
    measured_latencies,
)
from tests.storyboards.player import StoryboardPlayer

WEST, EAST = "eu-west-1", "us-east-1"
WELL = RegionHealth(Verdict.UP, "well")
NOW = 1_000.0


def moment(*commands: str, measured: Figures | None = None) -> Snapshot:
    """A pool of 100 requests/s, 20 ms from one region and 90 ms from the other."""
    player = StoryboardPlayer()
    player.now = NOW
    player.play(f"pool world {WEST}:20 {EAST}:90 demand=100")
    for command in commands:
        player.play(command)
    player._settle()
    snapshot = player.snapshot()
    return snapshot if measured is None else replace(snapshot, figures=measured)


def figures(*commands: str, measured: Figures | None = None, west: RegionHealth = WELL) -> Believed:
    """The figures of two regions."""
    health = {WEST: west, EAST: WELL}
    return believed_figures(moment(*commands, measured=measured), "shop", health)


@pytest.mark.parametrize(("age_s", "demand"), [(0, 300), (300, 200), (600, 150), (1e6, 100)])
def test_an_old_figure_loses_its_influence_by_halves(age_s: float, demand: float) -> None:
    """300 measured, 100 configured; nothing jumps when a source falls silent."""
    measured = Figures(demand_rps={("shop", "world"): Figure(300, NOW - age_s)})

    assert figures(measured=measured).demand_rps["world"] == pytest.approx(demand)


def test_latencies_fade_in_the_same_way() -> None:
    """Region by region."""
    measured = Figures(latency_ms={Position("shop", "world", WEST): Figure(60, NOW - 300)})

    assert figures(measured=measured).latency_ms["world"] == pytest.approx({WEST: 40, EAST: 90})


def test_a_degraded_region_has_less_capacity() -> None:
    """Its usable fraction."""
    gray = replace(WELL, degraded=2, usable=0.5)

    assert figures(f"region {WEST} capacity=400", west=gray).capacity_rps[WEST] == 200


def test_a_region_without_capacity_is_at_the_target_with_its_configured_share() -> None:
    """50 requests/s are its share."""
    found = figures(f"region {WEST} capacity=unknown", "placement target_utilisation=0.8")

    assert found.capacity_rps[WEST] * 0.8 == pytest.approx(50)


def test_load_is_summed_over_pools() -> None:
    """Requests/s, region by region."""
    split = {"a": {WEST: 0.5, EAST: 0.5}, "b": {EAST: 1.0}}

    assert load_rps({"a": 100, "b": 30}, split) == {WEST: 50, EAST: 80}


def test_a_believed_figure_shows_its_parts() -> None:
    """Both figures, the measured one's age and influence."""
    measured = Figures(demand_rps={("shop", "world"): Figure(300, NOW - 300)})

    assert believed_demands(moment(), "shop") == {"world": BelievedFigure(100)}
    [belief] = believed_demands(moment(measured=measured), "shop").values()
    assert belief == BelievedFigure(100, 300, 300, 0.5)
    assert belief.value == 200


def test_only_what_was_measured_differs_from_the_settings() -> None:
    """Figures of a position that the settings do not name, or give no latency for, are ignored."""
    places = [("shop", "world", EAST), ("shop", "world", "ap-south-1"), ("shop", "x", EAST)]
    places.append(("other", "world", EAST))
    measured = Figures(latency_ms={Position(*place): Figure(10, NOW) for place in places})

    found = measured_latencies(moment(measured=measured), "shop")
    assert found == {Position("shop", "world", EAST): BelievedFigure(90, 10, 0, 1)}
    shares = moment(f"pool world {WEST} {EAST} demand=100", measured=measured)
    assert measured_latencies(shares, "shop") == {}


def test_a_figure_from_a_clock_ahead_counts_as_just_measured() -> None:
    """Its influence is never above 1."""
    measured = Figures(demand_rps={("shop", "world"): Figure(300, NOW + 60)})

    assert figures(measured=measured).demand_rps["world"] == 300


def test_a_believed_capacity_shows_its_parts() -> None:
    """The configured capacity, or the one derived from shares, and the usable fraction."""
    snapshot = moment(f"region {WEST} capacity=unknown", f"region {EAST} capacity=400")
    health = {WEST: WELL, EAST: replace(WELL, degraded=2, usable=0.5)}
    found = believed_capacities(snapshot, "shop", health)
    target = snapshot.settings.placement.target_utilisation

    assert found == {
        WEST: BelievedCapacity(None, 50 / target, 1.0),
        EAST: BelievedCapacity(400, 400, 0.5),
    }
    assert found[EAST].value == 200
