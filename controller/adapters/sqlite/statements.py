"""The statements about decision records and audit entries that commit a transaction.

Each takes the connection first and runs in the thread that owns it.
Errors of SQLite pass through; `controller.adapters.sqlite.state_file` translates them.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from controller.adapters.sqlite import audit as sqlite_audit
from controller.adapters.sqlite import records
from controller.adapters.sqlite.schema import transaction
from controller.model.decision import DecisionRecord
from controller.planning.account.evidence import Evidence, EvidenceText


def add_record(
    connection: sqlite3.Connection,
    record: DecisionRecord,
    evidence: Evidence | EvidenceText | None,
    kept_bytes: int | None = None,
) -> DecisionRecord:
    """Store a record, its evidence and audit entry, and delete records beyond `kept_bytes`."""
    if record.id != 0:
        raise ValueError(f"decision record {record.id} is stored already")
    # Before the transaction: if this fails, nothing was stored.
    records.shrink_file(connection)
    with transaction(connection):
        stored = records.add(connection, record, evidence)
        records.delete_surplus(connection, record.at, kept_bytes)
    return stored


def update_record(connection: sqlite3.Connection, record: DecisionRecord) -> None:
    """Store the fields of a record that get their values later."""
    with transaction(connection):
        records.update(connection, record)


def audit(
    connection: sqlite3.Connection, at: datetime, actor: str, action: str, detail: str
) -> None:
    """Append an audit entry."""
    with transaction(connection):
        sqlite_audit.append(connection, at, actor, action, detail)
