"""The audit's tables: append in the caller's transaction, page, prune and check.

The entries are a hash chain (`controller.model.audit`). It covers decision records, too: storing a
record appends an entry with the digests of the decision and of its evidence, so that a removal or a
later edit is detected. The timeline and the measured effect are not covered, because they grow.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import astuple
from datetime import UTC, datetime

from controller.adapters.sqlite import snapshots as sqlite_snapshots
from controller.adapters.sqlite.rows import MAX_NUMBER
from controller.adapters.sqlite.snapshots import Seal
from controller.model.audit import (
    AUDIT_PRUNED,
    CHAIN_START,
    DECISION_RECORDED,
    DECISIONS_REMOVED,
    SNAPSHOT_SEALED,
    AuditCheck,
    AuditEntry,
    ChainPoint,
    find_faults,
    next_entry,
    pruning_detail,
)

KEPT_ENTRIES = 100_000
"""Newest entries kept: about 30 MB at 300 bytes each, almost three years at a hundred a day."""
PRUNE_STEP = 1_000
"""Entries removed at once; a new entry contains the number and digest of the last of them."""
DAEMON = "gtc"
"""Actor of what the daemon does by itself."""
_COLUMNS = "seq, at, actor, action, detail, previous, digest"
_RECORDED_DETAIL = re.compile(r"#(\d+) with digest ([0-9a-f]{64})(?:, (.+))?")
_REMOVED_DETAIL = re.compile(r"decision records up to (\d+) were removed: .+")
_SEALED_DETAIL = re.compile(r"#(\d+) with (.+)")
_MAX_NAMED = 5
"""Decisions named in one fault; the others are counted."""
GROWING_FIELDS = ("timeline", "measured_effect")
"""Fields of a decision record that the chain does not cover: they get their values later."""


def append(
    connection: sqlite3.Connection, at: datetime, actor: str, action: str, detail: str
) -> None:
    """Append an entry in the caller's transaction, which also contains what the entry records."""
    entry = next_entry(_last_point(connection), at, actor, action, detail)
    connection.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        astuple(entry),
    )
    _set_head(connection, entry.point)
    if action != AUDIT_PRUNED:
        _prune(connection, at, entry.seq)


def append_record(
    connection: sqlite3.Connection, record_id: int, at: datetime, digest: str, seal: Seal | None
) -> None:
    """Append the entry of a decision record that is stored in the same transaction.

    `digest`: of the decision. `seal`: of its evidence; None when that is not kept.
    """
    made_of = f", {seal}" if seal else ""
    append(connection, at, DAEMON, DECISION_RECORDED, f"#{record_id} with digest {digest}{made_of}")


def append_removal(
    connection: sqlite3.Connection, last: int, at: datetime, most_bytes: int
) -> None:
    """Append the entry about records up to `last`, removed in the same transaction."""
    detail = (
        f"decision records up to {last} were removed: more than {most_bytes >> 20} MB were kept"
    )
    append(connection, at, DAEMON, DECISIONS_REMOVED, detail)


def entries(
    connection: sqlite3.Connection, limit: int, before: int | None
) -> tuple[AuditEntry, ...]:
    """Up to `limit` entries with numbers below `before`, newest first, without decisions."""
    rows = connection.execute(
        f"""SELECT {_COLUMNS} FROM audit
            WHERE (:before IS NULL OR seq < :before) AND action NOT IN (:recorded, :sealed)
            ORDER BY seq DESC LIMIT :limit""",
        {
            "before": before,
            "limit": limit,
            "recorded": DECISION_RECORDED,
            "sealed": SNAPSHOT_SEALED,
        },
    )
    return tuple(AuditEntry(*row) for row in rows)


