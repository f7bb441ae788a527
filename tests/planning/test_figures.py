"""What measured figures are worth at their age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.figures import Figure, Figures
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.planning.figures import Known, known, load
from tests.storyboards.stage import Stage

WEST, EAST = "eu-west-1", "us-east-1"
WELL = RegionHealth(Verdict.UP, "well")
NOW = 1_000.0


def figures(*commands: str, measured: Figures | None = None, west: RegionHealth = WELL) -> Known:
    """The figures of two regions."""
    stage = Stage()
    stage.now = NOW
    stage.play(f"pool world {WEST}:20 {EAST}:90 demand=100")
    for command in commands:
        stage.play(command)
    stage._settle()
    snapshot = stage.snapshot()
    if measured is not None:
        snapshot = replace(snapshot, figures=measured)
    health = {WEST: west, EAST: WELL}
    return known(snapshot, "shop", health)


@pytest.mark.parametrize(("age_s", "demand"), [(0, 300), (300, 200), (600, 150), (1e6, 100)])
def test_an_old_figure_loses_its_influence_by_halves(age_s: float, demand: float) -> None:
    """300 measured, 100 configured; nothing jumps when a source falls silent."""
    measured = Figures(demand_rps={("shop", "world"): Figure(300, NOW - age_s)})

    assert figures(measured=measured).demand_rps["world"] == pytest.approx(demand)


def test_latencies_are_believed_likewise() -> None:
    """Region by region."""
    measured = Figures(latency_ms={Position("shop", "world", WEST): Figure(60, NOW - 300)})

    assert figures(measured=measured).latency_ms["world"] == pytest.approx({WEST: 40, EAST: 90})


def test_a_degraded_region_has_less_capacity() -> None:
    """By what can be counted on."""
    gray = replace(WELL, degraded=2, usable=0.5)

    assert figures(f"region {WEST} capacity=400", west=gray).capacity_rps[WEST] == 200


def test_a_region_nobody_measured_is_full_with_its_part() -> None:
    """50 requests/s are its part: the target is reached by them."""
    found = figures(f"region {WEST} capacity=unknown", "placement target_utilisation=0.8")

    assert found.capacity_rps[WEST] * 0.8 == pytest.approx(50)


def test_load_adds_up_over_pools() -> None:
    """Requests/s, region by region."""
    split = {"a": {WEST: 0.5, EAST: 0.5}, "b": {EAST: 1.0}}

    assert load({"a": 100, "b": 30}, split) == {WEST: 50, EAST: 80}
