"""Reported figures: one for each place that settings name, and no others."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.active_settings import ActiveSettings
from controller.loops.reports.figures import ReportedFigures
from controller.model.configuration import Settings
from controller.model.figures import NO_FIGURES, Figure
from controller.model.levers import Position
from tests.fakes.clock import FakeClock
from tests.loops.small import EAST, WEST, small, weighted

pytestmark = pytest.mark.looptime


def near(*regions: str, pool: str = "world") -> Settings:
    """A service whose one pool knows the distance to these regions."""
    service = weighted()
    service["pools"] = {
        pool: {
            "geographies": ["default"],
            "regions": list(regions),
            "demand_rps": 10.0,
            "latency_ms": dict.fromkeys(regions, 20.0),
        }
    }
    return small(services={"shop": service})


async def test_the_last_report_of_a_place_stands_with_its_time() -> None:
    """Any number of reports make one figure."""
    figures = ReportedFigures(ActiveSettings(near(WEST, EAST)), FakeClock())
    for rps in (100.0, 120.0):
        figures.report_demand("shop", "world", rps)
        figures.report_latency(Position("shop", "world", WEST), rps / 10)
        await asyncio.sleep(5)
    found = figures.read()

    assert found.demand_rps == {("shop", "world"): Figure(120, 5)}
    assert found.latency_ms == {("shop", "world", WEST): Figure(12, 5)}


async def test_what_was_read_does_not_change_afterwards() -> None:
    """A decision looks at one moment."""
    figures = ReportedFigures(ActiveSettings(small()), FakeClock())
    before = figures.read()
    figures.report_demand("shop", "world", 100)

    assert before == NO_FIGURES
    assert figures.read() != NO_FIGURES


@pytest.mark.parametrize(
    ("settings", "demand", "latency"),
    [
        (near(WEST, EAST), 1, 2),
        (near(WEST), 1, 1),
        (small(), 1, 0),  # the pool is placed by shares now
        (near(WEST, EAST, pool="everybody"), 0, 0),
        (small(services={"other": weighted()}), 0, 0),
    ],
)
async def test_a_reload_forgets_what_is_no_longer_named(
    settings: Settings, demand: int, latency: int
) -> None:
    """And keeps the rest."""
    active_settings = ActiveSettings(near(WEST, EAST))
    figures = ReportedFigures(active_settings, FakeClock())
    figures.report_demand("shop", "world", 100)
    for region in (WEST, EAST):
        figures.report_latency(Position("shop", "world", region), 30)
    active_settings.swap(settings)
    figures.apply_settings()
    found = figures.read()

    assert (len(found.demand_rps), len(found.latency_ms)) == (demand, latency)
