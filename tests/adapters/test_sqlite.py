"""The state file as a file: a kill, a full disk, damage, other schema versions."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.adapters.sqlite import records, schema
from controller.adapters.sqlite.store import SqliteStore
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord
from controller.model.errors import StateUnavailableError
from controller.model.overrides import OverrideKind, OverrideRequest

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ana", "incident 7", 3600)
PIN = OverrideRequest(OverrideKind.PIN, "ana", "canary", 3600, region="eu-west-1", share=0.3)

ENDLESS_WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from controller.adapters.sqlite.store import SqliteStore
from controller.model.overrides import OverrideKind, OverrideRequest

async def main():
    at = datetime(2026, 6, 1, tzinfo=UTC)
    async with SqliteStore(Path(sys.argv[1])) as store:
        while True:
            request = OverrideRequest(OverrideKind.FREEZE, "ana", "incident", 3600)
            override = await store.add_override(request, at, at)
            print(override.id, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
async def test_kill_9_loses_nothing_that_was_acknowledged(
    tmp_path: Path, acknowledged: int
) -> None:
    """The process is killed while it writes; each override that it reported is there, audited."""
    path = tmp_path / "gtc.sqlite"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENDLESS_WRITER, path, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    reported = [int(await writer.stdout.readline()) for _ in range(acknowledged)]
    writer.kill()
    reported += [int(line) for line in (await writer.communicate())[0].split(b"\n")[:-1]]

    async with SqliteStore(path) as store:
        kept = {override.id for override in await store.overrides()}
        audited = await store.audit_entries(limit=10_000)
    assert set(reported) <= kept
    assert len(audited) == len(kept)


async def test_the_folder_is_made(tmp_path: Path) -> None:
    """A new machine needs no preparation."""
    path = tmp_path / "var" / "lib" / "gtc.sqlite"
    async with SqliteStore(path):
        assert path.exists()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file has its name."""
    (tmp_path / "var").write_text("")
    with pytest.raises(StateUnavailableError, match=r"folder .*/var/lib .* cannot be made"):
        async with SqliteStore(tmp_path / "var" / "lib" / "gtc.sqlite"):
            pass


async def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    """SQLite's message alone would be 'unable to open database file'."""
    with pytest.raises(StateUnavailableError, match="cannot be opened; check its folder"):
        async with SqliteStore(tmp_path):
            pass


async def test_a_full_disk_is_named_and_what_was_stored_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's page limit causes the same error as ENOSPC: SQLITE_FULL."""
    pragmas = (*schema.PRAGMAS, "PRAGMA max_page_count = 20")
    monkeypatch.setattr(schema, "PRAGMAS", pragmas)
    acknowledged: list[int] = []

    async def fill(store: SqliteStore) -> None:
        while True:
            acknowledged.append((await store.add_override(FREEZE, NOON, NOON)).id)

    async with SqliteStore(tmp_path / "gtc.sqlite") as store:
        with pytest.raises(StateUnavailableError, match="the disk is full"):
            await fill(store)
        assert [override.id for override in await store.overrides()] == acknowledged
        assert len(await store.audit_entries(limit=10_000)) == len(acknowledged)
    assert acknowledged


