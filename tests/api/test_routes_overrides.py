"""Overrides: set, listed, previewed, extended, ended, and refused."""

from __future__ import annotations

from typing import Any

import pytest

from controller.model.configuration import RampSettings
from controller.model.decision import GUARD_HOLDS
from controller.model.overrides import OverrideRequest
from tests.api.serving import QUICK, Api, api
from tests.fakes.methods import Method

DRAIN = {"kind": "drain", "region": "eu-west-1", "reason": "INC-42"}


async def test_a_drain_is_answered_and_carried_out() -> None:
    """201 with id, place and defaults; the loop writes the weights."""
    async with api() as served:
        answer = await served.post("/v1/overrides", json={**DRAIN, "author": "ann", "ttl_s": 60})
        await served.until(lambda: served.world.weights("europe")["eu-west-1"] == 0)

    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/overrides/1"
    expires_at, created_at = answer.body.pop("expires_at"), answer.body.pop("created_at")
    assert expires_at > created_at
    assert expires_at.endswith("Z")
    assert answer.headers["ETag"]
    assert 59 < answer.body.pop("remaining_s") <= 60
    assert answer.body == {
        "id": 1,
        "kind": "drain",
        "region": "eu-west-1",
        "service": None,
        "pool": None,
        "share": None,
        "author": "ann (local)",
        "reason": "INC-42",
        "ignore_guards": [],
        "expires_soon": False,
        "void": None,
        "warnings": [],
    }


async def test_an_override_may_name_one_pool() -> None:
    """The region keeps its share in other pools, and the status shows it at this pool."""
    body = {**DRAIN, "service": "shop", "pool": "europe"}
    async with api() as served:
        answer = await served.post("/v1/overrides", json=body)
        await served.until(lambda: served.world.weights("europe")["eu-west-1"] == 0)
        status = await served.get("/v1/status")

        assert served.world.weights("world")["eu-west-1"] != 0
    assert answer.body["pool"] == "europe"
    bound = {
        (service["name"], pool["name"], region["region"])
        for service in status.body["services"]
        for pool in service["pools"]
        for region in pool["regions"]
        if region["override"] is not None
    }
    assert bound == {("shop", "europe", "eu-west-1")}


def pin(share: float, **more: str) -> dict[str, Any]:
    """A pin of eu-west-1."""
    return {"kind": "pin", "region": "eu-west-1", "share": share, "reason": "canary", **more}


async def test_a_pin_is_answered_with_its_share_and_carried_out() -> None:
    """AWS gets the share, and the record explains it by the pin; a newer pin replaces it."""
    settings = QUICK.model_copy(update={"ramp": RampSettings(step_gap_s=0)})
    async with api(settings) as served:
        await served.post("/v1/overrides", json=pin(0.2, service="shop", pool="europe"))
        answer = await served.post("/v1/overrides", json=pin(0.3, service="shop", pool="europe"))
        await served.until(lambda: observed_share(served, "europe", "eu-west-1") == 0.3)
        records = await served.get("/v1/decisions?limit=10")
        listed = await served.get("/v1/overrides")
        audit = await served.get("/v1/audit?limit=10")

    assert answer.status == 201
    assert answer.body["share"] == 0.3
    assert [(one["kind"], one["share"]) for one in listed.body["items"]] == [("pin", 0.3)]
    plans = [plan for record in records.body["items"] for plan in record["plans"]]
    rules = [rule for plan in plans for rule in plan["rules"]]
    assert ("pin", "pinned by local: canary") in {(rule["name"], rule["why"]) for rule in rules}
    assert audit.body["items"][0]["action"] == "override_replaced"


def observed_share(served: Api, pool: str, region: str) -> float:
    """A region's share of its pool at AWS."""
    weights = {name: weight or 0 for name, weight in served.world.weights(pool).items()}
    return round(weights[region] / sum(weights.values()), 2)


async def test_the_status_names_the_override_that_decides_the_share() -> None:
    """A narrower pin outranks a newer wider one; an override that empties outranks both."""
    async with api(running=False) as served:
        for body in (pin(0.3, service="shop", pool="europe"), pin(0.4)):
            await served.post("/v1/overrides", json=body)
        pinned = await orders(served)
        await served.post("/v1/overrides", json={**DRAIN, "service": "api"})
        await served.post("/v1/overrides", json=pin(0.5, service="api"))
        drained = await orders(served)

    assert pinned == {"shop/europe": 1, "shop/world": 2, "api/world": 2}
    assert drained == {"shop/europe": 1, "shop/world": 2, "api/world": 3}


