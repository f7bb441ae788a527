"""Decision records in the state file: compressed, in as many bytes as are allowed.

What a decision said is stored once and sealed by the audit (`said`, compressed JSON); what becomes
known later (`body`, JSON) is small and replaced as it grows. Before schema 6 `body` held all of it.
Records are bounded by number and by bytes, their snapshots included: the oldest go first.
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
"""Bytes of records and their snapshots kept at most: all 10,000 records of 25 kB, which is what one
takes at 20 regions x 250 pools. A record is written only when something changes, so these are
months."""
_CUT = 0.9
"""Part of KEPT_BYTES that remains when records had to go, so that this is rare."""
_SPARE_PAGES = 2_000
"""Free pages of 4 KiB kept for what comes next."""
_PAGES_AT_ONCE = 500
"""Pages given back at once: milliseconds."""
_NOT_SAID = ("id", *audit.GROWING)
"""Members of a record that are stored apart from what the decision said."""


def add(
    connection: sqlite3.Connection, record: DecisionRecord, evidence: Evidence | EvidenceText | None
) -> DecisionRecord:
    """Store a record, its evidence and its audit entry in the caller's transaction."""
    data = EXACT(record)
    grown = _text(data, audit.GROWING)
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
    """Store a record's timeline and measured effect anew, in the caller's transaction."""
    row = connection.execute("SELECT body, said FROM records WHERE id = ?", (record.id,)).fetchone()
    if row is None:
        raise StateUnavailableError(f"decision record {record.id} is not in the state file")
    body, said = row
    before = json.loads(body) if said is None else {}
    grown = {name: EXACT(getattr(record, name)) for name in audit.GROWING}
    text = as_text({**before, **grown})
    connection.execute("UPDATE records SET body = ? WHERE id = ?", (text, record.id))
    connection.execute(
        "UPDATE record_bytes SET bytes = bytes + ? WHERE record_id = ?",
        (len(text.encode()) - len(body.encode()), record.id),
    )


def find(connection: sqlite3.Connection, record_id: int) -> DecisionRecord | None:
    """One record, or None."""
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
    """Newest first."""
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
            # Stored times are UTC, too, and then their texts are in the order of time.
            "until": until.astimezone(UTC).isoformat() if until else None,
        },
    )
    return tuple(_record(*row) for row in rows)


def forget_surplus(connection: sqlite3.Connection, at: datetime) -> None:
    """Remove the oldest records beyond KEPT_RECORDS and KEPT_BYTES, in the caller's transaction.

    The newest one always stays. That bytes were the reason is sealed in the audit: how many records
    there must be cannot be told from their numbers then.
    """
    newest = connection.execute("SELECT max(id) FROM records").fetchone()[0] or 0
    too_large = _last_too_large(connection, newest)
    last = max(newest - KEPT_RECORDS, too_large)
    if connection.execute("DELETE FROM records WHERE id <= ?", (last,)).rowcount:
        snapshots.forget_unused_settings(connection)
    if too_large:
        audit.append_removal(connection, too_large, at, KEPT_BYTES)


def give_back_space(connection: sqlite3.Connection) -> None:
    """Make the file smaller by some of the pages that are free, outside of a transaction."""
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if free > _SPARE_PAGES:
        count = min(free - _SPARE_PAGES, _PAGES_AT_ONCE)
        # Each of its steps gives back one page; only a script is carried through all of them.
        connection.executescript(f"PRAGMA incremental_vacuum({count})")


def digests(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """Every record and the digest of what it said."""
    for record_id, body, said in connection.execute("SELECT id, body, said FROM records"):
        try:
            yield record_id, audit.text_digest(body) if said is None else digest(said)
        except (ValueError, AttributeError):
            yield record_id, "unreadable"


def digest(said: bytes) -> str:
    """The digest of what a decision said, to the byte as it is stored."""
    return hashlib.sha256(said).hexdigest()


def _last_too_large(connection: sqlite3.Connection, newest: int) -> int:
    """The newest record that has to go for all to fit; 0 while they do."""
    total = connection.execute("SELECT sum(bytes) FROM record_bytes").fetchone()[0] or 0
    if total <= KEPT_BYTES:
        return 0
    row = connection.execute(
        """SELECT max(record_id) FROM (
               SELECT record_id, sum(bytes) OVER (ORDER BY record_id DESC) AS total
               FROM record_bytes)
           WHERE total > ? AND record_id < ?""",
        (int(KEPT_BYTES * _CUT), newest),
    ).fetchone()
    return row[0] or 0


def _record(record_id: int, body: str, said: bytes | None) -> DecisionRecord:
    try:
        data = json.loads(body)
        if said is not None:
            grown = {name: data[name] for name in audit.GROWING}
            data = {**json.loads(zlib.decompress(said)), **grown}
        return decoded(DecisionRecord, {**data, "id": record_id})
    except (UnreadableError, ValueError, LookupError, TypeError, zlib.error) as error:
        raise StateUnavailableError(f"decision record {record_id} cannot be read") from error


def _text(data: dict[str, Any], names: tuple[str, ...]) -> str:
    return as_text({name: data[name] for name in names})
