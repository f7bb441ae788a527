"""Carried weights in the state file: the KeptPartWeights port and its statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from controller.adapters.sqlite.rows import expect_type, json_of, row_errors
from controller.adapters.sqlite.schema import transaction
from controller.adapters.sqlite.state_file import StateFile
from controller.model.decoding import UnreadableError, decoded
from controller.model.encoding import EXACT, as_text
from controller.model.levers import KeptWeights, Position
from controller.model.unreadable import UnreadableRow

PART_WEIGHTS = "part_weights"
"""The table."""


class SqliteKeptWeights(StateFile):
    """Implements the KeptPartWeights port."""

    async def keep_weights(self, weights: Mapping[Position, KeptWeights]) -> None:
        """Replace the carried weights of these positions."""
        await self.execute(_keep, dict(weights))
        for position in weights:
            self.unreadable.forget(PART_WEIGHTS, "/".join(position))

    async def kept_weights(self) -> Mapping[Position, KeptWeights]:
        """The carried weights of all positions."""
        return self.noting(await self.execute(_kept))


def _keep(connection: sqlite3.Connection, weights: Mapping[Position, KeptWeights]) -> None:
    """Replace the carried weights of these positions."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO part_weights (service, pool, region, lever, weights) "
            "VALUES (?, ?, ?, ?, ?)",
            [
                (*position, kept.lever, as_text(EXACT(kept.weights)))
                for position, kept in weights.items()
            ],
        )


def _kept(
    connection: sqlite3.Connection,
) -> tuple[dict[Position, KeptWeights], tuple[UnreadableRow, ...]]:
    """The carried weights of all positions, and rows that cannot be read."""
    rows = connection.execute("SELECT service, pool, region, lever, weights FROM part_weights")
    found, unreadable = {}, []
    for *key, lever, body in rows:
        try:
            position = Position(*(expect_type(str, part, "its position") for part in key))
            found[position] = KeptWeights(expect_type(str, lever, "lever"), _weights(body))
        except UnreadableError as error:
            unreadable.append(UnreadableRow(PART_WEIGHTS, "/".join(map(str, key)), str(error)))
    return found, tuple(unreadable)


def _weights(text: object) -> dict[str, int]:
    """Raises UnreadableError."""
    with row_errors():
        found: dict[str, int] = decoded(dict[str, int], json_of(text, "weights"), "weights")
        return found
