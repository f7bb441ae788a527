"""The audit: who did what, each entry sealed to the one before it.

An entry's digest covers its number, its text and the digest of its predecessor, so that none can be
altered, removed, moved or slipped in without every later one ceasing to fit. Nothing secret is in
it: whoever may write the whole file may seal a whole new chain. What shows that is a mark (number
and digest) noted elsewhere, such as in shipped logs, and compared by `find_faults`.
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
"""Action of the entry that seals a decision record, and with it what the decision was made of."""
SNAPSHOT_SEALED = "snapshot_sealed"
"""Action of the entry that seals what an older decision was made of, whose own entry does not."""
DECISIONS_REMOVED = "decisions_removed"
"""Action of the entry that says up to which number decision records were removed, for their size.
"""
AUDIT_PRUNED = "audit_pruned"
"""Action of the entry that stands for older ones removed by retention."""
_PRUNED_DETAIL = re.compile(r"entries up to (\d+) were removed; the last had digest ([0-9a-f]{64})")
_MARK = re.compile(r"(\d+):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ChainPoint:
    """A point of the chain: an entry's number and digest."""

    seq: int
    digest: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"

    @staticmethod
    def parse(text: str) -> ChainPoint:
        """The mark that `str` made. Raises ValueError."""
        found = _MARK.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no mark; one is NUMBER:DIGEST with 64 hex digits")
        return ChainPoint(int(found[1]), found[2])


CHAIN_START = ChainPoint(0, _BEFORE_ANY)
"""Where every chain starts."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of a person or of the daemon."""

    seq: int
    at: str
    """ISO 8601, to the letter as the digest covers it."""
    actor: str
    action: str
    detail: str
    previous: str
    """Digest of the entry before."""
    digest: str

    @property
    def point(self) -> ChainPoint:
        """Its point of the chain."""
        return ChainPoint(self.seq, self.digest)


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What looking through the whole audit found."""

    entries: int
    head: ChainPoint
    """To be noted elsewhere; a later check against it shows a chain made anew."""
    records: int
    """Decision records compared with the audit."""
    snapshots: int
    """Snapshots, which decisions were made of, compared with the audit."""
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything fits."""
        return not self.faults


def next_entry(head: ChainPoint, at: datetime, actor: str, action: str, detail: str) -> AuditEntry:
    """The entry that follows `head`, sealed."""
    text = (head.seq + 1, at.isoformat(), actor, action, detail, head.digest)
    return AuditEntry(*text, _seal(text))


def pruning_detail(last: ChainPoint) -> str:
    """What the entry says that stands for all up to `last`."""
    return f"entries up to {last.seq} were removed; the last had digest {last.digest}"


def find_faults(
    entries: Iterable[AuditEntry], head: ChainPoint, noted: ChainPoint | None = None
) -> Iterator[str]:
    """What does not fit in the chain, oldest first; `entries` in the order of their numbers.

    `head` is what the store says of the last entry, `noted` a mark that somebody kept elsewhere.
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
        if entry.digest != _seal(astuple(entry)[:-1]):
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


def _seal(text: tuple[object, ...]) -> str:
    canonical = json.dumps(text, ensure_ascii=True, separators=(",", ":"))
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
    found = _PRUNED_DETAIL.fullmatch(entry.detail)
    return ChainPoint(int(found[1]), found[2]) if found else None
