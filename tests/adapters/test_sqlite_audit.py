"""Every tampering with the audit of a state file is detected."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.adapters.sqlite import audit, schema
from controller.adapters.sqlite.store import SqliteStore, check_audit, list_audit
from controller.model.audit import AuditEntry, ChainPoint
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord, TimelineEvent
from controller.model.encoding import EXACT, as_text
from controller.model.errors import StateUnavailableError
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.adapters import older

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DRAIN = OverrideRequest(OverrideKind.DRAIN, "ana", "update", 3600, region="eu-west-1")
RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, ("a region is down",), {}, (), (), (), "")
OTHER = zlib.compress(as_text({**EXACT(RECORD), "trigger": ["a region is up"]}).encode())
TEXTS = ("at", "actor", "action", "detail", "previous", "digest")
ENTRIES = 24
SEED = 20260601

Tamper = Callable[[sqlite3.Connection], object]


async def a_file(tmp_path: Path) -> Path:
    """A state file with 24 entries: eight overrides, eight ends and eight decisions."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        for _ in range(ENTRIES // 3):
            override = await store.add_override(DRAIN, NOON, NOON)
            record = await store.add_record(RECORD)
            await store.end_override(override.id, actor="bo", at=NOON, why="withdrawn")
            later = replace(
                record, timeline=(TimelineEvent("insync", NOON),), measured_effect="0 %"
            )
            await store.update_record(later)
    assert check_audit(path).ok
    return path


def tamper(path: Path, act: Tamper) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        act(connection)


def sql(statement: str, *values: object) -> Tamper:
    return lambda connection: connection.execute(statement, values)


async def test_an_untouched_audit_has_no_fault(tmp_path: Path) -> None:
    """The check counts the entries and returns the last point."""
    path = await a_file(tmp_path)
    check = check_audit(path)
    newest = list_audit(path, 1)[0]

    assert (check.ok, check.entries, check.records) == (True, ENTRIES, ENTRIES // 3)
    assert check.head == newest.point
    assert check_audit(path, newest.point).ok


@pytest.mark.parametrize("column", TEXTS)
async def test_a_flipped_entry_is_seen_wherever_it_stands(tmp_path: Path, column: str) -> None:
    """Every text of every entry, one character changed: each fault names the entry."""
    path = await a_file(tmp_path)
    chance = random.Random(SEED)
    for seq in range(1, ENTRIES + 1):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            where = (seq,)
            old = connection.execute(f"SELECT {column} FROM audit WHERE seq = ?", where)
            text = str(old.fetchone()[0])
            place = chance.randrange(len(text))
            flipped = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
            connection.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (flipped, seq))
            faults = check_audit(path).faults
            assert f"entry {seq} was altered" in faults, f"seed {SEED}, entry {seq}, {column}"
            connection.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (text, seq))
    assert check_audit(path).ok


@pytest.mark.parametrize("seq", range(1, ENTRIES + 1))
async def test_a_removed_entry_is_seen(tmp_path: Path, seq: int) -> None:
    """In the middle, at the beginning and at the end."""
    path = await a_file(tmp_path)
    tamper(path, sql("DELETE FROM audit WHERE seq = ?", seq))
    text = "\n".join(check_audit(path).faults)
    expected = {
        1: "the chain begins with 2, and nothing stands for the entries before it",
        ENTRIES: f"the chain ends with {ENTRIES - 1}, and should end with {ENTRIES}",
    }
    assert expected.get(seq, f"entries {seq} to {seq} are missing") in text


@pytest.mark.parametrize("first", range(1, ENTRIES))
async def test_entries_that_changed_places_are_seen(tmp_path: Path, first: int) -> None:
    """Two neighbours swap their numbers."""
    path = await a_file(tmp_path)

    def swap(connection: sqlite3.Connection) -> None:
        for old, new in ((first, -1), (first + 1, first), (-1, first + 1)):
            connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, old))

    tamper(path, swap)
    assert f"entry {first} was altered" in check_audit(path).faults


