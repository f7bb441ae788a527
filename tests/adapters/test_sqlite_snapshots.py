"""Snapshots in the state file: small, kept as long as their records, damage is reported."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.adapters.sqlite import audit, schema, snapshots
from controller.adapters.sqlite import records as sqlite_records
from controller.adapters.sqlite.store import SqliteStore, check_audit
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord
from controller.model.errors import StateUnavailableError
from controller.planning.account.evidence import Evidence, encode_evidence
from tests.adapters import older
from tests.planning.account.test_evidence import evidence

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, (), {}, (), (), (), "")
BEFORE_SNAPSHOTS = 3
"""The schema of the last version that kept none."""


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def under_other_settings(given: Evidence, number: int) -> Evidence:
    """The same evidence under settings that differ by a number."""
    cycle = given.snapshot.settings.cycle.model_copy(update={"period_s": 10.0 + number})
    settings = given.snapshot.settings.model_copy(update={"cycle": cycle})
    return replace(given, snapshot=replace(given.snapshot, settings=settings))


async def test_settings_are_stored_once_for_all_their_snapshots(tmp_path: Path) -> None:
    """They change rarely, and are most of the text."""
    path = tmp_path / "gtc.sqlite"
    given = evidence("see eu-west-1=D")
    async with SqliteStore(path) as store:
        for _ in range(5):
            await store.add_record(RECORD, given)
        await store.add_record(RECORD, under_other_settings(given, 1))
        assert await store.evidence(3) == encode_evidence(given)
        assert await store.evidence(6) == encode_evidence(under_other_settings(given, 1))

    assert rows(path, "SELECT count(*) FROM snapshots") == [(6,)]
    assert rows(path, "SELECT count(*) FROM snapshot_settings") == [(2,)]
    [(size,)] = rows(path, "SELECT max(length(body)) FROM snapshots")
    assert isinstance(size, int)
    assert size < len(encode_evidence(given).snapshot + encode_evidence(given).decision) / 2


async def test_snapshots_and_settings_are_deleted_with_their_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file does not grow for ever."""
    monkeypatch.setattr(sqlite_records, "KEPT_RECORDS", 2)
    path = tmp_path / "gtc.sqlite"
    given = evidence()
    async with SqliteStore(path) as store:
        for number in range(5):
            await store.add_record(RECORD, under_other_settings(given, number))
        assert await store.evidence(3) is None
        assert await store.evidence(5) == encode_evidence(under_other_settings(given, 4))

    assert rows(path, "SELECT record_id FROM snapshots ORDER BY record_id") == [(4,), (5,)]
    assert rows(path, "SELECT count(*) FROM snapshot_settings") == [(2,)]


async def test_a_file_from_before_snapshots_is_migrated_with_its_records(tmp_path: Path) -> None:
    """Its data stays; its decisions have no snapshot, new ones do."""
    path = tmp_path / "gtc.sqlite"
    older.made(path, BEFORE_SNAPSHOTS, (None,))
    old = replace(RECORD, id=1, trigger=("a region is down",))
    assert rows(path, "PRAGMA user_version") == [(BEFORE_SNAPSHOTS,)]

    async with SqliteStore(path) as store:
        new = await store.add_record(RECORD, evidence())
        assert await store.records(limit=10) == (new, old)
        assert await store.evidence(old.id) is None
        assert await store.evidence(new.id) == encode_evidence(evidence())
        assert (await store.check_audit()).ok
    assert rows(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]


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
    """A disk that fills up in between stores neither."""
    pragmas = (*schema.PRAGMAS, "PRAGMA max_page_count = 40")
    monkeypatch.setattr(schema, "PRAGMAS", pragmas)
    path = tmp_path / "gtc.sqlite"
    given = evidence("see eu-west-1=D")
    stored: list[int] = []

    async def fill(store: SqliteStore) -> None:
        while True:
            record = await store.add_record(RECORD, under_other_settings(given, len(stored)))
            stored.append(record.id)

    async with SqliteStore(path) as store:
        with pytest.raises(StateUnavailableError, match="the disk is full"):
            await fill(store)

    assert stored
    for table in ("records", "snapshots", "snapshot_settings"):
        assert rows(path, f"SELECT count(*) FROM {table}") == [(len(stored),)]


async def a_file(path: Path, records: int = 3) -> None:
    """A state file with decisions, each under different settings, except the last, which shares
    them."""
    async with SqliteStore(path) as store:
        for number in range(records):
            given = under_other_settings(evidence("see eu-west-1=D"), min(number, records - 2))
            await store.add_record(RECORD, given)


