"""Durable state in one SQLite file.

SQLite blocks, and its connections belong to one thread; so one thread owns the only connection and
every act is a short task for it, in the order of the calls. A task once begun ends even if its
caller is cancelled: state is changed whole or not at all. Statements are in
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
from controller.adapters.sqlite import snapshots
from controller.adapters.sqlite import statements as statements
from controller.adapters.sqlite.lock import StateLock
from controller.adapters.sqlite.schema import open_database, open_read_only, state_error
from controller.model.audit import AuditCheck, AuditEntry, ChainPoint
from controller.model.decision import DecisionRecord
from controller.model.levers import LeverState, Position
from controller.model.overrides import Override, OverrideRequest
from controller.planning.account.evidence import Evidence, EvidenceText

P = ParamSpec("P")
T = TypeVar("T")


def _one_thread() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="state")


class SqliteStore:
    """Fulfils the Store port; to be used as `async with`.

    Entering it makes the folder, locks the file against other daemons, checks and migrates it;
    StateUnavailableError says what is wrong with it otherwise.
    """

    def __init__(
        self,
        path: Path,
        observe_error: Callable[[], None] = lambda: None,
        executor: Callable[[], Executor] = _one_thread,
    ) -> None:
        """`observe_error` is called for every act that failed.

        `executor` makes what the acts run in, one after another in the order of the calls; it is
        shut down at the end.
        """
        self._path = path
        self._observe_error = observe_error
        self._make_executor = executor
        self._lock = StateLock(path)
        self._connection: sqlite3.Connection | None = None
        self._checking = asyncio.Lock()

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
            await self._in_executor(self._opened.close)
        finally:
            self._executor.shutdown()
            self._lock.release()

    def abandon(self) -> None:
        """Let go of file and lock at once, as the kernel does for a process that is killed.

        For simulated processes: what was not committed is lost, and the store is of no more use.
        Call it in the executor's thread.
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
        """Store an override, and the end of those it replaces, together with the audit rows."""
        return await self._do(
            statements.add_override, request, created_at, expires_at, tuple(replaces)
        )

    async def extend_override(
        self, override_id: int, *, expires_at: datetime, actor: str, at: datetime, reason: str
    ) -> Override:
        """Give an override another end, with its audit row. Raises when it has ended."""
        return await self._do(
            statements.extend_override, override_id, expires_at, actor, at, reason
        )

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override, with its audit row. One that has ended already is left as it is."""
        await self._do(statements.end_override, override_id, actor, at, why)

    async def overrides(self) -> tuple[Override, ...]:
        """Those not ended yet, oldest first."""
        return await self._do(statements.overrides)

    async def add_record(
        self, record: DecisionRecord, evidence: Evidence | EvidenceText | None = None
    ) -> DecisionRecord:
        """Store a record whose id is 0, forgetting the oldest beyond what is kept."""
        return await self._do(statements.add_record, record, evidence)

    async def evidence(self, record_id: int) -> EvidenceText | None:
        """What a record's decision was made of; None when that is not kept."""
        return await self._do(snapshots.find, record_id)

    async def update_record(self, record: DecisionRecord) -> None:
        """Store a record's timeline and measured effect; the rest stays as it was decided."""
        await self._do(statements.update_record, record)

    async def record(self, record_id: int) -> DecisionRecord | None:
        """One record; None if it never was or is forgotten."""
        return await self._do(sqlite_records.find, record_id)

    async def records(
        self,
        *,
        limit: int,
        before: int | None = None,
        region: str | None = None,
        until: datetime | None = None,
    ) -> tuple[DecisionRecord, ...]:
        """Newest first; `before` an id; with `region`, those that concern it; `until` a time."""
        return await self._do(sqlite_records.page, limit, before, region, until)

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Replace what is remembered of these positions; others keep theirs."""
        await self._do(statements.expect, dict(settings))

    async def expected(self) -> Mapping[Position, tuple[LeverState, ...]]:
        """Everything remembered of positions."""
        return await self._do(statements.expected)

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        """Append an audit row."""
        await self._do(statements.audit, at, actor, action, detail)

    async def audit_entries(
        self, *, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Newest first; `before` a number."""
        return await self._do(sqlite_audit.entries, limit, before)

    async def audit_head(self) -> ChainPoint:
        """The last entry's mark, to be noted where the state file's owner cannot change it."""
        return await self._do(sqlite_audit.head)

    async def check_audit(self, noted: ChainPoint | None = None) -> AuditCheck:
        """Look through the whole chain, in a thread and connection of its own: it takes seconds.

        Several callers take turns.
        """
        async with self._checking:
            return await asyncio.to_thread(check_audit, self._path, noted)

    async def _do(
        self,
        statement: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return await self._in_executor(partial(statement, self._opened, *args, **kwargs))
        except sqlite3.Error as error:
            self._observe_error()
            raise state_error(error, self._path) from error

    @property
    def _opened(self) -> sqlite3.Connection:
        assert self._connection is not None, "the store is used outside its `async with`"
        return self._connection

    async def _in_executor(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, act)


def check_audit(path: Path, noted: ChainPoint | None = None) -> AuditCheck:
    """Look through the audit of a state file, whether or not a daemon runs on it.

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
    """Entries of a state file, newest first, whether or not a daemon runs on it.

    Raises StateUnavailableError.
    """
    with closing(open_read_only(path)) as connection:
        try:
            return sqlite_audit.entries(connection, limit, before)
        except sqlite3.Error as error:
            raise state_error(error, path) from error
