"""Reads one row at a time, so that a row that is damaged costs itself and nothing else.

SQLite proves only that a row has the declared types, and a damaged file not even that.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog

from controller.model.decoding import UnreadableError
from controller.model.unreadable import UnreadableRow

_log = structlog.get_logger("state")
MAX_NUMBER = 2**53
"""Ids and other numbers from here on are damaged: none of ours grows so large."""
_MAX_NOTED = 50
"""Unreadable rows that are remembered."""
_NONSENSE = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""What decoding raises for values that no version of this program wrote."""

T = TypeVar("T")


class UnreadableRows:
    """The rows that could not be read; each is logged when it is found first."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], UnreadableRow] = {}

    def note(self, row: UnreadableRow) -> None:
        """Remember a row; of more than _MAX_NOTED the oldest is forgotten."""
        place = row.table, row.key
        if place in self._rows:
            return
        self._rows[place] = row
        if len(self._rows) > _MAX_NOTED:
            del self._rows[next(iter(self._rows))]
        _log.error("state_row_unreadable", table=row.table, key=row.key, error=row.error)

    def forget(self, table: str, key: str) -> None:
        """Forget a row that has a new value, or was ended."""
        self._rows.pop((table, key), None)

    @property
    def all(self) -> tuple[UnreadableRow, ...]:
        """The rows, the latest last."""
        return tuple(self._rows.values())


def next_id(connection: sqlite3.Connection, table: str) -> int:
    """An id above all that a table with AUTOINCREMENT ever had, damaged ones not counted.

    SQLite itself would go on from a damaged one, and from the largest number not at all.
    """
    used = connection.execute(
        f"""SELECT max(id) FROM (
                SELECT max(id) AS id FROM {table} WHERE id < :most
                UNION ALL SELECT seq FROM sqlite_sequence WHERE name = :table AND seq < :most)""",
        {"most": MAX_NUMBER, "table": table},
    ).fetchone()[0]
    return max(int(used or 0), 0) + 1


@contextmanager
def row_errors() -> Iterator[None]:
    """Raise UnreadableError for whatever goes wrong with the row that is read inside."""
    try:
        yield
    except UnreadableError:
        raise
    except _NONSENSE as error:
        raise UnreadableError(str(error) or type(error).__name__) from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        raise UnreadableError(f"its place in the file is damaged ({error})") from error


def expect_type(kind: type[T], value: object, column: str) -> T:
    """The value. Raises UnreadableError if it is not of this type."""
    if type(value) is not kind:
        raise UnreadableError(f"{column} is {shown(value)}, no {_NAMES.get(kind, kind.__name__)}")
    return value


def time_of(value: object, column: str) -> datetime:
    """A time in UTC. Raises UnreadableError unless the value is a time with its offset."""
    text = expect_type(str, value, column)
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise UnreadableError(f"{column} is {shown(text)}, without its offset from UTC")
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"{column} is {shown(text)}, no time") from error


def json_of(value: object, column: str) -> Any:
    """The data of a JSON text. Raises UnreadableError if it is none."""
    text = expect_type(str, value, column)
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableError(f"{column} is {shown(text)}, no JSON") from error
    except RecursionError as error:
        raise UnreadableError(f"{column} is {shown(text)}, nested too deeply") from error


def shown(value: object, most: int = 60) -> str:
    """The beginning of a value, `most` characters of it, for a message."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


_NAMES: dict[type, str] = {str: "text", int: "whole number", float: "number", bytes: "bytes"}
