"""Durable state in one SQLite file.

SQLite blocks, and its connections belong to one thread. So one thread owns the only connection and
runs every statement as a task, in the order of the calls. A task that has begun ends even if its
caller is cancelled: a change is made completely or not at all. Statements are in
`controller.adapters.sqlite.statements`, tables and errors in `controller.adapters.sqlite.schema`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from controller.adapters.sqlite import audit as sqlite_audit
from controller.adapters.sqlite import records as sqlite_records
from controller.adapters.sqlite import snapshots, statements
from controller.adapters.sqlite.lock import StateLock
from controller.adapters.sqlite.schema import open_database, open_read_only, state_error
from controller.model.audit import AuditCheck, AuditEntry, ChainPoint
from controller.model.decision import DecisionRecord
from controller.model.kept import KeptKey
from controller.model.levers import LeverState, Position
from controller.model.overrides import Override, OverrideRequest
from controller.planning.account.evidence import Evidence, EvidenceText

P = ParamSpec("P")
T = TypeVar("T")


def _one_thread() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="state")


class SqliteStore:
    """Implements the Store port; use it with `async with`.

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
        self._lock = StateLock(path)
        self._connection: sqlite3.Connection | None = None
        self._check_lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._lock.take()
        self._executor = self._make_executor()
        try:
            self._connection = await self._in_executor(partial(open_database, self._path))
        except BaseException:
            self._executor.shutdown()
            self._lock.release()
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
            self._lock.release()

    def abandon(self) -> None:
        """Close file and lock at once, as the kernel does for a killed process.

        For simulated processes: uncommitted changes are lost, and the store cannot be used any
        more. Call it in the executor's thread.
        """
        if self._connection is not None:
            self._connection.close()
        self._lock.release()

    async def add_override(
        self,
        request: OverrideRequest,
        created_at: datetime,
        expires_at: datetime,
        replaces: Sequence[int] = (),
    ) -> Override:
        """Store an override and end those that it replaces, with audit rows."""
        return await self._execute(
            statements.add_override, request, created_at, expires_at, tuple(replaces)
        )

    async def extend_override(
        self, override_id: int, *, expires_at: datetime, actor: str, at: datetime, reason: str
    ) -> Override:
        """Change the end of an override, with an audit row. Raises when it has ended."""
        return await self._execute(
            statements.extend_override, override_id, expires_at, actor, at, reason
        )

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override, with an audit row; does nothing if it has ended already."""
        await self._execute(statements.end_override, override_id, actor, at, why)

    async def overrides(self) -> tuple[Override, ...]:
        """Overrides that have not ended, oldest first."""
        return await self._execute(statements.overrides)

    async def add_record(
        self, record: DecisionRecord, evidence: Evidence | EvidenceText | None = None
    ) -> DecisionRecord:
        """Store a record whose id is 0 and delete the oldest surplus ones."""
        return await self._execute(statements.add_record, record, evidence)

    async def evidence(self, record_id: int) -> EvidenceText | None:
        """The evidence of a record's decision; None when it is not kept."""
        return await self._execute(snapshots.find, record_id)

    async def update_record(self, record: DecisionRecord) -> None:
        """Store a record's timeline and measured effect; its other fields do not change."""
        await self._execute(statements.update_record, record)

    async def record(self, record_id: int) -> DecisionRecord | None:
        """The record of this id; None if it never existed or was deleted."""
        return await self._execute(sqlite_records.find, record_id)

    async def records(
        self,
        *,
        limit: int,
        before: int | None = None,
        region: str | None = None,
        until: datetime | None = None,
    ) -> tuple[DecisionRecord, ...]:
        """Up to `limit` records, newest first; see the port."""
        return await self._execute(sqlite_records.page, limit, before, region, until)

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Replace the expected states of these positions; see the port."""
        await self._execute(statements.expect, dict(settings))

    async def expected(self) -> Mapping[Position, tuple[LeverState, ...]]:
        """The expected states of all positions."""
        return await self._execute(statements.expected)

    async def keep(self, rows: Mapping[KeptKey, str | None]) -> None:
        """Store these rows, all or none; None deletes one."""
        await self._execute(statements.keep, dict(rows))

    async def kept(self) -> Mapping[KeptKey, str]:
        """All rows that were kept."""
        return await self._execute(statements.kept)

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        """Append an audit row."""
        await self._execute(statements.audit, at, actor, action, detail)

    async def audit_entries(
        self, *, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Up to `limit` entries, newest first; see the port."""
        return await self._execute(sqlite_audit.entries, limit, before)

    async def audit_head(self) -> ChainPoint:
        """The last entry's number and digest, to be kept where the file's owner cannot write."""
        return await self._execute(sqlite_audit.head)

    async def check_audit(self, noted: ChainPoint | None = None) -> AuditCheck:
        """Verify the whole chain, in a separate thread and connection: it takes seconds.

        One check runs at a time.
        """
        async with self._check_lock:
            return await asyncio.to_thread(check_audit, self._path, noted)

    async def _execute(
        self,
        statement: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return await self._in_executor(
                partial(statement, self._open_connection, *args, **kwargs)
            )
        except sqlite3.Error as error:
            self._observe_error()
            raise state_error(error, self._path) from error

    @property
    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "the store is used outside its `async with`"
        return self._connection

    async def _in_executor(self, task: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, task)


def check_audit(path: Path, noted: ChainPoint | None = None) -> AuditCheck:
    """The check of a state file's audit, whether or not a daemon uses the file.

    Raises StateUnavailableError.
    """
    with closing(open_read_only(path)) as connection:
        try:
            return sqlite_audit.check(
                connection, sqlite_records.digests, sqlite_records.KEPT_RECORDS, noted
            )
        except sqlite3.Error as error:
            raise state_error(error, path) from error


def list_audit(path: Path, limit: int, before: int | None = None) -> tuple[AuditEntry, ...]:
    """Up to `limit` audit entries of a state file, newest first, also while a daemon uses it.

    Raises StateUnavailableError.
    """
    with closing(open_read_only(path)) as connection:
        try:
            return sqlite_audit.entries(connection, limit, before)
        except sqlite3.Error as error:
            raise state_error(error, path) from error
