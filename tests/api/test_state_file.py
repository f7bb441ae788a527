"""What the API says of a state file with rows that make no sense, and of clocks that are wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from controller.adapters.sqlite.store import SqliteStore
from controller.api.app import build
from controller.api.http.server import serving
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, compose
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.model.unreadable import StateCondition, UnreadableRow
from tests.api.serving import QUICK, api
from tests.loops.simulated import World
from tests.planning.account.test_evidence import evidence

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, ("a region is down",), {}, (), (), (), "")
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ann", "incident 7", 3600)
DRAIN = replace(FREEZE, kind=OverrideKind.DRAIN, region="eu-west-1")


@asynccontextmanager
async def started_on(path: Path) -> AsyncIterator[tuple[ClientSession, Controller]]:
    """The API of a daemon that has read this file; its loops do not run."""
    async with SqliteStore(path) as store:
        metrics = DaemonMetrics(CollectorRegistry(), QUICK)
        controller = compose(QUICK, World(QUICK).ports(store), metrics)
        await controller.load()
        async with (
            serving(build(controller.api_dependencies()), "127.0.0.1", 0) as url,
            ClientSession(url) as client,
        ):
            yield client, controller


async def filled(path: Path, *damage: str) -> None:
    """Two orders, three decisions, and then this damage."""
    async with SqliteStore(path) as store:
        for order in (FREEZE, DRAIN):
            await store.add_override(order, NOON, NOON + timedelta(hours=1))
        for _ in range(3):
            await store.add_record(RECORD, evidence())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in damage:
            connection.execute(statement)


async def test_a_daemon_starts_on_an_order_that_makes_no_sense(tmp_path: Path) -> None:
    """Status names it first, with what is wrong; the other order is in force."""
    path = tmp_path / "gtc.sqlite"
    await filled(
        path,
        "UPDATE overrides SET expires_at = 'soon' WHERE id = 1",
        "INSERT INTO expected VALUES ('shop', 'europe', 'eu-west-1', '{')",
    )
    async with started_on(path) as (client, controller):
        status = await (await client.get("/v1/status")).json()
        assert [override.id for override in controller.overrides.active()] == [2]
    assert status["unreadable_rows"] == [
        {
            "table": "overrides",
            "key": "1",
            "error": "expires_at is 'soon', no time; the audit has it as '#1 freeze of every "
            "service until 2026-06-01T13:00:00+00:00: incident 7'",
        },
        {"table": "expected", "key": "shop/europe/eu-west-1", "error": "settings is '{', no JSON"},
    ]
    assert [override["id"] for override in status["overrides"]] == [2]


async def test_a_damaged_decision_costs_itself(tmp_path: Path) -> None:
    """The list shows it in its place; the others, why and replay work."""
    path = tmp_path / "gtc.sqlite"
    await filled(path, "UPDATE records SET said = x'00' WHERE id = 2")
    async with started_on(path) as (client, _):
        page = await (await client.get("/v1/decisions")).json()
        damaged, whole = [await client.get(f"/v1/decisions/{number}") for number in (2, 3)]
        replayed = await client.get("/v1/decisions/3/replay")
        why = await client.get("/v1/why?region=eu-west-1")
        problem = await damaged.json(content_type=None)
        status = await (await client.get("/v1/status")).json()
    assert [item["id"] for item in page["items"]] == [3, 2, 1]
    assert page["items"][1] == {"id": 2, "unreadable": page["items"][1]["unreadable"]}
    assert "its text is cut off" in page["items"][1]["unreadable"]
    assert (damaged.status, whole.status, replayed.status, why.status) == (503, 200, 200, 200)
    assert "decision record 2 cannot be read: its text is cut off" in problem["detail"]
    assert [(row["table"], row["key"]) for row in status["unreadable_rows"]] == [("records", "2")]


async def test_the_newest_decision_is_the_newest_that_can_be_read(tmp_path: Path) -> None:
    """Status and why go on."""
    path = tmp_path / "gtc.sqlite"
    await filled(path, "UPDATE records SET body = '{' WHERE id = 3")
    async with started_on(path) as (client, _):
        status = await (await client.get("/v1/status")).json()
        latest = await (await client.get("/v1/decisions/latest")).json()
    assert status["last_decision"]["id"] == latest["id"] == 2
    assert status["state_error"] is None


async def test_a_damaged_snapshot_leaves_what_its_record_says(tmp_path: Path) -> None:
    """Of a time in the past why tells the decision, without the regions' accounts."""
    path = tmp_path / "gtc.sqlite"
    await filled(path, "UPDATE snapshots SET body = x'00' WHERE record_id = 3")
    async with started_on(path) as (client, _):
        why = await client.get("/v1/why?at=2026-06-01T12:00:00Z&region=eu-west-1")
        snapshot = await client.get("/v1/decisions/3/snapshot")
        told = await why.json(content_type=None)
        problem = await snapshot.json(content_type=None)
    assert why.status == 200, told
    assert (told["in_force"], told["accounts"]) == (3, [])
    assert snapshot.status == 503
    assert "the snapshot of decision 3 is damaged: its text is cut off" in problem["detail"]


async def test_status_says_what_was_found_and_that_the_clock_was_set() -> None:
    """A sentence each."""
    async with api(running=False) as served:
        found = StateCondition(("it was empty",), (UnreadableRow("records", "7", "no JSON"),))
        served.world.store.found = found
        before = await served.get("/v1/status")
        scraped = await served.get("/metrics")
        served.world.clock.start -= timedelta(days=1)
        served.controller.clock_steps.check()
        after = await served.get("/v1/status")
    assert before.body["notices"] == ["it was empty"]
    assert before.body["unreadable_rows"] == [{"table": "records", "key": "7", "error": "no JSON"}]
    assert 'gtc_state_unreadable_rows{table="records"} 1.0' in scraped.text
    assert 'gtc_state_unreadable_rows{table="overrides"} 0.0' in scraped.text
    empty, step = after.body["notices"]
    assert empty == "it was empty"
    assert step.startswith("the clock was set back by 86400 s, to ")
    assert step.endswith("orders end after the time they were given for, whatever their dates say")


async def test_status_names_orders_that_a_wrong_clock_would_prolong() -> None:
    """They end after the time that they were given for."""
    async with api(running=False) as served:
        given = NOON + timedelta(days=365)
        await served.world.store.add_override(FREEZE, given, given + timedelta(seconds=100))
        await served.controller.overrides.load()
        status = await served.get("/v1/status")
    [override], [notice] = status.body["overrides"], status.body["notices"]
    assert 99 < override["remaining_s"] <= 100
    assert notice.startswith("override 1 was given at 2027-06-01 12:00:00Z, after the time of this")
    assert "the order lasts from the start on as long as it was given for" in notice
