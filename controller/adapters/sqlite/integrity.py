"""Whether SQLite finds the structure of a state file whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from controller.model.errors import StateUnavailableError

CHECKED_WHOLE_BYTES = 64 * 2**20
"""Size up to which a file is checked whole at every start, in some 0.1 s."""
DAMAGED = "the file is damaged; restore it from a backup or move it away"
_LARGE_TABLES = frozenset(
    ("records", "record_regions", "record_bytes", "snapshots", "snapshot_settings", "audit")
)
"""Tables that no start reads whole."""


def refuse_damage(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StateUnavailableError for a damaged file; of a large one for what a start needs.

    Damage elsewhere costs the rows concerned, and `gtc audit verify` reads them all.
    """
    count, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    checks = (
        ["PRAGMA quick_check"]
        if count * size <= CHECKED_WHOLE_BYTES
        else [f"PRAGMA quick_check('{table}')" for table in _tables_of_a_start(connection)]
    )
    found = [str(row[0]) for check in checks for row in connection.execute(check)]
    faults = [fault for fault in found if fault != "ok"]
    if faults:
        raise StateUnavailableError(f"state file {path}: {DAMAGED} ({'; '.join(faults[:3])})")


def _tables_of_a_start(connection: sqlite3.Connection) -> list[str]:
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return [name for (name,) in tables if name not in _LARGE_TABLES and "'" not in name]