@pytest.mark.parametrize(
    ("statement", "values", "fault"),
    [
        (
            "UPDATE snapshots SET body = ? WHERE record_id = 2",
            (zlib.compress(b"{}\n{}"),),
            "the snapshot of decision 2 was altered",
        ),
        (
            "UPDATE snapshots SET body = (SELECT body FROM snapshots WHERE record_id = 1), "
            "settings = (SELECT settings FROM snapshots WHERE record_id = 1) WHERE record_id = 2",
            (),
            "the snapshot of decision 2 was altered",
        ),
        (
            "DELETE FROM snapshots WHERE record_id = 3",
            (),
            "the snapshot of decision 3 is missing",
        ),
        (
            "UPDATE snapshot_settings SET body = ? WHERE hash = "
            "(SELECT settings FROM snapshots WHERE record_id = 3)",
            (zlib.compress(b"{}"),),
            "the settings in the snapshot of decision 2, 3 were altered",
        ),
        (
            "UPDATE snapshot_settings SET body = ? WHERE hash = "
            "(SELECT settings FROM snapshots WHERE record_id = 1)",
            (b"not compressed",),
            "the settings in the snapshot of decision 1 were altered",
        ),
        (
            "DELETE FROM snapshot_settings WHERE hash = "
            "(SELECT settings FROM snapshots WHERE record_id = 1)",
            (),
            "the settings in the snapshot of decision 1 were altered",
        ),
    ],
)
async def test_altered_evidence_is_detected(
    tmp_path: Path, statement: str, values: tuple[bytes, ...], fault: str
) -> None:
    """The fault names the decision, and no other."""
    path = tmp_path / "gtc.sqlite"
    await a_file(path)
    whole = check_audit(path)
    assert (whole.faults, whole.records, whole.snapshots) == ((), 3, 3)

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, values)

    assert check_audit(path).faults == (fault,)


async def test_an_added_snapshot_is_detected(tmp_path: Path) -> None:
    """Evidence cannot be added later."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.add_record(RECORD)
        await store.add_record(RECORD, evidence())
        assert (await store.check_audit()).ok
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO snapshots SELECT 1, settings, body FROM snapshots")

    assert check_audit(path).faults == ("the snapshot of decision 1 is not in the audit",)


async def test_a_later_entry_cannot_make_an_altered_decision_look_right(tmp_path: Path) -> None:
    """A writer of the file can append to the chain, which a noted point does not detect."""
    path = tmp_path / "gtc.sqlite"
    await a_file(path)
    noted = check_audit(path).head
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE records SET said = ?", (zlib.compress(b'{"mode": "dry_run"}'),))
        connection.execute("UPDATE snapshots SET body = ? WHERE record_id = 1", (b"other",))
        for record_id, at, said in connection.execute("SELECT id, at, said FROM records"):
            seal = dict(snapshots.seals(connection))[record_id]
            audit.append_record(
                connection, record_id, datetime.fromisoformat(at), sqlite_records.digest(said), seal
            )

    faults = check_audit(path, noted).faults
    for record_id in (1, 2, 3):
        assert f"decision record {record_id} was sealed again later" in faults
        assert f"decision record {record_id} was altered" in faults
    assert "the snapshot of decision 1 was altered" in faults


async def test_retention_that_drops_records_with_their_snapshots_is_no_tampering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is pruning of the entries that sealed them."""
    monkeypatch.setattr(sqlite_records, "KEPT_RECORDS", 4)
    monkeypatch.setattr(audit, "KEPT_ENTRIES", 6)
    monkeypatch.setattr(audit, "PRUNE_STEP", 2)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        for number in range(9):
            await store.add_record(RECORD, under_other_settings(evidence(), number))
        assert (await store.check_audit()).faults == ()
        for number in range(20):
            await store.audit(at=NOON, actor="ana", action="reload", detail=str(number))
        check = await store.check_audit()

    assert (check.faults, check.records, check.snapshots) == ((), 4, 4)


async def test_snapshots_of_a_file_that_did_not_seal_them_are_sealed_when_it_is_migrated(
    tmp_path: Path,
) -> None:
    """One entry says since when; from then on they are protected like new ones."""
    path = tmp_path / "gtc.sqlite"
    older.made(path, 4, [under_other_settings(evidence(), number) for number in (0, 1, 1)])
    assert rows(path, "PRAGMA user_version") == [(4,)]
    assert rows(path, "SELECT count(*) FROM audit WHERE detail LIKE '%snapshot%'") == [(0,)]

    async with SqliteStore(path) as store:
        await store.add_record(RECORD, evidence())
        check = await store.check_audit()
        listed = await store.audit_entries(limit=100)
    assert (check.faults, check.records, check.snapshots) == ((), 4, 4)
    [widened] = listed
    assert (widened.action, widened.detail) == (
        "audit_widened",
        "3 snapshots of decisions were sealed; until now they were not protected",
    )

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE snapshots SET body = ? WHERE record_id = 2", (b"other",))
    assert check_audit(path).faults == ("the snapshot of decision 2 was altered",)
