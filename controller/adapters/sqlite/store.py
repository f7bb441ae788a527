"""Durable state in one SQLite file: the Store port.

Overrides and expected states are in `overrides` and `expected`, each method above its statement;
the thread that runs statements is in `state_file`, tables and errors are in `schema`.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import datetime
from functools import cached_property
from pathlib import Path

from controller.adapters.sqlite import audit as sqlite_audit
from controller.adapters.sqlite import records as sqlite_records
from controller.adapters.sqlite import snapshots, statements
from controller.adapters.sqlite.expected import SqliteExpectations
from controller.adapters.sqlite.kept_weights import SqliteKeptWeights
from controller.adapters.sqlite.overrides import SqliteOverrides
from controller.adapters.sqlite.schema import DRIVER_ERRORS, open_read_only, state_error
from controller.model.audit import AuditCheck, AuditEntry, ChainPoint
from controller.model.configuration import StateSettings
from controller.model.decision import DecisionRecord
from controller.model.unreadable import UnreadableRecord
from controller.planning.account.evidence import Evidence, EvidenceText


class SqliteStore(SqliteOverrides, SqliteExpectations, SqliteKeptWeights):
    """Implements the Store port; use it with `async with` (`StateFile`)."""

    _kept_bytes: int | None = None
    """Bytes of records kept at most; None: the default."""

    def apply(self, settings: StateSettings) -> None:
        """Keep as much as these settings say, from the next record on."""
        self._kept_bytes = settings.max_records_mb * 2**20

    async def add_record(
        self, record: DecisionRecord, evidence: Evidence | EvidenceText | None = None
    ) -> DecisionRecord:
        """Store a record whose id is 0 and delete the oldest surplus ones."""
        return await self.execute(statements.add_record, record, evidence, self._kept_bytes)

    async def evidence(self, record_id: int) -> EvidenceText | None:
        """The evidence of a record's decision; None when it is not kept."""
        return await self.execute(snapshots.find, record_id)

    async def update_record(self, record: DecisionRecord) -> None:
        """Store a record's timeline and measured effect; its other fields do not change."""
        await self.execute(statements.update_record, record)

    async def record(self, record_id: int) -> DecisionRecord | None:
        """The record of this id; None if it never existed or was deleted."""
        return await self.execute(sqlite_records.find, record_id)

    async def records(
        self,
        *,
        limit: int,
        before: int | None = None,
        region: str | None = None,
        until: datetime | None = None,
    ) -> tuple[DecisionRecord, ...]:
        """Up to `limit` records, newest first; see the port."""
        return self.noting(
            await self.execute(sqlite_records.readable, limit, before, region, until)
        )

    async def records_or_errors(
        self, *, limit: int, before: int | None = None, region: str | None = None
    ) -> tuple[DecisionRecord | UnreadableRecord, ...]:
        """Up to `limit` records, newest first, unreadable ones included."""
        found = await self.execute(sqlite_records.page, limit, before, region, None)
        for record in found:
            if isinstance(record, UnreadableRecord):
                self.unreadable.note(sqlite_records.row_of(record))
        return found

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        """Append an audit row."""
        await self.execute(statements.audit, at, actor, action, detail)

    async def audit_entries(
        self, *, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Up to `limit` entries, newest first; see the port."""
        return await self.execute(sqlite_audit.entries, limit, before)

    async def audit_head(self) -> ChainPoint:
        """The last entry's number and digest, to be kept where the file's owner cannot write."""
        return await self.execute(sqlite_audit.head)

    async def check_audit(self, noted: ChainPoint | None = None) -> AuditCheck:
        """Verify the whole chain, in a separate thread and connection: it takes seconds.

        One check runs at a time.
        """
        async with self._check_lock:
            return await asyncio.to_thread(check_audit, self._path, noted)

    @cached_property
    def _check_lock(self) -> asyncio.Lock:
        return asyncio.Lock()


def check_audit(path: Path, noted: ChainPoint | None = None) -> AuditCheck:
    """The check of a state file's audit, whether or not a daemon uses the file.

    Raises StateUnavailableError.
    """
    with closing(open_read_only(path)) as connection:
        try:
            return sqlite_audit.check(
                connection, sqlite_records.digests, sqlite_records.KEPT_RECORDS, noted
            )
        except DRIVER_ERRORS as error:
            raise state_error(error, path) from error


def list_audit(path: Path, limit: int, before: int | None = None) -> tuple[AuditEntry, ...]:
    """Up to `limit` audit entries of a state file, newest first, also while a daemon uses it.

    Raises StateUnavailableError.
    """
    with closing(open_read_only(path)) as connection:
        try:
            return sqlite_audit.entries(connection, limit, before)
        except DRIVER_ERRORS as error:
            raise state_error(error, path) from error
