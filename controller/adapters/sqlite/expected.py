"""Expected states of levers in the state file: the ExpectedLeverStates port and its statements."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from controller.adapters.sqlite.schema import transaction
from controller.adapters.sqlite.state_file import StateFile
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, as_text
from controller.model.levers import LeverState, Position


class SqliteExpectations(StateFile):
    """Implements the ExpectedLeverStates port."""

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Replace the expected states of these positions; see the port."""
        await self.execute(_expect, dict(settings))

    async def expected(self) -> Mapping[Position, tuple[LeverState, ...]]:
        """The expected states of all positions."""
        return await self.execute(_expected)


def _expect(
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


def _expected(connection: sqlite3.Connection) -> dict[Position, tuple[LeverState, ...]]:
    """The expected states of all positions."""
    rows = connection.execute("SELECT service, pool, region, settings FROM expected")
    return {Position(*position): _settings(body) for *position, body in rows}


def _settings(text: str) -> tuple[LeverState, ...]:
    found: tuple[LeverState, ...] = decoded(tuple[LeverState, ...], json.loads(text))
    return found
