"""The audit over the API: pages and the check of the chain; and the error for a full disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from controller.adapters.sqlite.store import SqliteStore
from controller.api.app import build
from controller.api.http import paging
from controller.api.http.server import serving
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import compose
from tests.api.serving import QUICK, api
from tests.loops.simulated import World

FREEZE = {"kind": "freeze", "reason": "INC-42", "ttl_s": 60}


async def test_the_audit_is_paged_newest_first() -> None:
    """`next` is the path of the next page; entries are numbered without a gap."""
    async with api() as served:
        for _ in range(3):
            assert (await served.post("/v1/overrides", json=FREEZE)).status == 201
        first = await served.get("/v1/audit?limit=2")
        second = await served.get(first.body["next"])

    seqs = [entry["seq"] for page in (first, second) for entry in page.body["items"]]
    assert len(seqs) >= 4
    assert seqs == sorted(seqs, reverse=True)
    assert first.body["items"][0].keys() >= {"at", "actor", "action", "detail", "digest"}


async def test_a_page_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large entries fill it before `limit` is reached; each has one, and none is left out."""
    monkeypatch.setattr(paging, "PAGE_BYTES", 1500)
    async with api() as served:
        for _ in range(4):
            order = {**FREEZE, "reason": "x" * 300}
            assert (await served.post("/v1/overrides", json=order)).status == 201
        path, seqs = "/v1/audit?limit=500", []
        while path:
            body = (await served.get(path)).body
            assert len(body["items"]) <= 3
            seqs += [entry["seq"] for entry in body["items"]]
            path = body["next"]
        kept = await served.world.store.audit_entries(limit=500)
    assert seqs == [entry.seq for entry in kept]
    assert len(seqs) >= 7


async def test_the_chain_is_checked() -> None:
    """With its head, and against a head that was noted earlier."""
    async with api() as served:
        await served.post("/v1/overrides", json=FREEZE)
        check = await served.get("/v1/audit/check")
        head = check.body["head"]
        mark = f"{head['seq']}:{head['digest']}"
        again = await served.get(f"/v1/audit/check?noted={mark}")
        other = await served.get(f"/v1/audit/check?noted=1:{'f' * 64}")

    assert check.status == 200
    assert check.body["faults"] == []
    assert check.body["entries"] == head["seq"]
    assert again.body["faults"] == []
    assert "the chain was made anew" in other.body["faults"][0]


async def test_an_invalid_chain_point_is_refused() -> None:
    """The error shows the format."""
    async with api() as served:
        answer = await served.get("/v1/audit/check?noted=12")

    assert (answer.status, answer.body["field"]) == (400, "noted")
    assert "NUMBER:DIGEST" in answer.body["detail"]


async def test_a_full_disk_is_told_to_who_orders_something_and_ends_with_it(
    tmp_path: Path,
) -> None:
    """503 with the cause, and no change; once there is room, the same order is accepted."""
    metrics = DaemonMetrics(CollectorRegistry(), QUICK)
    async with SqliteStore(tmp_path / "gtc.sqlite", metrics.state_error) as store:
        world = World(QUICK)
        controller = compose(QUICK, world.ports(store), metrics)
        await controller.load()
        async with (
            serving(build(controller.api_dependencies()), "127.0.0.1", 0) as url,
            ClientSession(url) as client,
        ):
            pages = await asked(store, "PRAGMA page_count")
            await asked(store, f"PRAGMA max_page_count = {pages}")
            long = {**FREEZE, "reason": "x" * 900}
            refused = await client.post("/v1/overrides", json=long)
            while refused.status == 201:  # a page may have had room left
                refused = await client.post("/v1/overrides", json=long)
            problem = await refused.json(content_type=None)
            held = [override.id for override in controller.overrides.active()]
            stored = [override.id for override in await store.overrides()]
            await asked(store, f"PRAGMA max_page_count = {pages + 1000}")
            taken = await client.post("/v1/overrides", json=long)
            override = await taken.json()

        assert [one.id for one in await store.overrides()] == [override["id"]]
        assert (await store.check_audit()).ok

    assert refused.status == 503
    assert "the disk is full" in problem["detail"]
    assert held == stored
    assert taken.status == 201
    assert metrics.registry.get_sample_value("gtc_state_errors_total") == 1


async def asked(store: SqliteStore, pragma: str) -> int:
    """The value of a pragma, from the store's own connection in its thread."""
    return await store.execute(lambda connection: int(connection.execute(pragma).fetchone()[0]))
