"""The audit's tables: appending within somebody's transaction, paging, pruning and checking.

Every entry is sealed to the one before (`controller.model.audit`). Decision records are covered
too: storing one appends an entry with the digests of what the decision said and of what it was made
of, so that neither a removal nor a later edit goes unseen; what became known afterwards (timeline,
measured effect) is not covered, because it grows.
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
"""Newest entries kept; at some 300 bytes each they take 30 MB, and with a hundred acts and
decisions a day they are almost three years."""
PRUNE_STEP = 1_000
"""Entries removed at once; an entry that names the last of them stands for all before."""
DAEMON = "gtc"
"""Actor of what nobody ordered."""
_COLUMNS = "seq, at, actor, action, detail, previous, digest"
_RECORDED_DETAIL = re.compile(r"#(\d+) with digest ([0-9a-f]{64})(?:, (.+))?")
_REMOVED_DETAIL = re.compile(r"decision records up to (\d+) were removed: .+")
_SEALED_DETAIL = re.compile(r"#(\d+) with (.+)")
_NAMED = 5
"""Decisions named in one fault; the rest is counted."""
GROWING = ("timeline", "measured_effect")
"""Parts of a decision record that are not covered: they become known later."""


def append(
    connection: sqlite3.Connection, at: datetime, actor: str, action: str, detail: str
) -> None:
    """Append an entry; the caller's transaction makes it durable together with what it records."""
    entry = next_entry(_end(connection), at, actor, action, detail)
    connection.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        astuple(entry),
    )
    _set_head(connection, entry.point)
    if action != AUDIT_PRUNED:
        _prune(connection, at)


def append_record(
    connection: sqlite3.Connection, record_id: int, at: datetime, digest: str, seal: Seal | None
) -> None:
    """Append the entry of a decision record that is stored in the same transaction.

    `digest`: of what it said. `seal`: of what it was made of; None when that is not kept.
    """
    made_of = f", {seal}" if seal else ""
    append(connection, at, DAEMON, DECISION_RECORDED, f"#{record_id} with digest {digest}{made_of}")


def append_removal(
    connection: sqlite3.Connection, last: int, at: datetime, most_bytes: int
) -> None:
    """Append the entry that says that older records were removed in the same transaction."""
    detail = (
        f"decision records up to {last} were removed: more than {most_bytes >> 20} MB were kept"
    )
    append(connection, at, DAEMON, DECISIONS_REMOVED, detail)


def entries(
    connection: sqlite3.Connection, limit: int, before: int | None
) -> tuple[AuditEntry, ...]:
    """Newest first; `before` a number. Decisions are left out: they have a list of their own."""
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
    """Look through the whole chain; compare the decision records and their snapshots with it.

    `digests`: of all stored records. `kept_records`: how many of the newest must be there, but for
    those whose removal an entry tells. Everything is read from one moment's state; at the bounds of
    retention it takes seconds.
    """
    connection.execute("BEGIN")
    try:
        head = _head(connection)
        seen = _SeenEntries()
        faults = list(find_faults(seen.watch(_all(connection)), head or CHAIN_START, noted))
        if head is None:
            faults.append("what the chain should end with is not stored")
        stored = dict(digests(connection))
        faults += _record_faults(seen, stored, kept_records)
        snapshots = dict(sqlite_snapshots.seals(connection))
        faults += _snapshot_faults(seen, stored.keys(), snapshots)
        faults += _settings_faults(snapshots, sqlite_snapshots.altered_settings(connection))
    finally:
        connection.execute("ROLLBACK")
    return AuditCheck(seen.entries, seen.last, len(stored), len(snapshots), tuple(faults))


def head(connection: sqlite3.Connection) -> ChainPoint:
    """The last entry's mark, to be noted elsewhere."""
    return _head(connection) or CHAIN_START


def text_digest(body: str) -> str:
    """The digest of what the JSON of a decision record of schema 5 or older said."""
    said = {k: value for k, value in json.loads(body).items() if k not in ("id", *GROWING)}
    canonical = json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def chain_old_rows(connection: sqlite3.Connection) -> None:
    """Begin the chain; seal rows and decision records of schema 1, which had none, and say so."""
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
    """Seal the snapshots of schema 4, whose decisions' entries do not, and say so."""
    now = datetime.now(UTC)
    count = 0
    for record_id, seal in list(sqlite_snapshots.seals(connection)):
        append(connection, now, DAEMON, SNAPSHOT_SEALED, f"#{record_id} with {seal}")
        count += 1
    if count:
        detail = f"{count} snapshots of decisions were sealed; until now they were not protected"
        append(connection, now, DAEMON, "audit_widened", detail)


