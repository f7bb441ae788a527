"""The snapshots of decision records: compressed, and gone with the records they belong to.

Snapshot and decision are compressed together, because they say much the same; at three regions
that takes 1 kB. Settings are kept once for all snapshots that rest on them.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib

from controller.model.errors import StateUnavailableError
from controller.planning.account.evidence import Evidence, EvidenceText, written

_BETWEEN = "\n"
"""Between snapshot and decision; JSON has line ends only escaped."""


def add(connection: sqlite3.Connection, record_id: int, evidence: Evidence) -> None:
    """Keep what a record's decision was made of, in the caller's transaction."""
    text = written(evidence)
    settings = hashlib.sha256(text.settings.encode()).hexdigest()
    connection.execute(
        "INSERT OR IGNORE INTO snapshot_settings (hash, body) VALUES (?, ?)",
        (settings, zlib.compress(text.settings.encode())),
    )
    body = zlib.compress(_BETWEEN.join((text.snapshot, text.decision)).encode())
    connection.execute(
        "INSERT INTO snapshots (record_id, settings, body) VALUES (?, ?, ?)",
        (record_id, settings, body),
    )


def find(connection: sqlite3.Connection, record_id: int) -> EvidenceText | None:
    """What a record's decision was made of; None when that was not kept."""
    row = connection.execute(
        """SELECT snapshot_settings.body, snapshots.body FROM snapshots
           JOIN snapshot_settings ON snapshot_settings.hash = snapshots.settings
           WHERE record_id = ?""",
        (record_id,),
    ).fetchone()
    if row is None:
        return None
    try:
        settings, both = (zlib.decompress(body).decode() for body in row)
        snapshot, decision = both.split(_BETWEEN)
    except (zlib.error, ValueError) as error:
        raise StateUnavailableError(f"the snapshot of decision {record_id} is damaged") from error
    return EvidenceText(settings, snapshot, decision)


def forget_unused_settings(connection: sqlite3.Connection) -> None:
    """Drop settings that no snapshot rests on any more."""
    connection.execute(
        "DELETE FROM snapshot_settings WHERE hash NOT IN (SELECT settings FROM snapshots)"
    )
