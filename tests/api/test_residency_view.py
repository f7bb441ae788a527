"""Residency in the status and in metrics: proven, leaking, or unknown."""

from __future__ import annotations

from math import isnan

from tests.api.serving import QUICK, Answer, Api, api
from tests.api.test_routes_status import pool_of
from tests.loops.simulated import ZONE
from tests.loops.test_residency import geolocation, stray


def leaks_of(served: Api) -> float:
    registry = served.controller.api_dependencies().metrics.registry
    labels = {"service": "shop", "pool": "europe"}
    value = registry.get_sample_value("gtc_residency_leaks", labels)
    assert value is not None
    return value


def series(served: Api) -> set[tuple[str, str]]:
    return {
        (sample.labels["service"], sample.labels["pool"])
        for family in served.controller.api_dependencies().metrics.registry.collect()
        for sample in family.samples
        if sample.name == "gtc_residency_leaks"
    }


async def leaking(served: Api) -> Answer:
    """The status, once it has the hold."""
    world = served.world
    for country in ("DE", "FR", "IE"):
        world.records.put(ZONE, geolocation(country, "europe"))
    world.records.put(ZONE, stray(world))
    await served.post("/v1/overrides", json={"kind": "freeze", "reason": "wakes the loop"})
    await served.until(lambda: leaks_of(served) > 0)
    return await served.get("/v1/status")


async def test_a_bound_pool_without_leaks_has_an_empty_list_and_an_unbound_one_null() -> None:
    """An empty list is a proof, null is none."""
    async with api() as served:
        status = await served.get("/v1/status")
        assert leaks_of(served) == 0

    assert pool_of(status, "shop", "europe")["leaks"] == []
    assert pool_of(status, "shop", "world")["leaks"] is None


async def test_before_aws_was_read_nothing_is_proven() -> None:
    """Null in the status, NaN in the metric; unbound pools have no series."""
    async with api(running=False) as served:
        status = await served.get("/v1/status")
        assert isnan(leaks_of(served))
        assert series(served) == {("shop", "europe")}

    assert pool_of(status, "shop", "europe")["leaks"] is None


async def test_a_leak_is_shown_with_its_path_and_as_text() -> None:
    """An operator can repair the records with them."""
    async with api(QUICK) as served:
        status = await leaking(served)

    pool = pool_of(status, "shop", "europe")
    (leak,) = pool["leaks"]
    text = leak.pop("text")
    assert leak == {
        "geographies": ["country:DE", "country:FR", "country:IE"],
        "reached": "us-east-1",
        "failed": [],
        "drained": ["eu-central-1", "eu-west-1"],
        "path": [
            "shop.example.test. A country:DE",
            "europe.shop.example.test. A us-east-1",
            "192.0.2.1",
        ],
        "why": "EU users may only be served from eu-west-1, eu-central-1; "
        "a record of weight 0 is a standby, not off",
    }
    assert text.startswith("users of country:DE and 2 more can reach us-east-1 at once")
    assert "residency" in [hold["reason"] for hold in pool["holds"]]
