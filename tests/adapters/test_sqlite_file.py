"""The state file among other files: links to it, who may read it, what is left of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.adapters.sqlite import integrity, schema
from controller.adapters.sqlite.store import SqliteStore
from controller.model.errors import StateUnavailableError
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.loops.small import events, logged

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ana", "incident 7", 3600)
FILES = ("gtc.sqlite", "gtc.sqlite-wal", "gtc.sqlite-shm", "gtc.sqlite.lock", "gtc.sqlite.reserve")


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the process, for the time of a test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("first", ["file", "link"])
@pytest.mark.parametrize("kind", ["to the file", "to a link", "relative", "to its folder"])
async def test_a_link_leads_to_the_same_lock(first: str, kind: str, tmp_path: Path) -> None:
    """Two daemons on one file would undo each other's changes, whatever name they use for it."""
    (tmp_path / "var").mkdir()
    (tmp_path / "etc").mkdir()
    path, link = tmp_path / "var" / "gtc.sqlite", tmp_path / "etc" / "state"
    if kind == "to the file":
        link.symlink_to(path)
    elif kind == "relative":
        link.symlink_to("../var/gtc.sqlite")
    elif kind == "to a link":
        (tmp_path / "other").symlink_to(path)
        link.symlink_to(tmp_path / "other")
    else:
        link.symlink_to(tmp_path / "var")
        link = link / "gtc.sqlite"
    one, other = (path, link) if first == "file" else (link, path)
    async with SqliteStore(one) as store:
        given = await store.add_override(FREEZE, NOON, NOON)
        with pytest.raises(StateUnavailableError, match="in use by another daemon"):
            async with SqliteStore(other):
                pass
    async with SqliteStore(other) as store:
        assert await store.overrides() == (given,)
    assert {file.name for file in (tmp_path / "var").iterdir()} == {"gtc.sqlite", *FILES[3:]}


async def test_links_in_a_circle_are_named(tmp_path: Path) -> None:
    """Not a traceback."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(StateUnavailableError, match="its links lead nowhere"):
        async with SqliteStore(one):
            pass


async def test_a_second_name_of_the_file_is_said(tmp_path: Path) -> None:
    """A hard link has a lock of its own; that cannot be helped, but it can be said."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path):
        pass
    os.link(path, tmp_path / "copy.sqlite")
    with logged() as lines:
        async with SqliteStore(path) as store:
            [notice] = store.condition().notices
    assert events(lines) == ["state_file_linked"]
    assert "has 1 other name (hard links): a daemon started by" in notice


async def test_the_files_are_for_their_owner_alone(umask: int, tmp_path: Path) -> None:
    """Whatever the umask, while it runs and afterwards."""
    async with SqliteStore(tmp_path / "gtc.sqlite") as store:
        await store.add_override(FREEZE, NOON, NOON)
        assert _modes(tmp_path) == dict.fromkeys(FILES, 0o600), oct(umask)
    assert set(_modes(tmp_path).values()) == {0o600}


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o640, 0o755, 0o604])
async def test_files_that_others_may_read_are_narrowed(mode: int, tmp_path: Path) -> None:
    """With a line in the log for each; a killed daemon leaves more than one."""
    path = tmp_path / "gtc.sqlite"
    killed = await SqliteStore(path).__aenter__()
    await killed.add_override(FREEZE, NOON, NOON)
    for name in FILES:
        (tmp_path / name).chmod(mode)
    killed._lock.release()
    with logged() as lines:
        async with SqliteStore(path) as store:
            assert _modes(tmp_path) == dict.fromkeys(FILES, 0o600)
            assert len(await store.overrides()) == 1
    narrowed = [line for line in lines if line["event"] == "state_file_narrowed"]
    assert sorted(Path(line["file"]).name for line in narrowed) == sorted(FILES)
    assert {line["was"] for line in narrowed} == {f"{mode:04o}"}
    await killed.__aexit__(None, None, None)
    with logged() as lines:
        async with SqliteStore(path):
            pass
    assert events(lines) == []


