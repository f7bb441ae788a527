"""Expected lever states on a full disk are known to the next process all the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from controller.adapters.sqlite.reserve import Reserve
from controller.adapters.sqlite.store import SqliteStore
from controller.model.errors import StateUnavailableError
from controller.model.levers import LeverState, Position

OPEN, CLOSED, HALF = LeverState(128), LeverState(0), LeverState(64, 50.0)
BOTH = (OPEN, HALF)
MANY = [Position("shop", f"p{number}", "eu-west-1") for number in range(1_000)]
"""More than the free room of a page, less than the reserve holds."""


async def fill(store: SqliteStore) -> None:
    """Leave SQLite no page to grow by."""

    def leave_no_page(connection: sqlite3.Connection) -> None:
        [[pages]] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await store.execute(leave_no_page)


async def test_the_next_process_knows_what_a_full_disk_did_not_take(tmp_path: Path) -> None:
    """It was killed before there was room again; the newest of each position counts."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.expect({MANY[0]: (OPEN,)})
        await fill(store)
        await store.expect(dict.fromkeys(MANY, BOTH))
        await store.expect({MANY[1]: (CLOSED,), MANY[2]: ()})
        here = await store.expected()
    async with SqliteStore(path) as later:
        await fill(later)
        found = await later.expected()

    wanted = dict.fromkeys(MANY, BOTH) | {MANY[1]: (CLOSED,)}
    del wanted[MANY[2]]
    assert found == here == wanted


async def test_sqlite_takes_everything_over_when_it_has_room(tmp_path: Path) -> None:
    """With the next that is expected; then the reserve is empty."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await fill(store)
        await store.expect(dict.fromkeys(MANY, BOTH))
    async with SqliteStore(path) as later:
        await later.expect({MANY[0]: (CLOSED,)})
    (tmp_path / "gtc.sqlite.reserve").unlink()
    async with SqliteStore(path) as last:
        found = await last.expected()

    assert found == dict.fromkeys(MANY, BOTH) | {MANY[0]: (CLOSED,)}


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, b"\xff" * 64], ids=["cut", "zero", "other"])
async def test_a_reserve_that_was_not_written_whole_is_as_none(
    tmp_path: Path, damage: bytes
) -> None:
    """What SQLite has is what is known."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.expect({MANY[0]: (OPEN,)})
        await fill(store)
        await store.expect(dict.fromkeys(MANY, BOTH))
    reserve = tmp_path / "gtc.sqlite.reserve"
    reserve.write_bytes(damage + reserve.read_bytes()[64:] if damage else damage)
    async with SqliteStore(path) as later:
        assert await later.expected() == {MANY[0]: (OPEN,)}


async def test_what_the_reserve_cannot_hold_either_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full at the start already, so that nothing was allocated."""
    monkeypatch.setattr(Reserve, "open", lambda _: None)
    async with SqliteStore(tmp_path / "gtc.sqlite") as store:
        await fill(store)
        with pytest.raises(StateUnavailableError, match="full"):
            await store.expect(dict.fromkeys(MANY, BOTH))
