"""Why a region has its share: now, at an earlier time, and between two decisions."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.api.serving import Answer, Api, api

TEXT = {"Accept": "text/plain"}


async def asked(served: Api, at: datetime | None = None, region: str | None = None) -> Answer:
    query = {"at": at.isoformat() if at else None, "region": region}
    params = {key: value for key, value in query.items() if value}
    return await served.get("/v1/why", params=params)


async def times(served: Api) -> list[datetime]:
    """When decisions were made, the oldest first."""
    items = (await served.get("/v1/decisions?limit=500")).body["items"]
    return [datetime.fromisoformat(item["at"]) for item in reversed(items)]


async def test_a_healthy_region_is_explained() -> None:
    """With the newest decision that concerns it."""
    async with api() as served:
        answer = await asked(served, region="eu-west-1")

    accounts = {(one["service"], one["pool"]): one for one in answer.body["accounts"]}
    assert list(accounts) == [("shop", "europe"), ("shop", "world"), ("api", "world")]
    assert accounts["shop", "europe"]["share"] == 0.5
    assert accounts["shop", "europe"]["because"] == [
        "that is its configured share, and it has room for it"
    ]
    assert answer.body["text"].startswith("shop/eu-west-1 (Dublin, Ireland) is up: ")
    assert answer.body["decision"]["id"] <= answer.body["in_force"]


async def test_text_is_the_same_in_json_and_plain_text() -> None:
    """Both come from one renderer."""
    async with api() as served:
        await served.fail("eu-west-1")
        values = await asked(served, region="us-east-1")
        words = await served.get("/v1/why?region=us-east-1", headers=TEXT)

    assert values.body["text"].splitlines()[0] == words.text.splitlines()[0]
    assert values.body["text"].partition("\nDecision ")[2]
    assert f"Decision {values.body['decision']['id']}  " in values.body["text"]


async def test_an_earlier_time_is_explained_by_its_own_decision() -> None:
    """Between two decisions the first one is active."""
    async with api() as served:
        calm = (await times(served))[-1]
        await served.fail("eu-west-1")
        before = await asked(served, at=calm + timedelta(microseconds=999), region="eu-west-1")
        now = await asked(served, region="eu-west-1")

    shares = [one["share"] for one in before.body["accounts"]]
    assert shares == [0.5, 0.25, 1.0]
    assert {one["verdict"] for one in before.body["accounts"]} == {"up"}
    assert (
        f"nothing had changed since decision {before.body['in_force']}, 0 s before"
        in (before.body["text"])
    )
    assert "Held then" in before.body["text"]
    assert [one["share"] for one in now.body["accounts"]] == [0, 0, 0]
    assert now.body["decision"]["id"] > before.body["in_force"]


async def test_without_a_region_the_split_of_that_time_is_shown() -> None:
    """With the decision that was active."""
    async with api() as served:
        calm = (await times(served))[-1]
        answer = await asked(served, at=calm + timedelta(microseconds=999))

    assert answer.body["accounts"] == []
    assert answer.body["decision"]["id"] == answer.body["in_force"]
    assert "shop/europe  eu-west-1 50 %, eu-central-1 50 %" in answer.body["text"]


async def test_without_a_snapshot_only_the_record_is_shown() -> None:
    """The accounts are empty."""
    async with api() as served:
        at = (await times(served))[-1] + timedelta(microseconds=999)
        served.world.store._evidence.clear()
        answer = await asked(served, at=at, region="eu-west-1")

    assert answer.status == 200
    assert answer.body["accounts"] == []
    assert "nothing had changed since decision" in answer.body["text"]


async def test_before_the_first_cycle_there_is_no_record() -> None:
    """The text says so."""
    async with api(running=False) as served:
        answer = await asked(served, region="eu-west-1")

    assert answer.body["in_force"] is None
    assert answer.body["text"] == "No decision that concerns eu-west-1 is on record."


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("at=noon", 400, "at must be a time with its offset, as in 2026-06-01T12:00:00Z"),
        ("at=2026-06-01T12:00:00", 400, "at must be a time with its offset"),
        ("at=2126-06-01T12:00:00Z", 400, "at lies in the future"),
        ("at=2020-01-01T00:00:00Z", 404, "no decision is kept of 2020-01-01 00:00:00Z or before"),
        ("region=eu-west-9", 404, "no region is named 'eu-west-9'"),
    ],
)
async def test_invalid_parameters_are_refused(query: str, status: int, detail: str) -> None:
    """The error names what is wrong."""
    async with api() as served:
        answer = await served.get(f"/v1/why?{query}")

    assert answer.status == status
    assert answer.body["detail"].startswith(detail)
