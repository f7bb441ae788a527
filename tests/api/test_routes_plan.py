"""Plans: present, previewed and under hypotheses; nothing is stored or written."""

from __future__ import annotations

import pytest

from controller.model.configuration import Settings
from tests.api.serving import QUICK, Api, api

MOMENTS = ("now", "by_itself", "after")


async def test_on_a_calm_day_the_plan_is_empty() -> None:
    """No pool changes or is held, and the text says so; `left_out` counts all pools."""
    async with api() as served:
        answer = await served.get("/v1/plan")

    assert answer.status == 200
    assert answer.body["changes"] == 0
    assert answer.body["text"] == "No change."
    assert (answer.body["plans"], answer.body["left_out"]) == ([], 3)


POOLS = [("shop", "europe"), ("shop", "world"), ("api", "world")]


def pools(plans: list[dict[str, str]]) -> list[tuple[str, str]]:
    """The pools of these plans."""
    return [(one["service"], one["pool"]) for one in plans]


async def test_all_shows_every_pool() -> None:
    """As values and as text; the ETag is the same with and without `all`."""
    async with api() as served:
        brief = await served.get("/v1/plan")
        answer = await served.get("/v1/plan?all=true")

    assert pools(answer.body["plans"]) == pools(answer.body["effects"]["pools"]) == POOLS
    assert answer.body["left_out"] == 0
    assert answer.body["text"].splitlines() == [
        "= shop/europe  stays  eu-west-1 50 %, eu-central-1 50 %",
        "= shop/world   stays  us-east-1 50 %, eu-west-1 25 %, eu-central-1 25 %",
        "= api/world    stays  eu-west-1 100 %, us-east-1 100 %",
        "",
        "No change.",
    ]
    assert answer.headers["ETag"] == brief.headers["ETag"]


def observed(served: Api, pool: str, region: str) -> float | None:
    """The share in the shop's pool by the last cycle."""
    latest = served.controller.reconciliation.latest
    plans = latest.decision.plans if latest else ()
    return next(p.before.get(region) for p in plans if (p.service, p.pool) == ("shop", pool))


DRAIN = {"kind": "drain", "region": "eu-west-1", "service": "shop", "pool": "europe"}


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", "/v1/plan", {"overrides": [DRAIN]}),
        ("POST", "/v1/plan", {"hypotheses": ["drain shop/europe/eu-west-1"]}),
        ("POST", "/v1/overrides?dry_run=true", {**DRAIN, "reason": "INC-42"}),
        ("GET", "/v1/overrides/1/ending", None),
    ],
    ids=["orders", "hypotheses", "dry run", "ending"],
)
async def test_a_preview_shows_pools_that_move_or_are_held_and_counts_the_rest(
    verb: str, path: str, body: dict[str, object] | None
) -> None:
    """One pool moves; all regions are shown, because pools share their capacity."""
    async with api() as served:
        if body is None:
            await served.post("/v1/overrides", json={**DRAIN, "reason": "INC-42"})
            await served.until(lambda: observed(served, "europe", "eu-west-1") == 0)
            brief = await served.get(path)
            full = await served.get(f"{path}?all=true")
        else:
            brief = await served.post(path, json=body)
            full = await served.post(f"{path}{'&' if '?' in path else '?'}all=true", json=body)

    for answer, shown in ((brief, POOLS[:1]), (full, POOLS)):
        assert answer.status == 200
        assert pools(answer.body["plans"]) == pools(answer.body["effects"]["pools"]) == shown
        assert answer.body["left_out"] == len(POOLS) - len(shown)
        assert len(answer.body["effects"]["regions"]) == 5
        assert answer.body["changes"] > 0
    assert "= shop/world" in full.body["text"]
    assert "= shop/world" not in brief.body["text"]


async def test_a_held_pool_is_shown_although_nothing_moves() -> None:
    """With the changes that are held back."""
    async with api() as served:
        await served.post("/v1/overrides", json={"kind": "freeze", "reason": "launch"})
        answer = await served.post("/v1/plan", json={"overrides": [DRAIN]})

    assert (pools(answer.body["plans"]), answer.body["changes"]) == (POOLS[:1], 0)
    assert answer.body["plans"][0]["withheld"]


async def test_several_overrides_are_previewed_together() -> None:
    """Positions are objects, and nothing is stored or written."""
    overrides = [
        {"kind": "failover", "region": "eu-west-1", "service": "shop"},
        {"kind": "drain", "region": "us-east-1", "service": "shop", "ignore_guards": ["capacity"]},
    ]
    async with api() as served:
        answer = await served.post("/v1/plan", json={"overrides": overrides})

        assert served.controller.overrides.active() == ()
        assert served.world.records.writes == []
    changes = [change for plan in answer.body["plans"] for change in plan["changes"]]
    assert answer.body["changes"] == len(changes) > 0
    assert changes[0]["position"] == {"service": "shop", "pool": "europe", "region": "eu-west-1"}
    assert "failover by preview: supposed" in answer.body["text"]


