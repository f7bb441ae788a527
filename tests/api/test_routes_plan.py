"""Plans: what would happen, without anything happening."""

from __future__ import annotations

from controller.model.configuration import Settings
from tests.api.serving import QUICK, api


async def test_on_a_calm_day_the_plan_is_empty() -> None:
    """Every pool is there, none changes, and the text says so."""
    async with api() as served:
        answer = await served.get("/v1/plan")

    assert answer.status == 200
    assert answer.body["changes"] == 0
    assert answer.body["text"] == "No change."
    assert [(p["service"], p["pool"]) for p in answer.body["plans"]] == [
        ("shop", "europe"),
        ("shop", "world"),
        ("api", "world"),
    ]


async def test_several_overrides_are_previewed_together() -> None:
    """Positions are objects, and nothing is stored or written."""
    overrides = [
        {"kind": "failover", "region": "eu-west-1", "service": "shop"},
        {"kind": "drain", "region": "us-east-1", "service": "shop", "ignore_guards": ["capacity"]},
    ]
    async with api() as served:
        answer = await served.post("/v1/plan", json={"overrides": overrides})

        assert served.house.overrides.active() == ()
        assert served.world.records.writes == []
    changes = [change for plan in answer.body["plans"] for change in plan["changes"]]
    assert answer.body["changes"] == len(changes) > 0
    assert changes[0]["position"] == {"service": "shop", "pool": "europe", "region": "eu-west-1"}
    assert "failover by preview: preview" in answer.body["text"]


def with_demand(rps: float) -> Settings:
    """Every pool of the shop with so many requests/s."""
    shop = QUICK.services["shop"]
    pools = {name: pool.model_copy(update={"demand_rps": rps}) for name, pool in shop.pools.items()}
    services = {**QUICK.services, "shop": shop.model_copy(update={"pools": pools})}
    return QUICK.model_copy(update={"services": services})


async def test_a_pin_is_previewed_as_the_one_that_comes_last() -> None:
    """Two are too much for one region: the one in force stays, as it will when the other is set."""
    first = {"kind": "pin", "region": "eu-west-1", "service": "shop", "pool": "world", "share": 0.8}
    second = {**first, "pool": "europe"}
    async with api(with_demand(200)) as served:
        await served.post("/v1/overrides", json={**first, "reason": "canary"})
        answer = await served.post("/v1/plan", json={"overrides": [second]})

    held = [
        (plan["pool"], one["reason"])
        for plan in answer.body["plans"]
        for one in plan["held"]
        if one["region"] == "eu-west-1"
    ]
    assert held == [("europe", "capacity")]


async def test_a_preview_of_nothing_is_the_plan_as_it_stands() -> None:
    """An empty list is allowed."""
    async with api() as served:
        answer = await served.post("/v1/plan", json={})

    assert answer.body["text"] == "No change."


async def test_a_preview_of_nonsense_is_refused() -> None:
    """The same checks as for the act itself."""
    overrides = [{"kind": "drain", "region": "eu-west-9"}]
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", json={"overrides": overrides})

    assert answer.status == 422
    assert answer.body["valid_values"] == ["eu-central-1", "eu-west-1", "us-east-1"]


async def test_before_aws_was_read_the_plan_says_that_nothing_is_known() -> None:
    """Every pool holds; nothing is guessed."""
    async with api(running=False) as served:
        answer = await served.get("/v1/plan")

    assert answer.status == 200
    assert answer.body["text"].endswith("No change; 3 held (not_observed)")
