"""The statements about the table of expected lever states."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from controller.adapters.sqlite.rows import expect_type, json_of, row_errors
from controller.adapters.sqlite.schema import transaction
from controller.model.decoding import UnreadableError, decoded
from controller.model.encoding import EXACT, as_text
from controller.model.levers import LeverState, Position
from controller.model.unreadable import UnreadableRow

EXPECTED = "expected"
"""The table."""


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


def expected(
    connection: sqlite3.Connection,
) -> tuple[dict[Position, tuple[LeverState, ...]], tuple[UnreadableRow, ...]]:
    """The expected states of all positions, and rows that cannot be read."""
    rows = connection.execute("SELECT service, pool, region, settings FROM expected")
    found, unreadable = {}, []
    for *key, body in rows:
        try:
            position = Position(*(expect_type(str, part, "its position") for part in key))
            if settings := _settings(body):
                found[position] = settings
        except UnreadableError as error:
            unreadable.append(UnreadableRow(EXPECTED, key_of(key), str(error)))
    return found, tuple(unreadable)


def key_of(position: Iterable[object]) -> str:
    """The key of a position's row, as text."""
    return "/".join(map(str, position))


def _settings(text: object) -> tuple[LeverState, ...]:
    """Raises UnreadableError."""
    with row_errors():
        data = json_of(text, "settings")
        found: tuple[LeverState, ...] = decoded(tuple[LeverState, ...], data, "settings")
        return found
