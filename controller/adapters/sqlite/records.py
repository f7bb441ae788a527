"""Decision records in the state file, compressed and bounded.

Column `said` (compressed JSON) holds the decision; it is written once and sealed by the audit.
Column `body` (JSON) holds the fields that get their values later. Before schema 6 `body` held both.
`number of records <= KEPT_RECORDS` and `bytes, with snapshots, <= KEPT_BYTES`: the oldest are
deleted.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from controller.adapters.sqlite import audit, snapshots
from controller.model.decision import DecisionRecord
from controller.model.decoding import UnreadableError, decoded
from controller.model.encoding import EXACT, as_text
from controller.model.errors import StateUnavailableError
from controller.planning.account.concerned_regions import concerned_regions
from controller.planning.account.evidence import Evidence, EvidenceText

KEPT_RECORDS = 10_000
"""Decision records kept at most."""
KEPT_BYTES = 256 * 2**20
"""Bytes of records and their snapshots kept at most: 10,000 records of 25 kB, their size at 20
regions x 250 pools. A record is written only when something changes, so this lasts months."""
_KEPT_RATIO = 0.9
"""Part of KEPT_BYTES that remains after a deletion, so that deletions are rare."""
_FREE_PAGES_KEPT = 2_000
"""Free pages of 4 KiB that stay in the file for new records."""
_PAGES_PER_STEP = 500
"""Pages returned to the file system in one step, which takes milliseconds."""
_NOT_SAID = ("id", *audit.GROWING_FIELDS)
"""Fields of a record that column `said` does not contain."""


def add(
    connection: sqlite3.Connection, record: DecisionRecord, evidence: Evidence | EvidenceText | None
) -> DecisionRecord:
    """Store a record, its evidence and its audit entry in the caller's transaction.

    Returns the record with its id.
    """
    data = EXACT(record)
    grown = _text(data, audit.GROWING_FIELDS)
    said = zlib.compress(as_text({k: v for k, v in data.items() if k not in _NOT_SAID}).encode())
    cursor = connection.execute(
        "INSERT INTO records (at, body, said) VALUES (?, ?, ?)",
        (record.at.isoformat(), grown, said),
    )
    stored = replace(record, id=int(cursor.lastrowid or 0))
    size, seal = len(grown.encode()) + len(said), None
    if evidence is not None:
        seal, evidence_size = snapshots.add(connection, stored.id, evidence)
        size += evidence_size
    connection.execute("INSERT INTO record_bytes VALUES (?, ?)", (stored.id, size))
    audit.append_record(connection, stored.id, record.at, digest(said), seal)
    connection.executemany(
        "INSERT INTO record_regions (region, record_id) VALUES (?, ?)",
        [(region, stored.id) for region in sorted(concerned_regions(stored))],
    )
    return stored


def update(connection: sqlite3.Connection, record: DecisionRecord) -> None:
    """Replace a record's timeline and measured effect, in the caller's transaction."""
    row = connection.execute("SELECT body, said FROM records WHERE id = ?", (record.id,)).fetchone()
    if row is None:
        raise StateUnavailableError(f"decision record {record.id} is not in the state file")
    body, said = row
    before = json.loads(body) if said is None else {}
    grown = {name: EXACT(getattr(record, name)) for name in audit.GROWING_FIELDS}
    text = as_text({**before, **grown})
    connection.execute("UPDATE records SET body = ? WHERE id = ?", (text, record.id))
    connection.execute(
        "UPDATE record_bytes SET bytes = bytes + ? WHERE record_id = ?",
        (len(text.encode()) - len(body.encode()), record.id),
    )


def find(connection: sqlite3.Connection, record_id: int) -> DecisionRecord | None:
    """The record of this id, or None."""
    row = connection.execute(
        "SELECT id, body, said FROM records WHERE id = ?", (record_id,)
    ).fetchone()
    return None if row is None else _record(*row)


def page(
    connection: sqlite3.Connection,
    limit: int,
    before: int | None,
    region: str | None,
    until: datetime | None,
) -> tuple[DecisionRecord, ...]:
    """Up to `limit` records, newest first; see `DecisionRecords.records`."""
    rows = connection.execute(
        """SELECT id, body, said FROM records
           WHERE (:before IS NULL OR id < :before)
             AND (:until IS NULL OR at <= :until)
             AND (:region IS NULL OR id IN (
                   SELECT record_id FROM record_regions WHERE region = :region))
           ORDER BY id DESC LIMIT :limit""",
        {
            "before": before,
            "region": region,
            "limit": limit,
            # Stored times are UTC as well, so comparing the texts compares the times.
            "until": until.astimezone(UTC).isoformat() if until else None,
        },
    )
    return tuple(_record(*row) for row in rows)


def delete_surplus(connection: sqlite3.Connection, at: datetime) -> None:
    """Delete the oldest records beyond KEPT_RECORDS and KEPT_BYTES, in the caller's transaction.

    The newest record always stays. A deletion because of bytes gets an audit entry, because a check
    of the audit cannot derive it from the records' ids.
    """
    newest = connection.execute("SELECT max(id) FROM records").fetchone()[0] or 0
    last_beyond_bytes = _last_beyond_bytes(connection, newest)
    last = max(newest - KEPT_RECORDS, last_beyond_bytes)
    if connection.execute("DELETE FROM records WHERE id <= ?", (last,)).rowcount:
        snapshots.delete_unused_settings(connection)
    if last_beyond_bytes:
        audit.append_removal(connection, last_beyond_bytes, at, KEPT_BYTES)


def shrink_file(connection: sqlite3.Connection) -> None:
    """Return some free pages to the file system; call it outside of a transaction."""
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if free > _FREE_PAGES_KEPT:
        count = min(free - _FREE_PAGES_KEPT, _PAGES_PER_STEP)
        # Each step of this statement returns one page; `executescript` runs all steps.
        connection.executescript(f"PRAGMA incremental_vacuum({count})")


def digests(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """The id and digest of every record."""
    for record_id, body, said in connection.execute("SELECT id, body, said FROM records"):
        try:
            yield record_id, audit.text_digest(body) if said is None else digest(said)
        except (ValueError, AttributeError):
            yield record_id, "unreadable"


def digest(said: bytes) -> str:
    """The digest of column `said` exactly as it is stored."""
    return hashlib.sha256(said).hexdigest()


def _last_beyond_bytes(connection: sqlite3.Connection, newest: int) -> int:
    """The highest id that must be deleted to observe KEPT_BYTES; 0 if none must."""
    total = connection.execute("SELECT sum(bytes) FROM record_bytes").fetchone()[0] or 0
    if total <= KEPT_BYTES:
        return 0
    row = connection.execute(
        """SELECT max(record_id) FROM (
               SELECT record_id, sum(bytes) OVER (ORDER BY record_id DESC) AS total
               FROM record_bytes)
           WHERE total > ? AND record_id < ?""",
        (int(KEPT_BYTES * _KEPT_RATIO), newest),
    ).fetchone()
    return row[0] or 0


def _record(record_id: int, body: str, said: bytes | None) -> DecisionRecord:
    try:
        data = json.loads(body)
        if said is not None:
            grown = {name: data[name] for name in audit.GROWING_FIELDS}
            data = {**json.loads(zlib.decompress(said)), **grown}
        return decoded(DecisionRecord, {**data, "id": record_id})
    except (UnreadableError, ValueError, LookupError, TypeError, zlib.error) as error:
        raise StateUnavailableError(f"decision record {record_id} cannot be read") from error


def _text(data: dict[str, Any], names: tuple[str, ...]) -> str:
    return as_text({name: data[name] for name in names})