@pytest.mark.parametrize("kept", [0, 1, 13, ENTRIES - 1])
async def test_a_truncated_end_is_seen(tmp_path: Path, kept: int) -> None:
    """Also the removal of all entries."""
    path = await a_file(tmp_path)
    tamper(path, sql("DELETE FROM audit WHERE seq > ?", kept))
    expected = f"the chain ends with {kept}, and should end with {ENTRIES}"
    assert expected in check_audit(path).faults


async def test_a_removed_entry_with_the_rest_moved_up_is_seen(tmp_path: Path) -> None:
    """The numbers have no gap, but the digests do not fit."""
    path = await a_file(tmp_path)

    def close_up(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit WHERE seq = 5")
        connection.execute("UPDATE audit SET seq = seq - 1 WHERE seq > 5")

    tamper(path, close_up)
    assert "entry 5 does not follow entry 4: one was altered or moved" in check_audit(path).faults


async def test_a_chain_that_was_cut_and_sealed_again_lacks_a_noted_point(
    tmp_path: Path,
) -> None:
    """A writer of the file can make it consistent, but cannot change a point kept elsewhere."""
    path = await a_file(tmp_path)
    noted = check_audit(path).head

    def cut(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM records WHERE id > 6")
        connection.execute("DELETE FROM record_regions WHERE record_id > 6")
        connection.execute("DELETE FROM audit WHERE seq > 18")
        connection.execute(
            "UPDATE audit_head SET (seq, digest) = (SELECT seq, digest FROM audit WHERE seq = 18)"
        )

    tamper(path, cut)
    assert check_audit(path).ok
    assert f"no entry is {noted}" in check_audit(path, noted).faults[0]


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (sql("UPDATE records SET said = ? WHERE id = 3", OTHER), "decision record 3 was altered"),
        (sql("UPDATE records SET said = NULL WHERE id = 3"), "decision record 3 was altered"),
        (
            sql("UPDATE records SET said = NULL, body = 'no JSON' WHERE id = 3"),
            "decision record 3 was altered",
        ),
        (
            sql("UPDATE records SET said = NULL, body = '[1]' WHERE id = 3"),
            "decision record 3 was altered",
        ),
        (sql("DELETE FROM records WHERE id = 3"), "decision record 3 is missing"),
        (sql("DELETE FROM records WHERE id = 8"), "decision record 8 is missing"),
        (
            sql("INSERT INTO records SELECT 9, at, body, said FROM records WHERE id = 1"),
            "decision record 9 is not in the audit",
        ),
        (sql("DELETE FROM audit_head"), "what the chain should end with is not stored"),
    ],
)
async def test_a_tampered_decision_is_seen(tmp_path: Path, act: Tamper, fault: str) -> None:
    """Altered, removed or added."""
    path = await a_file(tmp_path)
    tamper(path, act)
    assert fault in check_audit(path).faults


