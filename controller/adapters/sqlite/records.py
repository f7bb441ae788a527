"""Decision records in the state file, compressed and bounded.

Column `said` (compressed JSON) holds the decision; it is written once and sealed by the audit.
Since schema 7 it lacks the regions and plans that the record's evidence holds and seals anyway.
Column `body` (JSON) holds the fields that get their values later. Before schema 6 `body` held both.
`number of records <= KEPT_RECORDS` and `bytes, with snapshots, <= what the settings allow`: the
oldest are deleted, some of them with each new one.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from controller.adapters.sqlite import audit, snapshots
from controller.adapters.sqlite.rows import json_of, next_id, row_errors
from controller.model.compression import MAX_TEXT_BYTES, compressed, decompressed
from controller.model.decision import DecisionRecord
from controller.model.decoding import UnreadableError, decoded
from controller.model.encoding import EXACT, as_text
from controller.model.errors import StateUnavailableError, UnreadableStateError
from controller.model.unreadable import UnreadableRecord, UnreadableRow
from controller.planning.account.concerned_regions import concerned_regions
from controller.planning.account.evidence import Evidence, EvidenceText, as_evidence_text

KEPT_RECORDS = 10_000
"""Decision records kept at most."""
KEPT_BYTES = 256 * 2**20
"""Bytes of records and their snapshots kept at most unless the settings say otherwise: 10,000
records of 25 kB. A record is written only when something changes, so this lasts months."""
_KEPT_RATIO = 0.9
"""Part of the allowed bytes that remains after a deletion, so that deletions are rare."""
_SIZE = f"CASE WHEN bytes BETWEEN 0 AND {MAX_TEXT_BYTES} THEN bytes ELSE 0 END"
"""A record's size; a damaged one must not delete all others."""
_DELETED_AT_ONCE = 500
"""Most records deleted with one new one; that takes tens of milliseconds."""
_FREE_PAGES_KEPT = 2_000
"""Free pages of 4 KiB that stay in the file for new records."""
_PAGES_PER_STEP = 500
"""Pages returned to the file system in one step, which takes milliseconds."""
RECORDS = "records"
"""The table."""
_ALL = -1
"""A limit that limits nothing."""
_NOT_SAID = ("id", *audit.GROWING_FIELDS)
"""Fields of a record that column `said` does not contain."""
_SHARED = ("regions", "plans")
"""Fields that a decision begins with, too; they are stored once, in its evidence."""


def add(
    connection: sqlite3.Connection, record: DecisionRecord, evidence: Evidence | EvidenceText | None
) -> DecisionRecord:
    """Store a record, its evidence and its audit entry in the caller's transaction.

    Returns the record with its id.
    """
    data = EXACT(record)
    grown = _text(data, audit.GROWING_FIELDS)
    text = as_evidence_text(evidence)
    left_out = (*_NOT_SAID, *_SHARED) if _is_shared(data, text) else _NOT_SAID
    said = compressed(as_text({k: v for k, v in data.items() if k not in left_out}))
    stored = replace(record, id=next_id(connection, RECORDS))
    connection.execute(
        "INSERT INTO records (id, at, body, said) VALUES (?, ?, ?, ?)",
        (stored.id, record.at.isoformat(), grown, said),
    )
    size, seal = len(grown.encode()) + len(said), None
    if text is not None:
        seal, evidence_size = snapshots.add(connection, stored.id, text)
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
    before = json_of(body, "body") if said is None else {}
    grown = {name: EXACT(getattr(record, name)) for name in audit.GROWING_FIELDS}
    text = as_text({**before, **grown})
    connection.execute("UPDATE records SET body = ? WHERE id = ?", (text, record.id))
    connection.execute(
        "UPDATE record_bytes SET bytes = bytes + ? WHERE record_id = ?",
        (len(text.encode()) - len(body.encode()), record.id),
    )


def find(connection: sqlite3.Connection, record_id: int) -> DecisionRecord | None:
    """The record of this id, or None. Raises UnreadableStateError."""
    found = _found(connection, record_id)
    if isinstance(found, UnreadableRecord):
        raise UnreadableStateError(
            f"decision record {record_id} cannot be read: {found.unreadable}"
        )
    return found


def page(
    connection: sqlite3.Connection,
    limit: int,
    before: int | None,
    region: str | None,
    until: datetime | None,
) -> tuple[DecisionRecord | UnreadableRecord, ...]:
    """Up to `limit` records, newest first; see `DecisionRecords.records_or_errors`."""
    found = _newest(connection, limit, before, region, until)
    return tuple(found)