def with_demand(rps: float) -> Settings:
    """The settings with this demand in every pool of the shop."""
    shop = QUICK.services["shop"]
    pools = {name: pool.model_copy(update={"demand_rps": rps}) for name, pool in shop.pools.items()}
    services = {**QUICK.services, "shop": shop.model_copy(update={"pools": pools})}
    return QUICK.model_copy(update={"services": services})


async def test_a_previewed_pin_counts_as_the_newest() -> None:
    """Two pins exceed one region: the active one stays, as it will when the new one is set."""
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


async def test_a_preview_without_overrides_is_the_present_plan() -> None:
    """An empty list is allowed."""
    async with api() as served:
        answer = await served.post("/v1/plan", json={})

    assert answer.body["text"] == "No change."


async def test_an_invalid_preview_is_refused() -> None:
    """By the same checks as for the order itself."""
    overrides = [{"kind": "drain", "region": "eu-west-9"}]
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", json={"overrides": overrides})

    assert answer.status == 422
    assert answer.body["valid_values"] == ["eu-central-1", "eu-west-1", "us-east-1"]


async def test_before_aws_was_read_every_pool_is_held() -> None:
    """The plan shows no guessed shares."""
    async with api(running=False) as served:
        answer = await served.get("/v1/plan")

    assert answer.status == 200
    assert answer.body["text"].endswith("No change; 3 held (not_observed)")


async def test_hypotheses_are_previewed_with_their_effects() -> None:
    """On regions and users, as values and as text; nothing is stored or written."""
    hypotheses = ["eu-west-1 down", "demand europe ×1.5"]
    async with api() as served:
        answer = await served.post("/v1/plan", json={"hypotheses": hypotheses})

        assert served.controller.overrides.active() == ()
        assert served.world.records.writes == []
    assert answer.status == 200
    assert answer.body["changes"] == 3
    assert answer.body["text"].startswith("Supposed\n  eu-west-1 down\n  demand europe ×1.5\n")
    loads = {
        (one["service"], one["region"]): [one["rps"][moment] for moment in MOMENTS]
        for one in answer.body["effects"]["regions"]
    }
    assert loads["shop", "eu-central-1"] == pytest.approx([75, 550 / 3, 550 / 3])
    now, *later = loads["api", "us-east-1"]
    assert now < 80
    assert later == [80.0, 80.0]
    europe = answer.body["effects"]["pools"][0]
    assert europe["by_itself"] == {"eu-central-1": 1.0}


async def test_hypotheses_and_overrides_are_supposed_together() -> None:
    """First the override is supposed, then the hypothesis."""
    failover = {"kind": "failover", "region": "us-east-1", "service": "shop"}
    async with api() as served:
        answer = await served.post(
            "/v1/plan", json={"overrides": [failover], "hypotheses": ["shop/eu-west-1 down"]}
        )

    world = next(p for p in answer.body["plans"] if (p["service"], p["pool"]) == ("shop", "world"))
    assert world["desired"] == {"us-east-1": 0.0, "eu-west-1": 0.0, "eu-central-1": 1.0}


async def test_every_plan_has_its_effects() -> None:
    """Also a plan without changes."""
    async with api() as served:
        answer = await served.get("/v1/plan?all=true")

    assert len(answer.body["effects"]["pools"]) == 3
    assert len(answer.body["effects"]["regions"]) == 5


@pytest.mark.parametrize(
    ("hypothesis", "detail", "valid"),
    [
        ("eu-west-9 down", "no region is named 'eu-west-9'", "eu-west-1"),
        ("demand asia ×2", "no pool is named 'asia'", "europe"),
        ("rain", "'rain' is no hypothesis; allowed are, for example", "drain eu-west-1"),
    ],
)
async def test_an_invalid_hypothesis_is_refused(hypothesis: str, detail: str, valid: str) -> None:
    """The error names what is allowed."""
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", json={"hypotheses": [hypothesis]})

    assert (answer.status, answer.body["field"]) == (422, "hypotheses.0")
    assert detail in answer.body["detail"]
    assert valid in answer.body["valid_values"]


async def test_every_single_failure_is_an_item() -> None:
    """As values and as a text table."""
    async with api() as served:
        answer = await served.get("/v1/plan/failures")

    lost = [(one["service"], one["region"]) for one in answer.body["items"]]
    assert lost == [
        ("shop", "eu-west-1"),
        ("shop", "eu-central-1"),
        ("shop", "us-east-1"),
        ("api", "eu-west-1"),
        ("api", "us-east-1"),
    ]
    first = answer.body["items"][0]
    assert (first["overloaded"], first["lawful"], first["held"]) == (False, True, [])
    assert set(first["takes_over"]) == {"eu-central-1", "us-east-1"}
    assert len(answer.body["text"].splitlines()) == 6


async def test_an_invalid_planned_override_is_named_by_its_index() -> None:
    """With the key, the value found and what is allowed."""
    overrides = [{"kind": "drain", "region": "eu-west-1"}, {"kind": "drain", "region": "eu-west-9"}]
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", json={"overrides": overrides})

    assert (answer.status, answer.body["field"]) == (422, "overrides.1.region")
    assert answer.body["detail"] == "no region is named 'eu-west-9'"
    assert "eu-west-1" in answer.body["valid_values"]
