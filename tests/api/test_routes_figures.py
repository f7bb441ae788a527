"""Reported figures: accepted, shown with their influence, and used by decisions."""

from __future__ import annotations

from typing import Any

import pytest

from controller.model.configuration import Settings
from controller.model.figures import NO_FIGURES
from tests.api.callers import bearer, guarded
from tests.api.serving import QUICK, Api, api
from tests.api.test_metrics import scraped
from tests.api.test_routes_reload import file

PATH = "/v1/measurements/figures"
DEMAND = {"service": "shop", "pool": "europe", "rps": 90.0}
LATENCY = {"service": "shop", "pool": "europe", "region": "eu-west-1", "ms": 35.0}


def changed(**region: float | None) -> Settings:
    """The settings with latencies in one pool, and these members in the region eu-west-1."""
    data = QUICK.model_dump(mode="json")
    shop = data["services"]["shop"]
    shop["pools"]["europe"]["latency_ms"] = {"eu-west-1": 25.0, "eu-central-1": 20.0}
    shop["regions"]["eu-west-1"] |= region
    return Settings.model_validate(data)


NEAR = changed()
CONFIGURED = NEAR.services["shop"].pools["europe"]
CAPACITY = NEAR.services["shop"].regions["eu-west-1"].capacity_rps


async def believed(served: Api) -> dict[str, Any]:
    """The figures of the service `shop`."""
    answer = await served.get("/v1/figures")
    assert answer.status == 200
    found: dict[str, Any] = answer.body["items"][0]
    assert found["service"] == "shop"
    return found


async def test_before_any_report_the_configuration_is_believed() -> None:
    """Also before the first cycle; a pool without latencies shows none."""
    async with api(NEAR, running=False) as served:
        shop = await believed(served)
        other = (await served.get("/v1/figures")).body["items"][1]

    demand = CONFIGURED.demand_rps
    none = {"measured": None, "age_s": None, "influence": 0.0}
    assert shop["demand_rps"]["europe"] == {"configured": demand, "believed": demand, **none}
    assert shop["latency_ms"]["europe"]["eu-west-1"]["believed"] == 25
    assert shop["capacity_rps"]["eu-west-1"]["believed"] == CAPACITY
    assert other["latency_ms"] == {"world": {}}


async def test_reported_figures_are_believed_at_once_and_steer() -> None:
    """The plan uses the same functions: a demand above all capacity is an overload."""
    async with api(NEAR) as served:
        calm = await served.get("/v1/plan?all=true")
        answer = await served.post(
            PATH, json={"demand": [{**DEMAND, "rps": 5000.0}], "latency": [LATENCY]}
        )
        shop = await believed(served)
        plan = await served.get("/v1/plan?all=true")

    assert (answer.status, answer.text) == (204, "")
    demand = shop["demand_rps"]["europe"]
    assert (demand["configured"], demand["measured"]) == (CONFIGURED.demand_rps, 5000)
    assert demand["influence"] == pytest.approx(1, abs=0.01)
    assert demand["believed"] == pytest.approx(5000, rel=0.01)
    assert shop["latency_ms"]["europe"]["eu-west-1"]["believed"] == pytest.approx(35, abs=0.1)
    over = [max(p["overload_rps"] for p in one.body["plans"]) for one in (calm, plan)]
    assert over[0] == 0
    assert over[1] > 1000


