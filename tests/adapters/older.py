"""State files made by earlier versions of the program."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from controller.adapters.sqlite import audit, snapshots
from controller.adapters.sqlite import schema as sqlite_schema
from controller.planning.account.evidence import Evidence, encode_evidence

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BODY = (
    '{"id":0,"at":"2026-06-01T12:00:00Z","cycle":1,"mode":"active","trigger":["a region is down"],'
    '"regions":{},"plans":[],"written":[],"timeline":[],"expected_effect":"","measured_effect":""}'
)
"""A decision record until schema 5."""
SCHEMA_5 = Path(__file__).with_name("state_of_schema_5.sql")
"""An override, its audit, expectations and six decisions, five of them with snapshots, as the last
version before schema 6 wrote them."""


def restored(path: Path) -> None:
    """Make the state file of the dump SCHEMA_5."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA_5.read_text(encoding="utf-8"))


def made(path: Path, schema: int, evidences: Iterable[Evidence | None]) -> None:
    """Make a file with one record for each evidence; its audit entries do not seal snapshots."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for step in (step for steps in sqlite_schema.MIGRATIONS[:schema] for step in steps):
            if isinstance(step, str):
                connection.execute(step)
            else:
                step(connection)
        for evidence in evidences:
            record_id = connection.execute(
                "INSERT INTO records (at, body) VALUES (?, ?)", (NOON.isoformat(), BODY)
            ).lastrowid
            assert record_id is not None
            if evidence is not None:
                snapshots.add(connection, record_id, encode_evidence(evidence))
            digest = audit.text_digest(BODY)
            audit.append_record(connection, record_id, NOON, digest, None)
        connection.execute(f"PRAGMA user_version = {schema}")
        connection.execute("COMMIT")
