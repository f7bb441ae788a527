"""The audit: who did what, as a hash chain of entries.

An entry's digest covers its number, its text and the digest of the entry before it:
`digest[n] = sha256(seq[n], text[n], digest[n - 1])`. So an entry that is altered, removed, moved or
inserted no longer fits the later ones. The digest uses no secret: a program that can write the file
can make a whole new chain. To find that, compare the chain with a mark (number and digest) that was
noted elsewhere, such as in shipped logs (`find_faults`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime

_BEFORE_ANY = "0" * 64
DECISION_RECORDED = "decision_recorded"
"""Action of the entry with the digests of a decision record and of its snapshot."""
SNAPSHOT_SEALED = "snapshot_sealed"
"""Action of the entry with the digest of an older decision's snapshot, if its own entry lacks
it."""
DECISIONS_REMOVED = "decisions_removed"
"""Action of the entry with the number up to which decision records were removed for their size."""
AUDIT_PRUNED = "audit_pruned"
"""Action of the entry that replaces older entries removed by retention."""
_PRUNED_DETAIL = re.compile(r"entries up to (\d+) were removed; the last had digest ([0-9a-f]{64})")
_MARK = re.compile(r"(\d+):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ChainPoint:
    """One entry's place in the chain: its number and digest. As text, a mark: `NUMBER:DIGEST`."""

    seq: int
    digest: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"

    @staticmethod
    def parse(text: str) -> ChainPoint:
        """The point that a mark names; the inverse of `str`. Raises ValueError."""
        found = _MARK.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no mark; one is NUMBER:DIGEST with 64 hex digits")
        return ChainPoint(int(found[1]), found[2])


CHAIN_START = ChainPoint(0, _BEFORE_ANY)
"""The point before the first entry."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of a user, operator or the daemon.

    `seq >= 1`; `previous` is the digest of entry `seq - 1`; `digest` covers all other fields.
    """

    seq: int
    at: str
    """ISO 8601. Kept as text, because the digest covers its characters."""
    actor: str
    action: str
    detail: str
    previous: str
    """Digest of the entry before."""
    digest: str

    @property
    def point(self) -> ChainPoint:
        """Its place in the chain."""
        return ChainPoint(self.seq, self.digest)


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of checking the whole audit. `ok == (not faults)`."""

    entries: int
    head: ChainPoint
    """The last entry. Note it elsewhere: a later check against it finds a chain made anew."""
    records: int
    """Number of decision records compared with the audit."""
    snapshots: int
    """Number of decisions' snapshots compared with the audit."""
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults


def next_entry(head: ChainPoint, at: datetime, actor: str, action: str, detail: str) -> AuditEntry:
    """The entry that follows `head`, with its digest."""
    members = (head.seq + 1, at.isoformat(), actor, action, detail, head.digest)
    return AuditEntry(*members, _digest(members))


def pruning_detail(last: ChainPoint) -> str:
    """Detail of the entry that replaces all entries up to `last`."""
    return f"entries up to {last.seq} were removed; the last had digest {last.digest}"


def find_faults(
    entries: Iterable[AuditEntry], head: ChainPoint, noted: ChainPoint | None = None
) -> Iterator[str]:
    """Faults of the chain, oldest first; `entries` are in the order of their numbers.

    `head` is the last entry according to the store, `noted` a mark that was kept elsewhere.
    """
    first: AuditEntry | None = None
    pruned: ChainPoint | None = None
    last = CHAIN_START
    noted_found = noted is None
    for entry in entries:
        if first is None:
            first = entry
        else:
            yield from _break_between(last, entry)
        if entry.digest != _digest(astuple(entry)[:-1]):
            yield f"entry {entry.seq} was altered"
        if entry.action == AUDIT_PRUNED:
            pruned = _pruned(entry)
        noted_found = noted_found or entry.point == noted
        last = entry.point
    yield from _false_beginning(first, pruned)
    if last != head:
        yield f"the chain ends with {last.seq}, and should end with {head.seq}"
    if not noted_found:
        yield f"no entry is {noted}: the chain was made anew, or its end removed"


def _digest(members: tuple[object, ...]) -> str:
    """SHA-256, in hex, of an entry's members as canonical JSON."""
    canonical = json.dumps(members, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _break_between(last: ChainPoint, entry: AuditEntry) -> Iterator[str]:
    if entry.seq > last.seq + 1:
        yield f"entries {last.seq + 1} to {entry.seq - 1} are missing"
    elif entry.previous != last.digest:
        yield f"entry {entry.seq} does not follow entry {last.seq}: one was altered or moved"


def _false_beginning(first: AuditEntry | None, pruned: ChainPoint | None) -> Iterator[str]:
    if first is None:
        return
    begins_after = ChainPoint(first.seq - 1, first.previous)
    if begins_after not in (CHAIN_START, pruned):
        yield f"the chain begins with {first.seq}, and nothing stands for the entries before it"


def _pruned(entry: AuditEntry) -> ChainPoint | None:
    """The last entry that this one replaces."""
    found = _PRUNED_DETAIL.fullmatch(entry.detail)
    return ChainPoint(int(found[1]), found[2]) if found else None
