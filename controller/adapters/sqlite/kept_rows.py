"""What one process leaves to the next, in the state file: the KeptRows port and its statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from controller.adapters.sqlite.rows import expect_type
from controller.adapters.sqlite.schema import transaction
from controller.adapters.sqlite.state_file import StateFile
from controller.model.decoding import UnreadableError
from controller.model.stored.kept import KeptKey
from controller.model.stored.unreadable import UnreadableRow

KEPT = "kept"
"""The table."""


class SqliteKeptRows(StateFile):
    """Implements the KeptRows port."""

    async def keep(self, rows: Mapping[KeptKey, str | None]) -> None:
        """Store these rows, all or none; None deletes one."""
        await self.execute(_keep, dict(rows))
        for key in rows:
            self.unreadable.forget(KEPT, "/".join(key))

    async def kept(self) -> Mapping[KeptKey, str]:
        """All rows that were kept."""
        return self.noting(await self.execute(_kept))


def _keep(connection: sqlite3.Connection, rows: Mapping[KeptKey, str | None]) -> None:
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


def _kept(
    connection: sqlite3.Connection,
) -> tuple[dict[KeptKey, str], tuple[UnreadableRow, ...]]:
    """All rows, and those that cannot be read."""
    found, unreadable = {}, []
    for columns in connection.execute("SELECT part, name, body FROM kept"):
        try:
            part, name, body = (expect_type(str, value, "a column") for value in columns)
            found[KeptKey(part, name)] = body
        except UnreadableError as error:
            key = "/".join(map(str, columns[:2]))
            unreadable.append(UnreadableRow(KEPT, key, str(error)))
    return found, tuple(unreadable)
