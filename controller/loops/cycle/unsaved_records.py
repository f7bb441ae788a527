"""Decision records that wait in memory while the store fails."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass

from controller.model.compression import compressed, decompressed
from controller.model.configuration import Settings
from controller.model.decision import DecisionRecord
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, as_text
from controller.planning.account.evidence import (
    Evidence,
    EvidenceText,
    encode_evidence,
    settings_text,
)

MAX_RECORDS = 100
"""Records that may wait."""
MAX_BYTES = 16 * 2**20
"""Bytes that they may take in all, the first one not counted."""


@dataclass(frozen=True, slots=True)
class UnsavedRecord:
    """A record that is not stored yet, with the evidence of its decision."""

    record: DecisionRecord
    evidence: Evidence | EvidenceText


class UnsavedRecords:
    """A queue of records; the oldest are dropped when they are too many or too large.

    `len(self) <= MAX_RECORDS` and `bytes of packed ones <= MAX_BYTES` after `pack_newest`. All but
    the first and the newest are compressed, or a hundred of 20 regions x 250 pools would take
    300 MB. The first is not, because storing it is tried in every cycle.
    """

    def __init__(self) -> None:
        self._records: deque[UnsavedRecord | _Packed] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def append(self, unsaved: UnsavedRecord) -> None:
        """Add a record behind those that wait already."""
        self._records.append(unsaved)

    def first(self) -> UnsavedRecord:
        """The oldest; there is one."""
        unsaved = self._records[0]
        if isinstance(unsaved, _Packed):
            unsaved = self._records[0] = unsaved.unpacked()
        return unsaved

    def remove(self, first: UnsavedRecord) -> None:
        """Drop what `first` returned, unless it was dropped meanwhile."""
        if self._records and self._records[0] is first:
            self._records.popleft()

    def pack_newest(self) -> int:
        """Compress the newest, which must wait longer; returns how many old ones it dropped."""
        if len(self._records) > 1 and isinstance(newest := self._records[-1], UnsavedRecord):
            self._records[-1] = _Packed.of(newest)
        size, lost = sum(map(_size, self._records)), 0
        while len(self._records) > MAX_RECORDS or size > MAX_BYTES:
            size -= _size(self._records.popleft())
            lost += 1
        return lost


@dataclass(frozen=True, slots=True)
class _Packed:
    """A record in a hundredth of the memory; records share their settings."""

    settings: Settings
    text: bytes
    """Record, snapshot and decision, a line each, compressed."""

    @classmethod
    def of(cls, unsaved: UnsavedRecord) -> _Packed:
        """Compress the record of a decision that was made just now."""
        assert isinstance(unsaved.evidence, Evidence)
        text = encode_evidence(unsaved.evidence)
        lines = (as_text(EXACT(unsaved.record)), text.snapshot, text.decision)
        settings = unsaved.evidence.snapshot.settings
        return cls(settings, compressed("\n".join(lines)))

    def unpacked(self) -> UnsavedRecord:
        """The same record, its evidence as text."""
        record, snapshot, decision = decompressed(self.text).split("\n")
        evidence = EvidenceText(settings_text(self.settings), snapshot, decision)
        return UnsavedRecord(decoded(DecisionRecord, json.loads(record)), evidence)


def _size(unsaved: UnsavedRecord | _Packed) -> int:
    return len(unsaved.text) if isinstance(unsaved, _Packed) else 0