def check(
    connection: sqlite3.Connection,
    digests: Callable[[sqlite3.Connection], Iterator[tuple[int, str]]],
    kept_records: int,
    noted: ChainPoint | None = None,
) -> AuditCheck:
    """Verify the whole chain, and the decision records and their snapshots against it.

    `digests`: of all stored records. `kept_records`: how many of the newest must be stored, except
    those that an entry says were removed. Everything is read in one transaction; with the most data
    that is kept it takes seconds.
    """
    connection.execute("BEGIN")
    try:
        head = _head(connection)
        scanned = _ScannedChain()
        faults = list(find_faults(scanned.scan(_all(connection)), head or CHAIN_START, noted))
        if head is None:
            faults.append("what the chain should end with is not stored")
        stored = dict(digests(connection))
        faults += _record_faults(scanned, stored, kept_records)
        snapshots = dict(sqlite_snapshots.seals(connection))
        faults += _snapshot_faults(scanned, stored.keys(), snapshots)
        faults += _settings_faults(snapshots, sqlite_snapshots.altered_settings(connection))
    finally:
        connection.execute("ROLLBACK")
    return AuditCheck(scanned.entries, scanned.last, len(stored), len(snapshots), tuple(faults))


def head(connection: sqlite3.Connection) -> ChainPoint:
    """Number and digest of the last entry, to be kept elsewhere."""
    return _head(connection) or CHAIN_START


def text_digest(body: str) -> str:
    """The digest of a decision record of schema 5 or older, from its JSON."""
    said = {k: value for k, value in json.loads(body).items() if k not in ("id", *GROWING_FIELDS)}
    canonical = json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def chain_old_rows(connection: sqlite3.Connection) -> None:
    """Begin the chain with the rows and decision records of schema 1, which had no chain."""
    _set_head(connection, CHAIN_START)
    old = connection.execute("SELECT at, actor, action, detail FROM audit_1 ORDER BY id").fetchall()
    records = connection.execute("SELECT id, at, body FROM records ORDER BY id").fetchall()
    for at, actor, action, detail in old:
        append(connection, datetime.fromisoformat(at), actor, action, detail)
    for record_id, at, body in records:
        append_record(connection, record_id, datetime.fromisoformat(at), text_digest(body), None)
    if old or records:
        detail = f"{len(old)} entries and {len(records)} decisions were sealed; until now they "
        detail += "were not protected"
        append(connection, datetime.now(UTC), DAEMON, "audit_began", detail)


def seal_old_snapshots(connection: sqlite3.Connection) -> None:
    """Append entries for the snapshots of schema 4, whose decisions' entries lack their digests."""
    now = datetime.now(UTC)
    count = 0
    for record_id, seal in list(sqlite_snapshots.seals(connection)):
        append(connection, now, DAEMON, SNAPSHOT_SEALED, f"#{record_id} with {seal}")
        count += 1
    if count:
        detail = f"{count} snapshots of decisions were sealed; until now they were not protected"
        append(connection, now, DAEMON, "audit_widened", detail)


class _ScannedChain:
    """What a scan of the chain's entries, one by one, has collected."""

    def __init__(self) -> None:
        self.entries = 0
        self.first = self.last = CHAIN_START
        self.records: dict[int, str] = {}
        """Id of a decision record to its digest when it was stored."""
        self.snapshots: dict[int, Seal] = {}
        """Id of a decision record to the seal of its evidence."""
        self.sealed_twice: list[int] = []
        """Ids of records that a later entry seals again, which could hide an alteration."""
        self.removed = 0
        """The highest id of a decision record that an entry says was removed."""

    def scan(self, chain: Iterable[AuditEntry]) -> Iterator[AuditEntry]:
        for entry in chain:
            self.entries += 1
            self.first = entry.point if self.entries == 1 else self.first
            self.last = entry.point
            if entry.action == DECISION_RECORDED and (
                found := _RECORDED_DETAIL.fullmatch(entry.detail)
            ):
                self._record(int(found[1]), found[2], found[3])
            if entry.action == SNAPSHOT_SEALED and (
                found := _SEALED_DETAIL.fullmatch(entry.detail)
            ):
                self._snapshot(int(found[1]), found[2])
            if entry.action == DECISIONS_REMOVED and (
                found := _REMOVED_DETAIL.fullmatch(entry.detail)
            ):
                self.removed = max(self.removed, int(found[1]))
            yield entry

    def _record(self, record_id: int, digest: str, made_of: str | None) -> None:
        if record_id in self.records:
            self.sealed_twice.append(record_id)
            return
        self.records[record_id] = digest
        if made_of:
            self._snapshot(record_id, made_of)

    def _snapshot(self, record_id: int, text: str) -> None:
        seal = Seal.parse(text)
        if record_id in self.snapshots:
            self.sealed_twice.append(record_id)
        elif seal is not None:
            self.snapshots[record_id] = seal


