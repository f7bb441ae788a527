"""Decision records that wait in memory while the store fails."""

from __future__ import annotations

import json
import zlib
from collections import deque
from dataclasses import dataclass

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

MOST = 100
"""Drafts that may wait."""
MOST_BYTES = 16 * 2**20
"""Bytes that they may take besides the first."""


@dataclass(frozen=True, slots=True)
class UnsavedRecord:
    """A record that is not stored yet, with what its decision was made of."""

    record: DecisionRecord
    evidence: Evidence | EvidenceText


class UnsavedRecords:
    """Drafts in their order; the oldest are given up when they are too many or too large.

    All but the first and the newest are packed, or a hundred of 20 regions x 250 pools would take
    300 MB. The first one is not: storing it is tried in every cycle.
    """

    def __init__(self) -> None:
        self._drafts: deque[UnsavedRecord | _Packed] = deque()

    def __len__(self) -> int:
        return len(self._drafts)

    def append(self, draft: UnsavedRecord) -> None:
        """Let a draft wait for those before it."""
        self._drafts.append(draft)

    def first(self) -> UnsavedRecord:
        """The oldest; there is one."""
        draft = self._drafts[0]
        if isinstance(draft, _Packed):
            draft = self._drafts[0] = draft.unpacked()
        return draft

    def remove(self, first: UnsavedRecord) -> None:
        """What `first` returned waits no more; it may have been given up meanwhile."""
        if self._drafts and self._drafts[0] is first:
            self._drafts.popleft()

    def pack_newest(self) -> int:
        """The newest, if any waits, will have to wait longer; how many of the oldest were given up
        for it."""
        if len(self._drafts) > 1 and isinstance(newest := self._drafts[-1], UnsavedRecord):
            self._drafts[-1] = _Packed.of(newest)
        size, lost = sum(map(_size, self._drafts)), 0
        while len(self._drafts) > MOST or size > MOST_BYTES:
            size -= _size(self._drafts.popleft())
            lost += 1
        return lost


@dataclass(frozen=True, slots=True)
class _Packed:
    """A draft in a hundredth of the memory; settings are shared by many."""

    settings: Settings
    text: bytes
    """Record, snapshot and decision, a line each, compressed."""

    @classmethod
    def of(cls, draft: UnsavedRecord) -> _Packed:
        """The draft of a decision that was made just now."""
        assert isinstance(draft.evidence, Evidence)
        text = encode_evidence(draft.evidence)
        lines = (as_text(EXACT(draft.record)), text.snapshot, text.decision)
        settings = draft.evidence.snapshot.settings
        return cls(settings, zlib.compress("\n".join(lines).encode()))

    def unpacked(self) -> UnsavedRecord:
        """The same draft, its evidence as text."""
        record, snapshot, decision = zlib.decompress(self.text).decode().split("\n")
        evidence = EvidenceText(settings_text(self.settings), snapshot, decision)
        return UnsavedRecord(decoded(DecisionRecord, json.loads(record)), evidence)


def _size(draft: UnsavedRecord | _Packed) -> int:
    return len(draft.text) if isinstance(draft, _Packed) else 0