async def orders(served: Api) -> dict[str, int | None]:
    """Pool to the override that the status shows at its eu-west-1."""
    status = (await served.get("/v1/status")).body
    return {
        f"{service['name']}/{pool['name']}": region["override"]
        for service in status["services"]
        for pool in service["pools"]
        for region in pool["regions"]
        if region["region"] == "eu-west-1"
    }


async def test_an_override_is_extended() -> None:
    """PATCH answers the new end; the same request again moves it by the time between."""
    body = {"ttl_s": 7200, "reason": "it goes on", "author": "bob"}
    async with api(running=False) as served:
        added = await served.post("/v1/overrides", json={**DRAIN, "ttl_s": 60})
        answers = [await served.patch(added.headers["Location"], json=body) for _ in range(2)]
        audit = await served.get("/v1/audit?limit=1")

        assert len(served.controller.overrides.active()) == 1
    for answer in answers:
        assert answer.status == 200
        assert answer.body["reason"] == "INC-42"
        assert 7199 < answer.body["remaining_s"] <= 7200
        assert answer.body["expires_at"] > added.body["expires_at"]
    entry = audit.body["items"][0]
    assert (entry["actor"], entry["action"]) == ("bob (local)", "override_extended")
    assert "it goes on" in entry["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/overrides/7", {"ttl_s": 60, "reason": "x"}, 404),
        ("/v1/overrides/1", {"ttl_s": 1e9, "reason": "x"}, 422),
        ("/v1/overrides/1", {"ttl_s": 60, "reason": " "}, 422),
        ("/v1/overrides/1", {"ttl_s": 60}, 422),
    ],
)
async def test_an_invalid_end_is_refused(path: str, body: dict[str, Any], status: int) -> None:
    """By the same rules as for a new override."""
    async with api(running=False) as served:
        await served.post("/v1/overrides", json=DRAIN)
        answer = await served.patch(path, json=body)
        listed = await served.get("/v1/overrides")

    assert answer.status == status
    assert listed.body["items"][0]["remaining_s"] > 14_000


async def test_an_end_that_is_near_is_announced() -> None:
    """In the list and the status, as in the log and the events."""
    limits = QUICK.overrides.model_copy(update={"announce_before_s": 100.0})
    settings = QUICK.model_copy(update={"overrides": limits})
    async with api(settings, running=False) as served:
        for region, ttl_s in (("eu-west-1", 90), ("us-east-1", 900)):
            body = {**DRAIN, "region": region, "ttl_s": ttl_s}
            await served.post("/v1/overrides", json=body)
        status = await served.get("/v1/status")

    assert [o["expires_soon"] for o in status.body["overrides"]] == [True, False]


async def test_author_and_ttl_have_defaults() -> None:
    """A local caller is `local`; without `ttl_s` the configured default applies."""
    async with api(running=False) as served:
        answer = await served.post("/v1/overrides", json=DRAIN)

    assert answer.body["author"] == "local"
    assert answer.body["remaining_s"] == 14_400


async def test_active_overrides_are_listed_and_shown() -> None:
    """The list and the path in Location show the same."""
    async with api(running=False) as served:
        added = await served.post("/v1/overrides", json={"kind": "freeze", "reason": "launch"})
        listed = await served.get("/v1/overrides")
        one = await served.get(added.headers["Location"])

    assert [item["kind"] for item in listed.body["items"]] == ["freeze"]
    assert one.body["id"] == listed.body["items"][0]["id"]
    assert one.body["reason"] == "launch"


async def test_a_preview_stores_nothing_and_shows_what_would_move() -> None:
    """200 with the plan; no override is set and nothing is written."""
    async with api() as served:
        answer = await served.post("/v1/overrides?dry_run=true", json=DRAIN)

        assert answer.status == 200
        assert answer.body["changes"] == 3
        assert "drained by local: INC-42" in answer.body["text"]
        assert served.controller.overrides.active() == ()
        assert served.world.records.writes == []