async def test_orders_work_with_a_tampered_file(tmp_path: Path) -> None:
    """The fault stays visible."""
    for number, statement in enumerate(
        ("DELETE FROM audit WHERE seq > 20", "DELETE FROM audit_head", "DELETE FROM audit")
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = await a_file(folder)
        tamper(path, sql(statement))
        async with SqliteStore(path) as store:
            await store.add_override(DRAIN, NOON, NOON)
            check = await store.check_audit()
        assert check.ok is (statement == "DELETE FROM audit_head")


async def test_pruned_entries_are_replaced_by_one_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain stays valid; decisions whose entries are gone do not count as altered."""
    monkeypatch.setattr(audit, "KEPT_ENTRIES", 10)
    monkeypatch.setattr(audit, "PRUNE_STEP", 5)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.add_record(RECORD)
        for number in range(60):
            await store.audit(at=NOON, actor="ana", action="reload", detail=str(number))
        check = await store.check_audit()
        listed = await store.audit_entries(limit=100)

    assert check.ok
    assert 10 <= check.entries <= 16
    assert "audit_pruned" in {entry.action for entry in listed}
    tamper(path, sql("DELETE FROM audit WHERE seq = (SELECT min(seq) FROM audit)"))
    assert "nothing stands for the entries before it" in check_audit(path).faults[0]


async def test_a_prefix_cut_off_by_hand_is_not_taken_for_retention(tmp_path: Path) -> None:
    """Only the entry made when pruning explains missing entries."""
    path = await a_file(tmp_path)
    tamper(path, sql("DELETE FROM audit WHERE seq < 10"))
    assert check_audit(path).faults[0].startswith("the chain begins with 10")


async def test_rows_of_schema_1_are_sealed_when_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order, with their texts, and with an entry that says since when the chain exists."""
    path = tmp_path / "gtc.sqlite"
    _make_schema_1(path)
    async with SqliteStore(path) as store:
        entries = await store.audit_entries(limit=10)
        check = await store.check_audit()
        record = await store.record(1)

    assert record is not None
    assert check.ok
    assert (check.entries, check.records) == (4, 1)
    began, second, first = entries
    assert (first.actor, first.action, first.detail) == ("ana", "override_added", "#1")
    assert (second.at, second.action) == (NOON.isoformat(), "override_expired")
    assert began.action == "audit_began"
    assert began.detail.startswith("2 entries and 1 decisions were sealed")
    tables = _rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
    assert ("audit_1",) not in tables


async def test_a_change_and_its_entry_are_stored_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry fails, so the override is not stored either."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        before = await store.check_audit()

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("told to fail")

        monkeypatch.setattr(audit, "append", fail)
        with pytest.raises(StateUnavailableError):
            await store.add_override(DRAIN, NOON, NOON)
        with pytest.raises(StateUnavailableError):
            await store.add_record(RECORD)
        assert await store.overrides() == ()
        assert await store.records(limit=1) == ()
        assert await store.check_audit() == before


async def test_the_audit_is_checked_while_the_daemon_writes(tmp_path: Path) -> None:
    """In one transaction: no false fault, and no write waits."""
    path = await a_file(tmp_path)
    async with SqliteStore(path) as store:
        checking = asyncio.gather(*(store.check_audit() for _ in range(20)))
        for _ in range(50):
            await store.add_override(DRAIN, NOON, NOON)
        checks = await checking
    assert all(check.ok for check in checks)


async def test_reading_does_not_create_a_missing_file(tmp_path: Path) -> None:
    """A typing mistake must not leave an empty state file."""
    path = tmp_path / "gtc.sqlite"
    with pytest.raises(StateUnavailableError, match="there is no such file"):
        check_audit(path)
    with pytest.raises(StateUnavailableError, match="there is no such file"):
        list_audit(path, 10)
    assert not path.exists()


async def test_reading_refuses_an_unmigrated_file(tmp_path: Path) -> None:
    """Reading changes nothing, not even the schema."""
    path = tmp_path / "gtc.sqlite"
    _make_schema_1(path)
    with pytest.raises(StateUnavailableError, match="has schema 1, this program reads"):
        check_audit(path)


async def test_pages_are_read_from_the_file(tmp_path: Path) -> None:
    """As the admin API reads them."""
    path = await a_file(tmp_path)
    first: tuple[AuditEntry, ...] = list_audit(path, 3)
    second = list_audit(path, 3, first[-1].seq)
    seqs = [entry.seq for entry in (*first, *second)]
    assert seqs == sorted(seqs, reverse=True)
    assert len(set(seqs)) == 6


def test_a_chain_point_is_parsed_as_it_was_written() -> None:
    """Other text is refused with an example of the format."""
    mark = ChainPoint(12, "a" * 64)
    assert ChainPoint.parse(str(mark)) == mark
    with pytest.raises(ValueError, match="NUMBER:DIGEST"):
        ChainPoint.parse("12")


def _make_schema_1(path: Path) -> None:
    """A state file of schema 1: two audit rows and a record."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for step in schema.MIGRATIONS[0]:
            assert isinstance(step, str)
            connection.execute(step)
        add = "INSERT INTO audit (at, actor, action, detail) VALUES (?, ?, ?, ?)"
        connection.execute(add, (NOON.isoformat(), "ana", "override_added", "#1"))
        connection.execute(add, (NOON.isoformat(), "gtc", "override_expired", "#1"))
        add = "INSERT INTO records (at, body) VALUES (?, ?)"
        connection.execute(add, (NOON.isoformat(), older.BODY))
        connection.execute("PRAGMA user_version = 1")


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()