async def test_a_file_that_is_locked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tool holds the lock longer than we wait."""
    path = tmp_path / "gtc.sqlite"
    monkeypatch.setattr(schema, "PRAGMAS", (*schema.PRAGMAS, "PRAGMA busy_timeout = 50"))
    async with SqliteStore(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateUnavailableError, match="another process holds the file locked"):
            await store.add_override(FREEZE, NOON, NOON)
        other.execute("ROLLBACK")
        other.close()
        await store.add_override(FREEZE, NOON, NOON)


async def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    """It is not overwritten."""
    path = tmp_path / "gtc.sqlite"
    path.write_text("schema_version: 1\n" * 100)
    with pytest.raises(StateUnavailableError, match="is no SQLite database; is state_path right"):
        async with SqliteStore(path):
            pass
    assert path.read_text().startswith("schema_version")


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Before the daemon decides anything from it."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        for _ in range(200):
            await store.add_override(FREEZE, NOON, NOON)
    content = bytearray(path.read_bytes())
    content[8192 : 8192 + 2048] = b"\xa5" * 2048
    path.write_bytes(content)

    with pytest.raises(StateUnavailableError, match="the file is damaged"):
        async with SqliteStore(path):
            pass


async def test_a_newer_files_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An older program would lose what it does not know."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path):
        pass
    _set_version(path, 99)

    known = len(schema.MIGRATIONS)
    refusal = rf"newer version .* schema 99, .* up to {known}"
    with pytest.raises(StateUnavailableError, match=refusal):
        async with SqliteStore(path):
            pass
    assert _version(path) == 99


async def test_an_older_file_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its data stays; the version increases."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        override = await store.add_override(FREEZE, NOON, NOON)
    added = ("ALTER TABLE overrides ADD COLUMN colour TEXT",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, added))

    async with SqliteStore(path) as store:
        assert await store.overrides() == (override,)
    assert _version(path) == len(schema.MIGRATIONS)


async def test_an_override_from_before_pins_is_read_and_a_pin_stored_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of a version without shares, with a row that it wrote."""
    path = tmp_path / "gtc.sqlite"
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:2])
        schema.open_database(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            """INSERT INTO overrides (kind, region, service, pool, author, reason, created_at,
                                      expires_at, ignore_guards)
               VALUES ('drain', 'eu-west-1', 'shop', 'europe', 'ana', 'update', ?, ?, '["drift"]')
            """,
            (NOON.isoformat(), NOON.isoformat()),
        )

    async with SqliteStore(path) as store:
        pin = await store.add_override(PIN, NOON, NOON)
        drain, kept = await store.overrides()
    assert _version(path) == len(schema.MIGRATIONS)
    assert (drain.region, drain.pool, drain.ignore_guards) == ("eu-west-1", "europe", ("drift",))
    assert drain.share is None
    assert kept == pin
    assert pin.share == 0.3


async def test_the_audit_says_at_what_share_a_region_was_pinned(tmp_path: Path) -> None:
    """In percent."""
    async with SqliteStore(tmp_path / "gtc.sqlite") as store:
        await store.add_override(PIN, NOON, NOON)
        [entry] = await store.audit_entries(limit=1)
    assert entry.detail.startswith("#1 pin eu-west-1 at 30 % of every service until ")


async def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is one transaction."""
    path = tmp_path / "gtc.sqlite"
    broken = (("CREATE TABLE extra (id INTEGER) STRICT", "NOT SQL"),)
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(StateUnavailableError, match="syntax error"):
        async with SqliteStore(path):
            pass

    assert _version(path) == 0
    assert _tables(path) == []


async def test_a_read_only_file_says_what_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions do not stop root, so a pragma makes SQLite refuse writes."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path):
        pass
    pragmas = (*schema.PRAGMAS, "PRAGMA query_only = ON")
    monkeypatch.setattr(schema, "PRAGMAS", pragmas)

    with pytest.raises(StateUnavailableError, match="cannot be written; check its owner"):
        async with SqliteStore(path):
            pass


async def test_only_the_newest_records_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file does not grow for ever; ids continue."""
    monkeypatch.setattr(records, "KEPT_RECORDS", 3)
    record = DecisionRecord(0, NOON, 1, Mode.ACTIVE, (), {}, (), (), (), "")
    async with SqliteStore(tmp_path / "gtc.sqlite") as store:
        ids = [(await store.add_record(record)).id for _ in range(5)]
        assert [kept.id for kept in await store.records(limit=10)] == [5, 4, 3]
        assert await store.record(ids[0]) is None


async def test_writes_wait_for_the_disk(tmp_path: Path) -> None:
    """WAL with FULL: an acknowledged override survives power loss."""
    connection = schema.open_database(tmp_path / "gtc.sqlite")
    modes = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    ]
    connection.close()

    assert modes == ["wal", 2, 1, 2000]


def _version(path: Path) -> int:
    connection = sqlite3.connect(path)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return version


def _set_version(path: Path, version: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def _tables(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    return names
