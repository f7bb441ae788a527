"""The open state file: one connection, one thread, and statements as its tasks.

SQLite blocks, and its connections belong to one thread. So one thread owns the only connection and
runs every statement as a task, in the order of the calls. A task that has begun ends even if its
caller is cancelled: a change is made completely or not at all.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from controller.adapters.sqlite import file_access
from controller.adapters.sqlite.lock import StateLock
from controller.adapters.sqlite.opening import open_state
from controller.adapters.sqlite.rows import UnreadableRows
from controller.adapters.sqlite.schema import DRIVER_ERRORS, state_error
from controller.model.decoding import UnreadableError
from controller.model.errors import StateUnavailableError
from controller.model.unreadable import StateCondition, UnreadableRow

P = ParamSpec("P")
T = TypeVar("T")


def _one_thread() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="state")


class StateFile:
    """The open file; use it with `async with`.

    Entering it creates the folder, locks the file against other daemons, checks and migrates it.
    Raises StateUnavailableError.
    """

    def __init__(
        self,
        path: Path,
        observe_error: Callable[[], None] = lambda: None,
        executor: Callable[[], Executor] = _one_thread,
    ) -> None:
        """`observe_error` is called for every failed statement.

        `executor` makes the executor of statements, which must run them in the order of the calls.
        """
        self._path = path
        self._observe_error = observe_error
        self._make_executor = executor
        self._lock: StateLock
        self._connection: sqlite3.Connection | None = None
        self._notices: tuple[str, ...] = ()
        self.unreadable = UnreadableRows()
        """Rows that could not be read since the start."""

    async def __aenter__(self) -> Self:
        self._path = file_access.real_path(self._path)
        self._lock = StateLock(self._path)
        self._lock.take()
        self._executor = self._make_executor()
        try:
            await self._in_executor(self.open)
        except BaseException:
            self._executor.shutdown()
            self.release()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._in_executor(self._open_connection.close)
        finally:
            self._executor.shutdown()
            self.release()

    def abandon(self) -> None:
        """Close file and lock at once, as the kernel does for a killed process.

        For simulated processes: uncommitted changes are lost, and the store cannot be used any
        more. Call it in the executor's thread.
        """
        if self._connection is not None:
            self._connection.close()
        self.release()

    async def execute(
        self,
        statement: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The result of a statement, which gets the connection first.

        Raises StateUnavailableError for errors of SQLite and rows that cannot be read.
        """
        try:
            return await self._in_executor(
                partial(statement, self._open_connection, *args, **kwargs)
            )
        except DRIVER_ERRORS as error:
            self._observe_error()
            raise state_error(error, self._path) from error
        except (UnreadableError, OverflowError) as error:
            # A row that was damaged since it was read, or a number that SQLite cannot hold.
            self._observe_error()
            raise StateUnavailableError(f"state file {self._path}: {error}") from error

    def noting(self, result: tuple[T, tuple[UnreadableRow, ...]]) -> T:
        """What could be read; what could not be is noted."""
        found, unreadable = result
        for row in unreadable:
            self.unreadable.note(row)
        return found

    def condition(self) -> StateCondition:
        """What an operator must know of the file."""
        return StateCondition(self._notices, self.unreadable.all)

    def open(self) -> None:
        """Open the locked file; runs in the executor's thread. Raises StateUnavailableError."""
        self._connection, self._notices = open_state(self._path, self._lock)

    def release(self) -> None:
        """Let go of everything but the connection, which is closed already."""
        self._lock.release()

    @property
    def path(self) -> Path:
        """The file's real path."""
        return self._path

    @property
    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "the store is used outside its `async with`"
        return self._connection

    async def _in_executor(self, task: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, task)
