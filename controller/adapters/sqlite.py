"""Durable state in one SQLite file.

SQLite blocks, and its connections belong to one thread; so one thread owns the only connection and
every act is a short task for it, in the order of the calls. A task once begun ends even if its
caller is cancelled: state is changed whole or not at all. Statements are in
`controller.adapters.sqlite_statements`, tables and errors in `controller.adapters.sqlite_schema`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from controller.adapters import sqlite_statements as statements
from controller.adapters.sqlite_schema import open_database, state_error
from controller.model.decision import DecisionRecord
from controller.model.levers import Position, Setting
from controller.model.overrides import Override, OverrideRequest

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """Fulfils the Store port; to be used as `async with`.

    Entering it makes the folder, checks the file and migrates it; StateUnavailableError says what
    is wrong with it otherwise.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        try:
            self._connection = await self._in_thread(partial(open_database, self._path))
        except BaseException:
            self._thread.shutdown()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._in_thread(self._connection.close)
        finally:
            self._thread.shutdown()

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

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override, with its audit row. One that has ended already is left as it is."""
        await self._do(statements.end_override, override_id, actor, at, why)

    async def overrides(self) -> tuple[Override, ...]:
        """Those not ended yet, oldest first."""
        return await self._do(statements.overrides)

    async def add_record(self, record: DecisionRecord) -> DecisionRecord:
        """Store a record whose id is 0, forgetting the oldest beyond the newest 10,000."""
        return await self._do(statements.add_record, record)

    async def update_record(self, record: DecisionRecord) -> None:
        """Replace a stored record."""
        await self._do(statements.update_record, record)

    async def record(self, record_id: int) -> DecisionRecord | None:
        """One record; None if it never was or is forgotten."""
        return await self._do(statements.record, record_id)

    async def records(
        self, *, limit: int, before: int | None = None, region: str | None = None
    ) -> tuple[DecisionRecord, ...]:
        """Newest first; `before` an id; with `region`, those that concern it."""
        return await self._do(statements.records, limit, before, region)

    async def expect(self, settings: Mapping[Position, tuple[Setting, ...]]) -> None:
        """Replace what is remembered of these positions; others keep theirs."""
        await self._do(statements.expect, dict(settings))

    async def expected(self) -> Mapping[Position, tuple[Setting, ...]]:
        """Everything remembered of positions."""
        return await self._do(statements.expected)

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        """Append an audit row."""
        await self._do(statements.audit, at, actor, action, detail)

    async def audit_entries(self, *, limit: int) -> tuple[Mapping[str, str], ...]:
        """Newest first, with `at`, `actor`, `action` and `detail`."""
        return await self._do(statements.audit_entries, limit)

    async def _do(
        self,
        statement: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return await self._in_thread(partial(statement, self._connection, *args, **kwargs))
        except sqlite3.Error as error:
            raise state_error(error, self._path) from error

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)