def _head(connection: sqlite3.Connection) -> ChainPoint | None:
    row = connection.execute("SELECT seq, digest FROM audit_head").fetchone()
    return ChainPoint(*row) if row else None


def _set_head(connection: sqlite3.Connection, mark: ChainPoint) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO audit_head (one, seq, digest) VALUES (1, ?, ?)",
        (mark.seq, mark.digest),
    )


def _last_point(connection: sqlite3.Connection) -> ChainPoint:
    """The point that the next entry follows; also in a damaged chain, so that orders still work."""
    row = connection.execute(
        "SELECT seq, digest FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT 1", (MAX_NUMBER,)
    ).fetchone()
    last = ChainPoint(*row) if row else CHAIN_START
    head = _head(connection) or CHAIN_START
    return head if last.seq < head.seq < MAX_NUMBER else last


def _all(connection: sqlite3.Connection) -> Iterator[AuditEntry]:
    for row in connection.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY seq"):
        yield AuditEntry(*row)


def _prune(connection: sqlite3.Connection, at: datetime, newest: int) -> None:
    """Remove the oldest entries once there are PRUNE_STEP too many, and append an entry for it."""
    oldest = connection.execute("SELECT min(seq) FROM audit").fetchone()[0]
    last = newest - KEPT_ENTRIES
    if last < oldest + PRUNE_STEP - 1:
        return
    row = connection.execute(
        "SELECT seq, digest FROM audit WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (last,)
    ).fetchone()
    append(connection, at, DAEMON, AUDIT_PRUNED, pruning_detail(ChainPoint(*row)))
    connection.execute("DELETE FROM audit WHERE seq <= ?", (last,))


def _record_faults(scanned: _ScannedChain, stored: dict[int, str], kept: int) -> Iterator[str]:
    """Faults: decision records that were altered, removed, added or sealed again."""
    for record_id in scanned.sealed_twice:
        yield f"decision record {record_id} was sealed again later"
    for record_id, digest in stored.items():
        sealed = scanned.records.get(record_id)
        # The entry of a record as old as the chain may have been pruned.
        if sealed is None and scanned.first.seq == 1:
            yield f"decision record {record_id} is not in the audit"
        elif sealed is not None and sealed != digest:
            yield f"decision record {record_id} was altered"
    newest_deleted = max(max(scanned.records, default=0) - kept, scanned.removed)
    for record_id in scanned.records.keys() - stored.keys():
        if record_id > newest_deleted:
            yield f"decision record {record_id} is missing"


def _snapshot_faults(
    scanned: _ScannedChain, records: Collection[int], stored: Mapping[int, Seal]
) -> Iterator[str]:
    """Faults: snapshots that were altered, removed or added; deleted records have none."""
    for record_id, seal in stored.items():
        sealed = scanned.snapshots.get(record_id)
        # As with records, the entry of an old snapshot may have been pruned.
        if sealed is None and (record_id in scanned.records or scanned.first.seq == 1):
            yield f"the snapshot of decision {record_id} is not in the audit"
        elif sealed is not None and sealed != seal:
            yield f"the snapshot of decision {record_id} was altered"
    for record_id in scanned.snapshots:
        if record_id in records and record_id not in stored:
            yield f"the snapshot of decision {record_id} is missing"


def _settings_faults(stored: Mapping[int, Seal], altered: Collection[str]) -> Iterator[str]:
    """Faults: stored settings that differ from those of the decisions."""
    for digest in sorted(altered):
        concerned = [str(one) for one, seal in stored.items() if seal.settings == digest]
        more = len(concerned) - _MAX_NAMED
        named = ", ".join(concerned[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
        if concerned:
            yield f"the settings in the snapshot of decision {named} were altered"
