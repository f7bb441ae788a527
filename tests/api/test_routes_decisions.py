"""Decision records: pages, by region, as JSON and as text; replay and export."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from controller import __version__
from controller.api.routes import decisions
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord
from controller.planning.account.evidence import import_evidence
from controller.planning.account.explanation import explain_record
from controller.planning.account.replay import replay
from tests.api.callers import bearer, guarded
from tests.api.serving import api
from tests.fakes.clock import NOON
from tests.settings.version_1 import as_version_1

RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, ("a region is down",), {}, (), (), (), "")
TEXT = {"Accept": "text/plain"}


async def test_records_are_paged_newest_first() -> None:
    """Following `next` gives every record once."""
    async with api() as served:
        everything = await served.get("/v1/decisions?limit=500")
        ids = list[int]()
        path: str | None = "/v1/decisions?limit=2"
        while path is not None:
            page = await served.get(path)
            ids += [item["id"] for item in page.body["items"]]
            path = page.body["next"]

    assert everything.body["next"] is None
    assert ids == [item["id"] for item in everything.body["items"]]
    assert ids == sorted(ids, reverse=True)
    assert ids[-1] == 1


@pytest.mark.parametrize("limit", [1, 7, 10, 11, 30, 500])
@pytest.mark.parametrize("most_bytes", [1, 2_000, 10**9])
async def test_a_page_is_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch, limit: int, most_bytes: int
) -> None:
    """It has one record at least; all pages together have every record once."""
    monkeypatch.setattr(decisions, "PAGE_BYTES", most_bytes)
    async with api(running=False) as served:
        for cycle in range(30):
            await served.world.store.add_record(replace(RECORD, cycle=cycle))
        ids = list[int]()
        path: str | None = f"/v1/decisions?limit={limit}"
        while path is not None:
            page = await served.get(path)
            items = page.body["items"]
            assert 1 <= len(items) <= limit
            assert len(items) == 1 or len(json.dumps(items)) <= most_bytes * 1.2
            ids += [item["id"] for item in items]
            path = page.body["next"]
    assert ids == list(range(30, 0, -1))


async def test_latest_with_a_region_is_the_newest_record_that_concerns_it() -> None:
    """By the rule of the store."""
    async with api() as served:
        await served.fail("eu-west-1")
        listed = await served.get("/v1/decisions?region=eu-west-1&limit=1")
        latest = await served.get("/v1/decisions/latest?region=eu-west-1")

    assert latest.status == 200
    newest = listed.body["items"][0]
    for told_later in ("timeline", "measured_effect"):  # it may grow between both questions
        del latest.body[told_later], newest[told_later]
    assert latest.body == newest
    assert "region=eu-west-1" in listed.body["next"]


async def test_a_record_is_encoded_for_clients() -> None:
    """Positions are objects, times end in Z, outcomes are names."""
    async with api() as served:
        await served.fail("eu-west-1")
        listed = await served.get("/v1/decisions?region=eu-west-1")
        wrote = {w["lever"]: item["id"] for item in listed.body["items"] for w in item["written"]}
        one = await served.get(f"/v1/decisions/{wrote['route53']}")

    written = next(w for w in one.body["written"] if w["lever"] == "route53")
    change = written["changes"][0]
    assert change["position"] == {"service": "shop", "pool": "europe", "region": "eu-west-1"}
    assert change["after"] == {"weight": 0, "dial": None}
    assert written["outcome"]["status"] == "applied"
    assert one.body["mode"] == "active"
    assert one.body["at"].endswith("Z")
    assert one.body["regions"]["shop"]["eu-west-1"]["verdict"] == "down"


async def test_a_record_is_text_for_accept_text_plain() -> None:
    """The text of `explanation`; JSON is the default."""
    async with api() as served:
        latest = await served.get("/v1/decisions/latest", headers=TEXT)
        record = await served.world.newest()
        one = await served.get(f"/v1/decisions/{record.id}", headers=TEXT)
        anything = await served.get("/v1/decisions/latest", headers={"Accept": "*/*"})

    assert latest.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert latest.text == one.text == explain_record(record) + "\n"
    assert anything.body["id"] == record.id


async def test_without_any_record_latest_is_404() -> None:
    """No decision has been recorded yet."""
    async with api(running=False) as served:
        latest = await served.get("/v1/decisions/latest")
        of_region = await served.get("/v1/decisions/latest?region=eu-west-1")
        one = await served.get("/v1/decisions/1")
        listed = await served.get("/v1/decisions")

    assert (latest.status, of_region.status, one.status) == (404, 404, 404)
    assert latest.body["detail"] == "no decision has been recorded yet"
    assert of_region.body["detail"] == "no decision that concerns eu-west-1 has been recorded yet"
    assert one.body["detail"] == "no decision 1 is kept; none has been recorded yet"
    assert listed.body == {"items": [], "next": None}


async def test_an_unknown_record_gets_404_with_the_newest_id() -> None:
    """Also for a path without a number, of any length."""
    async with api() as served:
        newest = (await served.world.newest()).id
        answers = [await served.get(f"/v1/decisions/{name}") for name in ("999", "x", "9" * 40)]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert answers[0].body["detail"] == f"no decision 999 is kept; the newest is {newest}"


async def test_the_replay_of_every_decision_is_the_same() -> None:
    """Of all that are kept, with a failover among them."""
    async with api() as served:
        await served.fail("eu-west-1")
        records = (await served.get("/v1/decisions?limit=500")).body["items"]
        replays = [await served.get(f"/v1/decisions/{one['id']}/replay") for one in records]

    assert {replay.status for replay in replays} == {200}
    assert all(replay.body["differences"] == [] for replay in replays)
    assert all(replay.body["faithful"] for replay in replays)
    assert {one["version"] for one in records} == {__version__}
    moved = [one for one in replays if any(plan["changes"] for plan in one.body["plans"])]
    assert "is the same byte for byte" in moved[0].body["text"]
    assert "~ shop/world" in "".join(one.body["text"] for one in moved)


async def test_a_replay_is_text_for_accept_text_plain() -> None:
    """`gtc replay` uses it."""
    async with api() as served:
        words = await served.get("/v1/decisions/1/replay", headers=TEXT)

    assert words.headers["Content-Type"].startswith("text/plain")
    assert words.text.startswith(f"Decision 1, made by version {__version__}, is the same byte")


async def test_an_exported_snapshot_can_be_replayed() -> None:
    """It is complete, and has no tokens or secrets."""
    async with api(guarded()) as served:
        exported = await served.get("/v1/decisions/1/snapshot", headers=bearer("viewer"))

    exhibit = import_evidence(exported.text)
    assert (exhibit.decision_id, exhibit.version) == (1, __version__)
    assert replay(exhibit, __version__).differences == ()
    assert "sha256" not in exported.text
    assert "operator" not in exported.text


@pytest.mark.parametrize("what", ["replay", "snapshot"])
async def test_a_decision_without_a_snapshot_says_so(what: str) -> None:
    """An older version recorded it without one."""
    async with api() as served:
        served.world.store._evidence.clear()
        old = await served.get(f"/v1/decisions/1/{what}")
        never = await served.get(f"/v1/decisions/999/{what}")

    assert (old.status, never.status) == (404, 404)
    assert old.body["detail"] == (
        "no snapshot is kept of decision 1: it is older than snapshots are"
    )
    assert never.body["detail"].startswith("no decision 999 is kept; the newest is ")


async def test_settings_that_no_catalogue_can_express_are_a_conflict() -> None:
    """A record of version 1: replay answers why; history and export still have it."""
    async with api() as served:
        text = served.world.store._evidence[1]
        old = as_version_1(json.loads(text.settings))
        old["services"]["api"]["regions"]["eu-west-1"]["egress_usd_per_gb"] = 0.2
        served.world.store._evidence[1] = replace(text, settings=json.dumps(old))
        answer = await served.get("/v1/decisions/1/replay")
        kept = await served.get("/v1/decisions/1")
        snapshot = await served.get("/v1/decisions/1/snapshot")

    assert answer.status == 409
    assert answer.body["detail"] == (
        "this version cannot read the snapshot of decision 1: settings of version 1: services shop "
        "and api give eu-west-1 two values of egress_usd_per_gb, 0.09 and 0.2; the catalogue of "
        "regions has one value for all services, so this cannot be decided again"
    )
    assert (kept.status, kept.body["id"], snapshot.status) == (200, 1, 200)
    assert snapshot.body["settings"] == old


async def test_a_snapshot_that_this_version_cannot_read_is_a_conflict() -> None:
    """The error names the unknown member."""
    async with api() as served:
        text = served.world.store._evidence[1]
        other = text.settings.replace('"schema_version":2', '"schema_version":9')
        served.world.store._evidence[1] = replace(text, settings=other)
        answer = await served.get("/v1/decisions/1/replay")

    assert answer.status == 409
    assert (
        "cannot read the snapshot of decision 1: settings.schema_version" in answer.body["detail"]
    )