@pytest.mark.parametrize("path", ["/v1/overrides", "/v1/overrides?dry_run=true", "/v1/plan"])
async def test_a_request_is_checked_once(path: str) -> None:
    """Whether it is carried out or only previewed."""
    planned = {"overrides": [{"kind": "drain", "region": "eu-west-1"}]}
    body = planned if path == "/v1/plan" else DRAIN
    checked: list[OverrideRequest] = []
    async with api(running=False) as served:
        overrides = served.controller.overrides
        original = overrides.check

        def counted(request: OverrideRequest) -> None:
            checked.append(request)
            original(request)

        with Method(overrides.check).replaced(counted):
            answer = await served.post(path, json=body)

    assert answer.status in (200, 201)
    assert [request.region for request in checked] == ["eu-west-1"]


async def test_the_end_of_an_override_answers_the_override() -> None:
    """DELETE answers it, and the audit names the caller."""
    async with api(running=False) as served:
        added = await served.post("/v1/overrides", json=DRAIN)
        ended = await served.delete(f"{added.headers['Location']}?author=bob")
        audit = await served.get("/v1/audit?limit=1")

        assert served.controller.overrides.active() == ()
    assert ended.status == 200
    assert ended.body["id"] == added.body["id"]
    assert ended.body["remaining_s"] == 0
    assert (audit.body["items"][0]["actor"], audit.body["items"][0]["action"]) == (
        "bob (local)",
        "override_withdrawn",
    )


@pytest.mark.parametrize("name", ["7", "0", "seven", "-1", "9" * 40])
async def test_an_unknown_override_gets_404_with_the_active_ids(name: str) -> None:
    """For GET and DELETE."""
    async with api(running=False) as served:
        await served.post("/v1/overrides", json=DRAIN)
        answers = [await verb(f"/v1/overrides/{name}") for verb in (served.get, served.delete)]

    for answer in answers:
        assert answer.status == 404
        assert answer.body["detail"] == f"no override {name} is in force"
        assert answer.body["valid_values"] == ["1"]


@pytest.mark.parametrize(
    ("change", "field", "detail", "valid"),
    [
        (
            {"region": "eu-west-2"},
            "region",
            "no region is named 'eu-west-2'",
            ["eu-central-1", "eu-west-1", "us-east-1"],
        ),
        ({"region": None}, "region", "a drain needs its region", None),
        ({"service": "shp"}, "service", "no service is named 'shp'", ["shop", "api"]),
        ({"ttl_s": 1}, "ttl_s", "ttl_s is 1; allowed are 5 to 604800 s", None),
        ({"reason": "  "}, "reason", "an override needs its reason", None),
        ({"author": " "}, "author", "author: must not be blank", None),
        (
            {"ignore_guards": ["capcity"]},
            "ignore_guards",
            "no guard is named 'capcity'",
            [hold.value for hold in GUARD_HOLDS],
        ),
        ({"kind": "freeze"}, "region", "a freeze has no region", None),
        ({"kind": "pin"}, "share", "a pin needs its share", None),
        ({"share": 0.3}, "share", "a drain has no share", None),
        (
            {"kind": "pin", "share": 0},
            "share",
            "share is 0, which takes the region out: drain it instead",
            None,
        ),
        (
            {"kind": "pin", "share": 30},
            "share",
            "share is 30; allowed is a part above 0 up to 1, such as 0.3 for 30 %",
            None,
        ),
        (
            {"kind": "pin", "share": "30%"},
            "share",
            "share should be a valid number, not the text '30%'",
            None,
        ),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_an_invalid_override_is_refused_with_what_is_valid(
    change: dict[str, Any], field: str, detail: str, valid: list[str] | None, query: str
) -> None:
    """422 names the field; a preview refuses the same orders."""
    async with api(running=False) as served:
        answer = await served.post(f"/v1/overrides{query}", json={**DRAIN, **change})

    assert answer.status == 422
    assert answer.body["field"] == field
    assert answer.body["detail"] == detail
    assert valid is None or answer.body["valid_values"] == valid


async def test_an_author_in_the_query_is_one_short_line() -> None:
    """Logs and terminals show it."""
    async with api(running=False) as served:
        added = await served.post("/v1/overrides", json=DRAIN)
        answer = await served.delete(f"{added.headers['Location']}?author=a%0Ab")

        assert len(served.controller.overrides.active()) == 1
    assert answer.status == 400
    assert answer.body["detail"] == "author must be one line of at most 100 characters"


async def test_an_override_that_cannot_be_stored_is_refused() -> None:
    """503 when the store fails, and no override is active."""
    async with api(running=False) as served:
        served.world.store.unavailable = True
        answer = await served.post("/v1/overrides", json=DRAIN)

        assert answer.status == 503
        assert served.controller.overrides.active() == ()
