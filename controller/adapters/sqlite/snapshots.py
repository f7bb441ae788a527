"""The evidence of decision records: compressed, and deleted with its record.

Snapshot and decision are compressed together because they share much text: 1 kB at three regions,
7 kB at 20 regions x 250 pools. Settings are stored once for all snapshots that use them.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from controller.adapters.sqlite.rows import row_errors
from controller.model.compression import compressed, decompressed
from controller.model.decoding import UnreadableError
from controller.model.errors import UnreadableStateError
from controller.planning.account.evidence import EvidenceText

_BETWEEN = "\n"
"""Separates snapshot and decision; JSON contains line ends only escaped."""
_SEAL = re.compile(r"snapshot ([0-9a-f]{64}), settings ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Seal:
    """The digests that detect an alteration of a stored snapshot."""

    snapshot: str
    """Digest of snapshot and decision exactly as stored."""
    settings: str
    """Digest of the settings' text, and their key in the table."""

    def __str__(self) -> str:
        return f"snapshot {self.snapshot}, settings {self.settings}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The seal of a text that `str` made; None for any other text."""
        found = _SEAL.fullmatch(text)
        return cls(found[1], found[2]) if found else None


def add(connection: sqlite3.Connection, record_id: int, text: EvidenceText) -> tuple[Seal, int]:
    """Store the evidence of a record's decision, in the caller's transaction.

    Returns its seal and its size in bytes; settings count with their first snapshot.
    """
    settings, settings_size = _add_settings(connection, text.settings)
    body = compressed(_BETWEEN.join((text.snapshot, text.decision)))
    connection.execute(
        "INSERT INTO snapshots (record_id, settings, body) VALUES (?, ?, ?)",
        (record_id, settings, body),
    )
    return Seal(_digest(body), settings), len(body) + settings_size


def _add_settings(connection: sqlite3.Connection, text: str) -> tuple[str, int]:
    """Store settings if they are new; return their digest and the bytes added."""
    digest = _digest(text.encode())
    known = connection.execute("SELECT 1 FROM snapshot_settings WHERE hash = ?", (digest,))
    if known.fetchone():
        return digest, 0
    body = compressed(text)
    connection.execute("INSERT INTO snapshot_settings (hash, body) VALUES (?, ?)", (digest, body))
    return digest, len(body)


def seals(connection: sqlite3.Connection) -> Iterator[tuple[int, Seal]]:
    """The record id and seal of every stored snapshot, oldest first."""
    rows = connection.execute("SELECT record_id, body, settings FROM snapshots ORDER BY record_id")
    for record_id, body, settings in rows:
        yield record_id, Seal(_digest(body), settings)


def altered_settings(connection: sqlite3.Connection) -> frozenset[str]:
    """Digests whose stored settings have another digest or are missing."""
    unlike = set()
    for digest, body in connection.execute("SELECT hash, body FROM snapshot_settings"):
        try:
            text = decompressed(body)
        except UnreadableError:
            text = ""
        if _digest(text.encode()) != digest:
            unlike.add(digest)
    missing = connection.execute(
        "SELECT settings FROM snapshots EXCEPT SELECT hash FROM snapshot_settings"
    )
    return frozenset(unlike).union(digest for (digest,) in missing)


def find(connection: sqlite3.Connection, record_id: int) -> EvidenceText | None:
    """The evidence of a record's decision; None if it was not kept. Raises UnreadableStateError."""
    try:
        with row_errors():
            row = connection.execute(
                """SELECT snapshot_settings.body, snapshots.body FROM snapshots
                   JOIN snapshot_settings ON snapshot_settings.hash = snapshots.settings
                   WHERE record_id = ?""",
                (record_id,),
            ).fetchone()
            return row and EvidenceText(decompressed(row[0]), *_parted(row[1]))
    except UnreadableError as error:
        raise UnreadableStateError(
            f"the snapshot of decision {record_id} is damaged: {error}"
        ) from error


def decision(connection: sqlite3.Connection, record_id: int) -> str:
    """The decision in a record's evidence, as JSON. Raises UnreadableError."""
    row = connection.execute("SELECT body FROM snapshots WHERE record_id = ?", (record_id,))
    found = row.fetchone()
    if found is None:
        raise UnreadableError("it has lost its snapshot")
    return _parted(found[0])[1]


def _parted(body: object) -> tuple[str, str]:
    """Snapshot and decision of a stored snapshot. Raises UnreadableError."""
    parts = decompressed(body).split(_BETWEEN)
    if len(parts) != 2:
        raise UnreadableError("its snapshot is none")
    return parts[0], parts[1]


def delete_unused_settings(connection: sqlite3.Connection) -> None:
    """Delete settings that no snapshot uses any more."""
    connection.execute(
        "DELETE FROM snapshot_settings WHERE hash NOT IN (SELECT settings FROM snapshots)"
    )


def _digest(stored: bytes) -> str:
    return hashlib.sha256(stored).hexdigest()
