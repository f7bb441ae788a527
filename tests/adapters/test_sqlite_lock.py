"""One daemon for each state file, whatever becomes of the one before."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from controller.adapters.sqlite import SqliteStore, check_audit
from controller.model.errors import StateUnavailableError

HOLDER = """
import asyncio, sys
from pathlib import Path
from controller.adapters.sqlite import SqliteStore

async def main():
    async with SqliteStore(Path(sys.argv[1])):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_second_daemon_is_refused_and_told_which_process_runs(tmp_path: Path) -> None:
    """The first one goes on undisturbed."""
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


async def test_kill_9_leaves_nothing_behind_that_bars_the_next(tmp_path: Path) -> None:
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
    """So that the daemon may be started anew once it is mended."""
    path = tmp_path / "gtc.sqlite"
    path.write_text("no database" * 100)
    for _ in range(2):
        with pytest.raises(StateUnavailableError, match="is no SQLite database"):
            async with SqliteStore(path):
                pass


async def test_the_audit_is_looked_at_without_the_lock(tmp_path: Path) -> None:
    """Next to a running daemon."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path):
        assert check_audit(path).ok


async def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A folder stands in its place."""
    path = tmp_path / "gtc.sqlite"
    (tmp_path / "gtc.sqlite.lock").mkdir()
    with pytest.raises(StateUnavailableError, match=r"lock file .*\.lock cannot be opened"):
        async with SqliteStore(path):
            pass