def readable(
    connection: sqlite3.Connection,
    limit: int,
    before: int | None,
    region: str | None,
    until: datetime | None,
) -> tuple[tuple[DecisionRecord, ...], tuple[UnreadableRow, ...]]:
    """Up to `limit` records that can be read, newest first, and the rows that cannot."""
    found, unreadable = [], []
    for record in _newest(connection, _ALL, before, region, until):
        if isinstance(record, UnreadableRecord):
            unreadable.append(row_of(record))
        else:
            found.append(record)
        if len(found) == limit:
            break
    return tuple(found), tuple(unreadable)


def row_of(record: UnreadableRecord) -> UnreadableRow:
    """The row of an unreadable record."""
    return UnreadableRow(RECORDS, str(record.id), record.unreadable)


def _newest(
    connection: sqlite3.Connection,
    limit: int,
    before: int | None,
    region: str | None,
    until: datetime | None,
) -> Iterator[DecisionRecord | UnreadableRecord]:
    # The ids alone first: a row whose text lies in a damaged place would end the whole query.
    ids = connection.execute(
        """SELECT id FROM records
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
    for (record_id,) in ids.fetchall() if limit != _ALL else ids:
        found = _found(connection, record_id)
        if found is not None:
            yield found


def _found(
    connection: sqlite3.Connection, record_id: int
) -> DecisionRecord | UnreadableRecord | None:
    try:
        with row_errors():
            row = connection.execute(
                "SELECT body, said FROM records WHERE id = ?", (record_id,)
            ).fetchone()
            return None if row is None else _record(connection, record_id, *row)
    except UnreadableError as error:
        return UnreadableRecord(record_id, str(error))


def delete_surplus(
    connection: sqlite3.Connection, at: datetime, kept_bytes: int | None = None
) -> None:
    """Delete the oldest records beyond KEPT_RECORDS and `kept_bytes`, in the caller's transaction.

    The newest record always stays. A deletion because of bytes gets an audit entry, because a check
    of the audit cannot derive it from the records' ids. Without `kept_bytes`, KEPT_BYTES.
    """
    most_bytes = KEPT_BYTES if kept_bytes is None else kept_bytes
    last_beyond_bytes = _last_beyond_bytes(connection, most_bytes)
    last = max(_last_beyond_count(connection), last_beyond_bytes)
    if last and connection.execute("DELETE FROM records WHERE id <= ?", (last,)).rowcount:
        snapshots.delete_unused_settings(connection)
    if last_beyond_bytes:
        audit.append_removal(connection, last_beyond_bytes, at, most_bytes)


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


def _last_beyond_count(connection: sqlite3.Connection) -> int:
    """The highest id that KEPT_RECORDS newer ones have; 0 if none has.

    Counted, not reckoned from the highest id: one damaged id would delete everything.
    """
    row = connection.execute(
        "SELECT id FROM records ORDER BY id DESC LIMIT 1 OFFSET ?", (KEPT_RECORDS,)
    ).fetchone()
    return row[0] if row else 0


def _last_beyond_bytes(connection: sqlite3.Connection, kept_bytes: int) -> int:
    """The highest id to be deleted now to come to observe `kept_bytes`; 0 if none must be."""
    total, count = connection.execute(
        f"SELECT coalesce(sum({_SIZE}), 0), count(*) FROM record_bytes"
    ).fetchone()
    if total <= kept_bytes:
        return 0
    last = 0
    for record_id, size in connection.execute(
        f"SELECT record_id, {_SIZE} FROM record_bytes ORDER BY record_id LIMIT ?",
        (min(_DELETED_AT_ONCE, count - 1),),
    ):
        if total <= kept_bytes * _KEPT_RATIO:
            break
        total, last = total - size, record_id
    return int(last)


def _is_shared(data: dict[str, Any], text: EvidenceText | None) -> bool:
    """Whether the evidence's decision contains the record's regions and plans, byte for byte."""
    if text is None:
        return False
    begin = as_text({name: data[name] for name in _SHARED}).removesuffix("}")
    return text.decision.startswith(f"{begin},")


def _record(
    connection: sqlite3.Connection, record_id: int, body: object, said: object
) -> DecisionRecord:
    data = json_of(body, "body")
    if said is not None:
        grown = {name: data[name] for name in audit.GROWING_FIELDS}
        data = {**json_of(decompressed(said), "said"), **grown}
    if "plans" not in data:
        decision = json_of(snapshots.decision(connection, record_id), "its decision")
        data |= {name: decision[name] for name in _SHARED}
    record = decoded(DecisionRecord, {**data, "id": record_id})
    for at in (record.at, *(event.at for event in record.timeline)):
        at.astimezone(UTC)  # OverflowError for a time that cannot be shown
    return record


def _text(data: dict[str, Any], names: tuple[str, ...]) -> str:
    return as_text({name: data[name] for name in names})
