"""Services: their configuration with the health of every endpoint."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from controller.model.health import NotRunCause, ProbeOutcome
from tests.api.serving import QUICK, api


async def test_a_service_is_shown_with_its_endpoints() -> None:
    """Configuration and health together."""
    async with api() as served:
        await served.fail("eu-west-1")
        answer = await served.get("/v1/services/shop")

    assert answer.body["lever"] == {
        "kind": "route53",
        "hosted_zone_id": "Z0SANDBOX0000000001",
        "name": "shop.example.test.",
        "ttl_s": 5.0,
        "weights": {},
    }
    assert answer.body["pools"]["europe"]["residency"] == "EU"
    region = answer.body["regions"]["eu-west-1"]
    assert (
        region.items()
        >= {
            "jurisdiction": "EU",
            "place": "Dublin, Ireland",
            "egress_usd_per_gb": 0.09,
            "capacity_rps": 300.0,
            "verdict": "down",
        }.items()
    )
    endpoint = region["endpoints"]["web"]
    assert (endpoint["verdict"], endpoint["last_failure"]) == ("down", "connection refused")
    assert endpoint["failures"] >= 2
    assert 0 <= endpoint["age_s"] < 5


async def test_all_services_are_listed() -> None:
    """Each kind of lever with its own fields; before the first probe the age is null."""
    async with api(running=False) as served:
        answer = await served.get("/v1/services")

    shop, game = answer.body["items"]
    assert (shop["lever"]["kind"], game["lever"]["kind"]) == ("route53", "accelerator")
    assert game["lever"]["endpoint_weight"] == 128
    assert game["regions"]["us-east-1"]["endpoints"]["tcp"]["age_s"] is None
    assert game["regions"]["us-east-1"]["verdict"] == "unknown"


async def test_an_unknown_service_gets_404_with_the_known_services() -> None:
    """And with the nearest name."""
    async with api(running=False) as served:
        answer = await served.get("/v1/services/shops")

    assert answer.status == 404
    assert answer.body["detail"] == "no service is named 'shops'; did you mean shop?"
    assert answer.body["valid_values"] == ["shop", "api"]


async def test_certificate_days_are_shown_and_secrets_are_not() -> None:
    """Null without a verified certificate; not even the names of headers are shown."""
    data = QUICK.model_dump(mode="json")
    web = data["services"]["shop"]["regions"]["eu-west-1"]["endpoints"]["web"]
    web |= {"probe": "https://127.0.10.1/", "headers": {"Authorization": "env:TOKEN"}}
    async with api(type(QUICK).model_validate(data), running=False) as served:
        before = await served.get("/v1/services/shop")
        ends_at = served.world.clock.wall() + timedelta(days=20)
        probing = served.controller.probing
        served.world.prober.certificate_ends_at = ends_at
        async with asyncio.TaskGroup() as group:
            task = group.create_task(probing.run())
            await served.until(lambda: all(s.successes for s in probing.health.values()))
            task.cancel()
        after = await served.get("/v1/services/shop")

    endpoints = [
        answer.body["regions"]["eu-west-1"]["endpoints"]["web"] for answer in (before, after)
    ]
    assert endpoints[0]["certificate_days_left"] is None
    assert endpoints[1]["certificate_days_left"] == pytest.approx(20, abs=0.01)
    assert "Authorization" not in after.text
    assert "TOKEN" not in after.text


async def test_each_address_of_a_name_is_shown_and_what_could_not_be_asked() -> None:
    """An endpoint with one address has none beside it."""
    async with api() as served:
        world, probing = served.world, served.controller.probing
        (web, *_) = world.probes("eu-west-1")
        world.prober.resolve(web, "192.0.2.1:80", "192.0.2.2:80")
        world.prober.not_run_cause = NotRunCause.PORTS
        world.prober.answer("192.0.2.2:80", ProbeOutcome.COULD_NOT_RUN, "no local port left")
        await served.until(lambda: bool(probing.unasked.now))
        shop, status = await served.get("/v1/services/shop"), await served.get("/v1/status")

    endpoints = {name: region["endpoints"]["web"] for name, region in shop.body["regions"].items()}
    assert endpoints["us-east-1"]["addresses"] == []
    assert endpoints["eu-west-1"]["could_not_run"] is None
    shown = {one["address"]: one for one in endpoints["eu-west-1"]["addresses"]}
    assert shown["192.0.2.1:80"]["could_not_run"] is None
    assert shown["192.0.2.2:80"]["could_not_run"] == "no local port left"
    (lacking,) = status.body["probing"]["could_not_run"]
    assert (lacking["cause"], lacking["subjects"]) == ("ports", 1)
    assert lacking["example"] == "shop/eu-west-1/web at 192.0.2.2:80"
    assert status.body["probing"]["missing_families"] == []