@pytest.mark.parametrize("how", ["emptied", "removed"])
async def test_a_state_that_is_gone_is_said(how: str, tmp_path: Path) -> None:
    """In log, status and, for good, the audit; the daemon starts, for users come first."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.add_override(FREEZE, NOON, NOON)
        assert store.condition().notices == ()
    if how == "emptied":
        path.write_bytes(b"")
    else:
        path.unlink()
    with logged() as lines:
        async with SqliteStore(path) as store:
            [notice] = store.condition().notices
            assert await store.overrides() == ()
            [entry] = await store.audit_entries(limit=10)
    assert events(lines) == ["state_began_anew"]
    assert "was empty or missing at the start" in notice
    assert "overrides and freezes of before are not in force" in notice
    assert (entry.action, entry.detail) == ("state_began_anew", notice)
    async with SqliteStore(path) as store:
        assert store.condition().notices == ()


async def test_a_lock_of_an_earlier_version_shows_that_there_was_a_state(tmp_path: Path) -> None:
    """It has the process id only."""
    path = tmp_path / "gtc.sqlite"
    path.with_name("gtc.sqlite.lock").write_text("4711\n")
    path.write_bytes(b"")
    async with SqliteStore(path) as store:
        assert len(store.condition().notices) == 1


async def test_a_first_start_says_nothing_however_often_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is there before the state is."""
    path = tmp_path / "gtc.sqlite"
    with monkeypatch.context() as broken:
        broken.setattr(schema, "MIGRATIONS", (("NOT SQL",),))
        for _ in range(2):
            with pytest.raises(StateUnavailableError, match="syntax error"):
                async with SqliteStore(path):
                    pass
    path.write_bytes(b"")
    async with SqliteStore(path) as store:
        assert store.condition().notices == ()


async def test_the_log_of_an_emptied_file_is_kept(tmp_path: Path) -> None:
    """SQLite would delete it, and it may be all that is left."""
    path = tmp_path / "gtc.sqlite"
    killed = await SqliteStore(path).__aenter__()
    await killed.add_override(FREEZE, NOON, NOON)
    kept = path.with_name("gtc.sqlite-wal").read_bytes()
    await killed.__aexit__(None, None, None)
    path.write_bytes(b"")
    path.with_name("gtc.sqlite-wal").write_bytes(kept)
    async with SqliteStore(path) as store:
        [notice] = store.condition().notices
    aside = path.with_name("gtc.sqlite-wal.kept")
    assert aside.read_bytes() == kept
    assert f"what SQLite had logged last is in {aside}" in notice


async def test_ended_overrides_are_kept_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest of them; those in force all, however old; the audit tells of every one."""
    monkeypatch.setattr("controller.adapters.sqlite.overrides.KEPT_ENDED", 3)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        oldest = await store.add_override(FREEZE, NOON, NOON)
        for _ in range(8):
            given = await store.add_override(FREEZE, NOON, NOON)
            await store.end_override(given.id, actor="ana", at=NOON, why="withdrawn")
        assert await store.overrides() == (oldest,)
        assert len(await store.audit_entries(limit=100)) == 17
        assert (await store.add_override(FREEZE, NOON, NOON)).id == 10
    with closing(sqlite3.connect(path)) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM overrides ORDER BY id")]
    assert ids == [1, 7, 8, 9, 10]


async def test_of_a_large_file_a_start_reads_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage in an order is found at every size."""
    monkeypatch.setattr(integrity, "CHECKED_WHOLE_BYTES", 0)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.add_override(FREEZE, NOON, NOON)
    with closing(sqlite3.connect(path)) as connection:
        [(page,)] = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'overrides'"
        )
        [(size,)] = connection.execute("PRAGMA page_size")
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)
    with pytest.raises(StateUnavailableError, match="the file is damaged"):
        async with SqliteStore(path):
            pass