class _SeenEntries:
    """What is remembered of entries that are looked through one by one."""

    def __init__(self) -> None:
        self.entries = 0
        self.first = self.last = CHAIN_START
        self.records: dict[int, str] = {}
        """Decision record to the digest that was sealed when it was stored."""
        self.snapshots: dict[int, Seal] = {}
        """Decision record to the seal of what it was made of."""
        self.twice: list[int] = []
        """Decision records that a later entry seals again: what was altered would look right."""
        self.removed = 0
        """The newest decision record of which an entry tells that it was removed."""

    def watch(self, chain: Iterable[AuditEntry]) -> Iterator[AuditEntry]:
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
            self.twice.append(record_id)
            return
        self.records[record_id] = digest
        if made_of:
            self._snapshot(record_id, made_of)

    def _snapshot(self, record_id: int, text: str) -> None:
        seal = Seal.parse(text)
        if record_id in self.snapshots:
            self.twice.append(record_id)
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


def _end(connection: sqlite3.Connection) -> ChainPoint:
    """What the next entry follows. Tampering must not keep people from giving orders."""
    row = connection.execute("SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    last = ChainPoint(*row) if row else CHAIN_START
    return max(_head(connection) or CHAIN_START, last, key=lambda mark: mark.seq)


def _all(connection: sqlite3.Connection) -> Iterator[AuditEntry]:
    for row in connection.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY seq"):
        yield AuditEntry(*row)


def _prune(connection: sqlite3.Connection, at: datetime) -> None:
    """Remove the oldest entries once PRUNE_STEP of them are too many, and seal that it was done."""
    # Asked apart, SQLite answers each from an end of the table; together it reads all of it.
    oldest = connection.execute("SELECT min(seq) FROM audit").fetchone()[0]
    newest = connection.execute("SELECT max(seq) FROM audit").fetchone()[0]
    last = newest - KEPT_ENTRIES
    if last < oldest + PRUNE_STEP - 1:
        return
    row = connection.execute(
        "SELECT seq, digest FROM audit WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (last,)
    ).fetchone()
    append(connection, at, DAEMON, AUDIT_PRUNED, pruning_detail(ChainPoint(*row)))
    connection.execute("DELETE FROM audit WHERE seq <= ?", (last,))


def _record_faults(seen: _SeenEntries, stored: dict[int, str], kept: int) -> Iterator[str]:
    """Decision records that were altered, removed, slipped in or sealed again."""
    for record_id in seen.twice:
        yield f"decision record {record_id} was sealed again later"
    for record_id, digest in stored.items():
        sealed = seen.records.get(record_id)
        # The entry of a record as old as the chain may have been pruned.
        if sealed is None and seen.first.seq == 1:
            yield f"decision record {record_id} is not in the audit"
        elif sealed is not None and sealed != digest:
            yield f"decision record {record_id} was altered"
    forgotten = max(max(seen.records, default=0) - kept, seen.removed)
    for record_id in seen.records.keys() - stored.keys():
        if record_id > forgotten:
            yield f"decision record {record_id} is missing"


def _snapshot_faults(
    seen: _SeenEntries, records: Collection[int], stored: Mapping[int, Seal]
) -> Iterator[str]:
    """Snapshots that were altered, removed or slipped in; those of forgotten records are gone."""
    for record_id, seal in stored.items():
        sealed = seen.snapshots.get(record_id)
        # As with records, the entry of an old one may have been pruned.
        if sealed is None and (record_id in seen.records or seen.first.seq == 1):
            yield f"the snapshot of decision {record_id} is not in the audit"
        elif sealed is not None and sealed != seal:
            yield f"the snapshot of decision {record_id} was altered"
    for record_id in seen.snapshots:
        if record_id in records and record_id not in stored:
            yield f"the snapshot of decision {record_id} is missing"


def _settings_faults(stored: Mapping[int, Seal], altered: Collection[str]) -> Iterator[str]:
    """Settings that are not those under which decisions were made."""
    for digest in sorted(altered):
        concerned = [str(one) for one, seal in stored.items() if seal.settings == digest]
        more = len(concerned) - _NAMED
        named = ", ".join(concerned[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        if concerned:
            yield f"the settings in the snapshot of decision {named} were altered"
