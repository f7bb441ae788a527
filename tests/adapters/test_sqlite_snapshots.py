"""Snapshots in the state file: small, kept as long as their records, and told when damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.adapters import sqlite_schema, sqlite_statements
from controller.adapters.sqlite import SqliteStore
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord
from controller.model.errors import StateUnavailableError
from controller.planning.account.evidence import Evidence, written
from tests.planning.account.test_evidence import evidence

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, (), {}, (), (), (), "")
BEFORE_SNAPSHOTS = 3
"""The schema of the last version that kept none."""


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def under_other_settings(told: Evidence, number: int) -> Evidence:
    """The same under settings that differ by a number."""
    cycle = told.snapshot.settings.cycle.model_copy(update={"period_s": 10.0 + number})
    settings = told.snapshot.settings.model_copy(update={"cycle": cycle})
    return replace(told, snapshot=replace(told.snapshot, settings=settings))


async def test_settings_are_kept_once_for_all_snapshots_that_rest_on_them(tmp_path: Path) -> None:
    """They change rarely, and are most of the text."""
    path = tmp_path / "gtc.sqlite"
    told = evidence("see eu-west-1=D")
    async with SqliteStore(path) as store:
        for _ in range(5):
            await store.add_record(RECORD, told)
        await store.add_record(RECORD, under_other_settings(told, 1))
        assert await store.evidence(3) == written(told)
        assert await store.evidence(6) == written(under_other_settings(told, 1))

    assert rows(path, "SELECT count(*) FROM snapshots") == [(6,)]
    assert rows(path, "SELECT count(*) FROM snapshot_settings") == [(2,)]
    [(size,)] = rows(path, "SELECT max(length(body)) FROM snapshots")
    assert isinstance(size, int)
    assert size < len(written(told).snapshot + written(told).decision) / 2


async def test_snapshots_and_settings_go_with_the_records_they_belong_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file does not grow for ever."""
    monkeypatch.setattr(sqlite_statements, "KEPT_RECORDS", 2)
    path = tmp_path / "gtc.sqlite"
    told = evidence()
    async with SqliteStore(path) as store:
        for number in range(5):
            await store.add_record(RECORD, under_other_settings(told, number))
        assert await store.evidence(3) is None
        assert await store.evidence(5) == written(under_other_settings(told, 4))

    assert rows(path, "SELECT record_id FROM snapshots ORDER BY record_id") == [(4,), (5,)]
    assert rows(path, "SELECT count(*) FROM snapshot_settings") == [(2,)]


async def test_a_file_from_before_snapshots_is_migrated_with_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds stays; its decisions have no snapshot, new ones do."""
    path = tmp_path / "gtc.sqlite"
    with monkeypatch.context() as earlier:
        known = sqlite_schema.MIGRATIONS[:BEFORE_SNAPSHOTS]
        earlier.setattr(sqlite_schema, "MIGRATIONS", known)
        async with SqliteStore(path) as store:
            old = await store.add_record(RECORD)
    assert rows(path, "PRAGMA user_version") == [(BEFORE_SNAPSHOTS,)]

    async with SqliteStore(path) as store:
        new = await store.add_record(RECORD, evidence())
        assert await store.records(limit=10) == (new, old)
        assert await store.evidence(old.id) is None
        assert await store.evidence(new.id) == written(evidence())
        assert (await store.check_audit()).ok
    assert rows(path, "PRAGMA user_version") == [(len(sqlite_schema.MIGRATIONS),)]


@pytest.mark.parametrize("body", [b"", b"not compressed"])
async def test_a_damaged_snapshot_is_named(tmp_path: Path, body: bytes) -> None:
    """Its record can be read all the same."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        record = await store.add_record(RECORD, evidence())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE snapshots SET body = ?", (body,))

    async with SqliteStore(path) as store:
        with pytest.raises(StateUnavailableError, match="the snapshot of decision 1 is damaged"):
            await store.evidence(record.id)
        assert await store.record(record.id) == record


async def test_a_record_and_its_snapshot_are_stored_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up in between leaves no half."""
    pragmas = (*sqlite_schema.PRAGMAS, "PRAGMA max_page_count = 40")
    monkeypatch.setattr(sqlite_schema, "PRAGMAS", pragmas)
    path = tmp_path / "gtc.sqlite"
    told = evidence("see eu-west-1=D")
    stored: list[int] = []

    async def fill(store: SqliteStore) -> None:
        while True:
            record = await store.add_record(RECORD, under_other_settings(told, len(stored)))
            stored.append(record.id)

    async with SqliteStore(path) as store:
        with pytest.raises(StateUnavailableError, match="the disk is full"):
            await fill(store)

    assert stored
    for table in ("records", "snapshots", "snapshot_settings"):
        assert rows(path, f"SELECT count(*) FROM {table}") == [(len(stored),)]
