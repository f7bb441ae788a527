"""Second opinions of Route 53 in the API and in metrics."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import isnan
from typing import Any

from controller.model.configuration import AnswerSettings, Settings
from controller.model.second_opinions import CheckDefinition, CheckKind
from tests.api.serving import QUICK, Api, api
from tests.api.test_routes_status import pool_of, region_of
from tests.loops.simulated import ZONE

DOWN = "Route 53's health checks say down: 3 of 3 Route 53 checkers fail"
STRANGER = "203.0.113.9"
PLACE = {"service": "shop", "pool": "europe", "region": "eu-west-1"}


def asking() -> Settings:
    """Settings with DNS sampling of pool europe and short intervals."""
    answers = AnswerSettings(
        subnets={"country:DE": "192.0.2.0/28"}, interval_s=1, asks=100, settled_after_s=0
    )
    cycle = QUICK.cycle.model_copy(update={"period_s": 0.1})
    return QUICK.model_copy(update={"answers": answers, "cycle": cycle})


async def test_a_contradicted_region_shows_its_sources_and_low_confidence() -> None:
    """Route 53's health checks fail while our probes pass."""
    async with api(asking()) as served:
        served.world.checks.define("ill", CheckDefinition(CheckKind.ENDPOINT, 1, 1))
        served.world.checks.fail("ill")
        for leaf in served.world.records.stored(ZONE):
            if leaf.set_identifier == "eu-west-1":
                served.world.records.put(ZONE, replace(leaf, health_check_id="ill"))
        await served.until(lambda: _sources(served) != ())
        region = region_of(await served.get("/v1/status"), "shop", "europe", "eu-west-1")

    assert (region["verdict"], region["confidence"]) == ("up", "low")
    assert [doubt.partition(",")[0] for doubt in region["doubts"]] == [DOWN]
    assert [(one["source"], one["verdict"]) for one in region["sources"]] == [
        ("health_checks", "down")
    ]
    assert "; but Route 53's health checks say down" in region["why"]


async def test_answered_shares_are_shown_beside_observed_ones() -> None:
    """With the number of answers; a mismatch is a notice, and a metric shows it."""
    async with api(asking()) as served:
        served.world.name_servers.answer("shop.example.test.", "192.0.2.0/28", [STRANGER])
        await served.until(lambda: STRANGER in _elsewhere(served))
        status = await served.get("/v1/status")
        scraped = served.controller.api_dependencies().metrics.registry
        share = scraped.get_sample_value("gtc_region_share_answered_ratio", PLACE)
        elsewhere = scraped.get_sample_value(
            "gtc_region_share_answered_ratio", {**PLACE, "pool": "world"}
        )

    europe = pool_of(status, "shop", "europe")
    assert europe["answers"] > 0
    assert {region["answered"] for region in europe["regions"]} == {0.0}
    assert pool_of(status, "shop", "world")["answers"] == 0
    shop: dict[str, Any] = next(s for s in status.body["services"] if s["name"] == "shop")
    (notice,) = shop["notices"]
    assert "answers lead to none of its weighted records: " in notice
    assert STRANGER in notice
    assert share == 0
    assert elsewhere is not None
    assert isnan(elsewhere)


def _sources(served: Api) -> tuple[object, ...]:
    latest = served.controller.reconciliation.latest
    return latest.decision.regions["shop"]["eu-west-1"].contradictions if latest else ()


def _elsewhere(served: Api) -> Collection[str]:
    """Answered addresses of pool europe that belong to none of its weighted records."""
    latest = served.controller.reconciliation.latest
    answered = latest.snapshot.answered.get(("shop", "europe")) if latest else None
    return answered.elsewhere if answered else ()
