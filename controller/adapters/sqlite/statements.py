"""The statements of the Store port: one function for each method.

Each takes the connection first, runs in the thread that owns it, and commits its transaction.
Errors of SQLite pass through; `controller.adapters.sqlite.store` translates them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from controller.adapters.sqlite import audit as sqlite_audit
from controller.adapters.sqlite import records
from controller.adapters.sqlite.schema import transaction
from controller.model.decision import DecisionRecord
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, as_text
from controller.model.errors import StateUnavailableError
from controller.model.kept import KeptKey
from controller.model.levers import LeverState, Position
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from controller.planning.account.evidence import Evidence, EvidenceText
from controller.planning.shares import percent

_OVERRIDE_COLUMNS = (
    "kind, region, service, pool, author, reason, created_at, expires_at, ignore_guards, share"
)


def add_override(
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
        cursor = connection.execute(
            f"INSERT INTO overrides ({_OVERRIDE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        added = _override((cursor.lastrowid, *values))
        sqlite_audit.append(connection, created_at, added.author, "override_added", _text_of(added))
        for replaced in replaces:
            _end(connection, replaced, added.author, created_at, "replaced")
    return added


def extend_override(
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


def end_override(
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
    text = _text_of(_override(columns))
    sqlite_audit.append(connection, at, actor, f"override_{why}", text)


def overrides(connection: sqlite3.Connection) -> tuple[Override, ...]:
    """Overrides that have not ended, oldest first."""
    rows = connection.execute(
        f"SELECT id, {_OVERRIDE_COLUMNS} FROM overrides WHERE ended_at IS NULL ORDER BY id"
    )
    return tuple(map(_override, rows))


def add_record(
    connection: sqlite3.Connection,
    record: DecisionRecord,
    evidence: Evidence | EvidenceText | None,
) -> DecisionRecord:
    """Store a record, its evidence and audit entry, and delete surplus records."""
    if record.id != 0:
        raise ValueError(f"decision record {record.id} is stored already")
    # Before the transaction: if this fails, nothing was stored.
    records.shrink_file(connection)
    with transaction(connection):
        stored = records.add(connection, record, evidence)
        records.delete_surplus(connection, record.at)
    return stored


def update_record(connection: sqlite3.Connection, record: DecisionRecord) -> None:
    """Store the fields of a record that get their values later."""
    with transaction(connection):
        records.update(connection, record)


def expect(
    connection: sqlite3.Connection, settings: Mapping[Position, tuple[LeverState, ...]]
) -> None:
    """Replace the expected states of these positions; an empty tuple deletes a position."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO expected (service, pool, region, settings) VALUES (?, ?, ?, ?)",
            [(*position, as_text(EXACT(s))) for position, s in settings.items() if s],
        )
        connection.executemany(
            "DELETE FROM expected WHERE service = ? AND pool = ? AND region = ?",
            [position for position, s in settings.items() if not s],
        )


def expected(connection: sqlite3.Connection) -> dict[Position, tuple[LeverState, ...]]:
    """The expected states of all positions."""
    rows = connection.execute("SELECT service, pool, region, settings FROM expected")
    return {Position(*position): _settings(body) for *position, body in rows}


def _settings(text: str) -> tuple[LeverState, ...]:
    found: tuple[LeverState, ...] = decoded(tuple[LeverState, ...], json.loads(text))
    return found


def keep(connection: sqlite3.Connection, rows: Mapping[KeptKey, str | None]) -> None:
    """Replace these rows; None deletes one."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO kept (part, name, body) VALUES (?, ?, ?)",
            [(*key, body) for key, body in rows.items() if body is not None],
        )
        connection.executemany(
            "DELETE FROM kept WHERE part = ? AND name = ?",
            [key for key, body in rows.items() if body is None],
        )


def kept(connection: sqlite3.Connection) -> dict[KeptKey, str]:
    """All rows."""
    rows = connection.execute("SELECT part, name, body FROM kept")
    return {KeptKey(part, name): body for part, name, body in rows}


def audit(
    connection: sqlite3.Connection, at: datetime, actor: str, action: str, detail: str
) -> None:
    """Append an audit entry."""
    with transaction(connection):
        sqlite_audit.append(connection, at, actor, action, detail)


def _override(columns: Sequence[Any]) -> Override:
    override_id, kind, region, service, pool, author, reason, *dates, guards, share = columns
    created_at, expires_at = map(datetime.fromisoformat, dates)
    return Override(
        id=override_id,
        kind=OverrideKind(kind),
        region=region,
        service=service,
        author=author,
        reason=reason,
        created_at=created_at,
        expires_at=expires_at,
        ignore_guards=tuple(json.loads(guards)),
        pool=pool,
        share=share,
    )


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
