"""Overrides in the state file: the Orders port, each method above the statement that it runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from controller.adapters.sqlite import audit as sqlite_audit
from controller.adapters.sqlite.lost_orders import OVERRIDES, lost_order
from controller.adapters.sqlite.rows import expect_type, json_of, next_id, row_errors, time_of
from controller.adapters.sqlite.schema import transaction
from controller.adapters.sqlite.state_file import StateFile
from controller.model.decoding import UnreadableError, decoded
from controller.model.errors import StateUnavailableError
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from controller.model.unreadable import UnreadableRow
from controller.planning.shares import percent

KEPT_ENDED = 1_000
"""Ended overrides kept at most."""
_OVERRIDE_COLUMNS = (
    "kind, region, service, pool, author, reason, created_at, expires_at, ignore_guards, share"
)


class SqliteOverrides(StateFile):
    """Implements the Orders port. Each change is committed together with its audit rows."""

    async def add_override(
        self,
        request: OverrideRequest,
        created_at: datetime,
        expires_at: datetime,
        replaces: Sequence[int] = (),
    ) -> Override:
        """Store an override and end those that it replaces, with audit rows."""
        return await self.execute(_add, request, created_at, expires_at, tuple(replaces))

    async def extend_override(
        self, override_id: int, *, expires_at: datetime, actor: str, at: datetime, reason: str
    ) -> Override:
        """Change the end of an override, with an audit row. Raises when it has ended."""
        return await self.execute(_extend, override_id, expires_at, actor, at, reason)

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override, with an audit row; does nothing if it has ended already."""
        await self.execute(_end_once, override_id, actor, at, why)
        self.unreadable.forget(OVERRIDES, str(override_id))

    async def overrides(self) -> tuple[Override, ...]:
        """Overrides that have not ended, oldest first."""
        return self.noting(await self.execute(_list))


def _add(
    connection: sqlite3.Connection,
    request: OverrideRequest,
    created_at: datetime,
    expires_at: datetime,
    replaces: tuple[int, ...],
) -> Override:
    """Store an override and end those that it replaces, with audit rows, in one transaction."""
    values = (
        request.kind.value,
        request.region,
        request.service,
        request.pool,
        request.author,
        request.reason,
        created_at.isoformat(),
        expires_at.isoformat(),
        json.dumps(request.ignore_guards),
        request.share,
    )
    with transaction(connection):
        row = (next_id(connection, OVERRIDES), *values)
        connection.execute(
            f"INSERT INTO overrides (id, {_OVERRIDE_COLUMNS}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        added = _override(row)
        sqlite_audit.append(connection, created_at, added.author, "override_added", _text_of(added))
        for replaced in replaces:
            _end(connection, replaced, added.author, created_at, "replaced")
    return added


def _extend(
    connection: sqlite3.Connection,
    override_id: int,
    expires_at: datetime,
    actor: str,
    at: datetime,
    reason: str,
) -> Override:
    """Change the end of an override, with an audit row."""
    with transaction(connection):
        row = connection.execute(
            f"""UPDATE overrides SET expires_at = ? WHERE id = ? AND ended_at IS NULL
                RETURNING id, {_OVERRIDE_COLUMNS}""",
            (expires_at.isoformat(), override_id),
        ).fetchone()
        if row is None:
            raise StateUnavailableError(f"override {override_id} has ended in the state file")
        extended = _override(row)
        text = f"{_text_of(extended)}; extended: {reason}"
        sqlite_audit.append(connection, at, actor, "override_extended", text)
    return extended


def _end_once(
    connection: sqlite3.Connection, override_id: int, actor: str, at: datetime, why: str
) -> None:
    """Mark an override as ended, with an audit row; does nothing if it had ended already."""
    with transaction(connection):
        _end(connection, override_id, actor, at, why)


def _end(
    connection: sqlite3.Connection, override_id: int, actor: str, at: datetime, why: str
) -> None:
    row = connection.execute(
        f"SELECT id, {_OVERRIDE_COLUMNS}, ended_at FROM overrides WHERE id = ?", (override_id,)
    ).fetchone()
    if row is None:
        raise StateUnavailableError(f"override {override_id} is not in the state file")
    *columns, ended_at = row
    if ended_at is not None:
        return
    connection.execute(
        "UPDATE overrides SET ended_at = ?, ended_by = ?, ended_why = ? WHERE id = ?",
        (at.isoformat(), actor, why, override_id),
    )
    sqlite_audit.append(connection, at, actor, f"override_{why}", _text_of_row(columns))
    _delete_surplus_ended(connection)


def _delete_surplus_ended(connection: sqlite3.Connection) -> None:
    """Keep the newest KEPT_ENDED of the overrides that have ended; the audit tells of all."""
    connection.execute(
        """DELETE FROM overrides WHERE ended_at IS NOT NULL AND id <= (
               SELECT id FROM overrides WHERE ended_at IS NOT NULL
               ORDER BY id DESC LIMIT 1 OFFSET ?)""",
        (KEPT_ENDED,),
    )


def _list(
    connection: sqlite3.Connection,
) -> tuple[tuple[Override, ...], tuple[UnreadableRow, ...]]:
    """Overrides that have not ended, oldest first, and rows of such that cannot be read."""
    rows = connection.execute(
        f"SELECT id, {_OVERRIDE_COLUMNS} FROM overrides WHERE ended_at IS NULL ORDER BY id"
    )
    found, unreadable = [], []
    for columns in rows:
        try:
            found.append(_override(columns))
        except UnreadableError as error:
            unreadable.append(lost_order(connection, columns[0], str(error)))
    return tuple(found), tuple(unreadable)


def _override(columns: Sequence[Any]) -> Override:
    """Raises UnreadableError."""
    override_id, kind, *places, author, reason, created_at, expires_at, guards, share = columns
    with row_errors():
        region, service, pool = (
            place if place is None else expect_type(str, place, column)
            for place, column in zip(places, ("region", "service", "pool"), strict=True)
        )
        found = Override(
            id=expect_type(int, override_id, "id"),
            kind=decoded(OverrideKind, kind, "kind"),
            region=region,
            service=service,
            author=expect_type(str, author, "author"),
            reason=expect_type(str, reason, "reason"),
            created_at=time_of(created_at, "created_at"),
            expires_at=time_of(expires_at, "expires_at"),
            ignore_guards=decoded(
                tuple[str, ...], json_of(guards, "ignore_guards"), "ignore_guards"
            ),
            pool=pool,
            share=share,
        )
    fault = found.fault
    if fault:
        raise UnreadableError(fault)
    return found


def _text_of_row(columns: Sequence[Any]) -> str:
    """An override as text for an audit row, also if it cannot be read."""
    try:
        return _text_of(_override(columns))
    except UnreadableError as error:
        return f"#{columns[0]}, which cannot be read: {error}"


def _text_of(override: Override) -> str:
    """An override as text for an audit row: `#3 pin eu-west-1 at 30 % of shop until …: reason`."""
    order = f"{override.kind} {override.region}" if override.region else f"{override.kind}"
    if override.share is not None:
        order += f" at {percent(override.share)}"
    ignoring = f", ignoring {', '.join(override.ignore_guards)}" if override.ignore_guards else ""
    scope = "/".join(part for part in (override.service, override.pool) if part)
    return (
        f"#{override.id} {order} of {scope or 'every service'} "
        f"until {override.expires_at.isoformat()}{ignoring}: {override.reason}"
    )
