"""One daemon for each state file, also after a kill."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from controller.adapters.sqlite.store import SqliteStore, check_audit
from controller.model.errors import StateUnavailableError

P = ParamSpec("P")
T = TypeVar("T")
AT = datetime(2026, 6, 1, tzinfo=UTC)

HOLDER = """
import asyncio, sys
from pathlib import Path
from controller.adapters.sqlite.store import SqliteStore

async def main():
    async with SqliteStore(Path(sys.argv[1])):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_second_daemon_is_refused_with_the_running_process(tmp_path: Path) -> None:
    """The first one continues undisturbed."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as first:
        with pytest.raises(
            StateUnavailableError,
            match=rf"is in use by another daemon \(process {os.getpid()}\); stop that one, or",
        ):
            async with SqliteStore(path):
                pass
        assert await first.overrides() == ()
    async with SqliteStore(path):
        pass


async def test_kill_9_leaves_no_stale_lock(tmp_path: Path) -> None:
    """The lock belongs to the process, not to the file."""
    path = tmp_path / "gtc.sqlite"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, path, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(StateUnavailableError, match=rf"process {holder.pid}"):
        async with SqliteStore(path):
            pass

    holder.kill()
    await holder.wait()
    async with SqliteStore(path):
        pass


async def test_a_state_file_that_cannot_be_opened_is_unlocked_again(tmp_path: Path) -> None:
    """So that the daemon can start again once the file is repaired."""
    path = tmp_path / "gtc.sqlite"
    path.write_text("no database" * 100)
    for _ in range(2):
        with pytest.raises(StateUnavailableError, match="is no SQLite database"):
            async with SqliteStore(path):
                pass


async def test_the_audit_is_read_without_the_lock(tmp_path: Path) -> None:
    """While a daemon runs."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path):
        assert check_audit(path).ok


async def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A folder has its name."""
    path = tmp_path / "gtc.sqlite"
    (tmp_path / "gtc.sqlite.lock").mkdir()
    with pytest.raises(StateUnavailableError, match=r"lock file .*\.lock cannot be opened"):
        async with SqliteStore(path):
            pass


async def test_an_abandoned_store_is_as_good_as_that_of_a_killed_process(tmp_path: Path) -> None:
    """Acknowledged changes stay, uncommitted ones are lost, the file is unlocked."""
    path = tmp_path / "gtc.sqlite"
    killed = await SqliteStore(path, executor=_Here).__aenter__()
    await killed.audit(at=AT, actor="ann", action="note", detail="acknowledged")
    connection = killed._connection
    assert connection is not None
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM audit")

    killed.abandon()

    async with SqliteStore(path) as later:
        assert [one.detail for one in await later.audit_entries(limit=10)] == ["acknowledged"]
        assert (await later.check_audit()).ok


class _Here(ThreadPoolExecutor):
    """An executor that runs tasks at once, in the caller's thread."""

    def submit(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(act(*args, **kwargs))
        return done