async def test_a_region_without_capacity_shows_what_is_counted_on() -> None:
    """Its capacity is null, here and in `/v1/services`."""
    async with api(changed(capacity_rps=None), running=False) as served:
        shop = await believed(served)
        service = await served.get("/v1/services/shop")

    room = shop["capacity_rps"]["eu-west-1"]
    assert (room["configured"], room["usable"]) == (None, 1.0)
    assert room["counted_on"] == room["believed"] > 0
    assert service.body["regions"]["eu-west-1"]["capacity_rps"] is None


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        (
            {"demand": [DEMAND, {**DEMAND, "service": "shp"}]},
            "demand.1.service",
            "demand.1.service is 'shp'; did you mean shop?",
        ),
        (
            {"demand": [DEMAND], "latency": [{**LATENCY, "pool": "europa"}]},
            "latency.0.pool",
            "latency.0.pool is 'europa'; did you mean europe?",
        ),
        (
            {"demand": [DEMAND], "latency": [{**LATENCY, "region": "us-east-1"}]},
            "latency.0.region",
            "latency.0.region is 'us-east-1'; possible here: eu-west-1, eu-central-1",
        ),
        (
            {"demand": [DEMAND], "latency": [{**LATENCY, "service": "api", "pool": "world"}]},
            "latency.0.pool",
            "latency.0.pool is 'world', which has no latency_ms in the configuration: it is placed "
            "by its regions' shares, and a measured latency would count for nothing",
        ),
        (
            {"demand": [{**DEMAND, "rps": -1}]},
            "demand.0.rps",
            "demand.0.rps should be greater than or equal to 0, not -1",
        ),
        (
            {"demand": [{**DEMAND, "rps": 1e10}]},
            "demand.0.rps",
            "demand.0.rps should be less than or equal to 1000000000, not 10000000000.0",
        ),
        (
            {"latency": [{**LATENCY, "ms": 60_001}]},
            "latency.0.ms",
            "latency.0.ms should be less than or equal to 60000, not 60001",
        ),
    ],
)
async def test_a_report_with_an_error_is_refused_as_a_whole(
    body: dict[str, Any], field: str, detail: str
) -> None:
    """422 names the key and what is allowed; no figure of the report is taken."""
    async with api(NEAR, running=False) as served:
        answer = await served.post(PATH, json=body)
        kept = served.controller.figures.read()

    assert (answer.status, answer.body["field"]) == (422, field)
    assert answer.body["detail"] == detail
    assert kept == NO_FIGURES


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_nan_and_infinity_are_refused(number: str) -> None:
    """Python's JSON parser accepts them; a figure must be finite."""
    text = f'{{"demand": [{{"service": "shop", "pool": "europe", "rps": {number}}}]}}'
    async with api(NEAR, running=False) as served:
        answer = await served.post(PATH, data=text, headers={"Content-Type": "application/json"})
        kept = served.controller.figures.read()

    assert answer.status in (400, 422)
    assert kept == NO_FIGURES


async def test_a_viewer_may_not_report_figures() -> None:
    """They move traffic; a viewer may read them."""
    async with api(guarded(), running=False) as served:
        refused = await served.post(PATH, json={"demand": [DEMAND]}, headers=bearer("viewer"))
        taken = await served.post(PATH, json={"demand": [DEMAND]}, headers=bearer("operator"))
        seen = await served.get("/v1/figures", headers=bearer("viewer"))

    assert (refused.status, taken.status, seen.status) == (403, 204, 200)


async def test_a_report_starts_no_cycle() -> None:
    """The next cycle uses it; reports every second do not cause more cycles."""
    async with api(NEAR) as served:
        before = served.controller.reconciliation.latest
        await served.post(PATH, json={"demand": [{**DEMAND, "rps": CONFIGURED.demand_rps}]})
        assert (await served.get("/livez")).status == 200  # a read would wait for its turn

        assert served.controller.reconciliation.latest is before


async def test_a_reload_drops_figures_of_removed_latencies() -> None:
    """Without a configured latency a measured one has no use."""
    async with api(NEAR, load=file(QUICK)) as served:
        await served.post(PATH, json={"demand": [DEMAND], "latency": [{**LATENCY, "ms": 25.0}]})
        done = await served.post("/v1/reload", json={})
        kept = served.controller.figures.read()

    assert (done.status, done.body["applied"]) == (200, True)
    assert list(kept.demand_rps) == [("shop", "europe")]
    assert kept.latency_ms == {}


async def test_metrics_show_the_believed_figures() -> None:
    """Those of the last cycle."""
    place = {"service": "shop", "pool": "europe"}
    region = {"service": "shop", "region": "eu-west-1"}
    async with api(NEAR) as served:
        value = scraped(served)
        configured = value("gtc_pool_demand_rps", **place)
        await served.post(PATH, json={"demand": [DEMAND]})
        await served.controller.reconciliation.reconcile()

        assert configured == CONFIGURED.demand_rps
        assert value("gtc_pool_demand_rps", **place) == pytest.approx(90, abs=1)
        assert value("gtc_region_capacity_rps", **region) == CAPACITY
