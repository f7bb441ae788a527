"""A store in memory. The object outlives a simulated restart as the file would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from controller.model.audit import (
    CHAIN_START,
    DECISION_RECORDED,
    AuditCheck,
    AuditEntry,
    ChainPoint,
    find_faults,
    next_entry,
)
from controller.model.decision import DecisionRecord
from controller.model.errors import StateUnavailableError
from controller.model.levers import KeptWeights, LeverState, Position
from controller.model.overrides import Override, OverrideRequest
from controller.model.unreadable import StateCondition, UnreadableRecord
from controller.planning.account.concerned_regions import concerned_regions
from controller.planning.account.evidence import Evidence, EvidenceText, encode_evidence


class FakeStore:
    """Fulfils Store.

    Can be told: `unavailable`, to raise StateUnavailableError and keep nothing while it is set;
    `found`, what `condition` says.
    """

    def __init__(self) -> None:
        self.unavailable = False
        self.found = StateCondition()
        self._overrides: dict[int, Override] = {}
        self._ended: set[int] = set()
        self._records: dict[int, DecisionRecord] = {}
        self._evidence: dict[int, EvidenceText] = {}
        self._expected: dict[Position, tuple[LeverState, ...]] = {}
        self._weights: dict[Position, KeptWeights] = {}
        self._audit: list[AuditEntry] = []

    async def add_override(
        self,
        request: OverrideRequest,
        created_at: datetime,
        expires_at: datetime,
        replaces: Sequence[int] = (),
    ) -> Override:
        self._check()
        override = Override(
            id=len(self._overrides) + 1,
            kind=request.kind,
            region=request.region,
            service=request.service,
            author=request.author,
            reason=request.reason,
            created_at=created_at,
            expires_at=expires_at,
            ignore_guards=request.ignore_guards,
            pool=request.pool,
            share=request.share,
        )
        self._overrides[override.id] = override
        await self.audit(
            at=created_at, actor=request.author, action="override_added", detail=_text_of(override)
        )
        for replaced in replaces:
            await self.end_override(replaced, actor=request.author, at=created_at, why="replaced")
        return override

    async def extend_override(
        self, override_id: int, *, expires_at: datetime, actor: str, at: datetime, reason: str
    ) -> Override:
        self._check()
        if override_id not in self._overrides or override_id in self._ended:
            raise StateUnavailableError(f"override {override_id} has ended in the state file")
        extended = replace(self._overrides[override_id], expires_at=expires_at)
        self._overrides[override_id] = extended
        text = f"{_text_of(extended)}; extended: {reason}"
        await self.audit(at=at, actor=actor, action="override_extended", detail=text)
        return extended

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        self._check()
        if override_id not in self._overrides:
            raise StateUnavailableError(f"override {override_id} is not in the state file")
        if override_id in self._ended:
            return
        self._ended.add(override_id)
        text = _text_of(self._overrides[override_id])
        await self.audit(at=at, actor=actor, action=f"override_{why}", detail=text)

    async def overrides(self) -> tuple[Override, ...]:
        self._check()
        return tuple(o for o in self._overrides.values() if o.id not in self._ended)

    async def add_record(
        self, record: DecisionRecord, evidence: Evidence | EvidenceText | None = None
    ) -> DecisionRecord:
        self._check()
        if record.id != 0:
            raise ValueError(f"decision record {record.id} is stored already")
        stored = replace(record, id=len(self._records) + 1)
        self._records[stored.id] = stored
        if evidence is not None:
            text = evidence if isinstance(evidence, EvidenceText) else encode_evidence(evidence)
            self._evidence[stored.id] = text
        await self.audit(
            at=stored.at, actor="gtc", action=DECISION_RECORDED, detail=f"#{stored.id}"
        )
        return stored

    async def evidence(self, record_id: int) -> EvidenceText | None:
        self._check()
        return self._evidence.get(record_id)

    async def update_record(self, record: DecisionRecord) -> None:
        self._check()
        if record.id not in self._records:
            raise StateUnavailableError(f"decision record {record.id} is not in the state file")
        self._records[record.id] = replace(
            self._records[record.id],
            timeline=record.timeline,
            measured_effect=record.measured_effect,
        )

    async def record(self, record_id: int) -> DecisionRecord | None:
        self._check()
        return self._records.get(record_id)

    async def records(
        self,
        *,
        limit: int,
        before: int | None = None,
        region: str | None = None,
        until: datetime | None = None,
    ) -> tuple[DecisionRecord, ...]:
        self._check()
        found = [
            record
            for record in reversed(self._records.values())
            if (before is None or record.id < before)
            and (region is None or region in concerned_regions(record))
            and (until is None or record.at <= until)
        ]
        return tuple(found[:limit])

    async def records_or_errors(
        self, *, limit: int, before: int | None = None, region: str | None = None
    ) -> tuple[DecisionRecord | UnreadableRecord, ...]:
        return await self.records(limit=limit, before=before, region=region)

    def condition(self) -> StateCondition:
        return self.found

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        self._check()
        self._expected = {p: s for p, s in {**self._expected, **settings}.items() if s}

    async def expected(self) -> Mapping[Position, tuple[LeverState, ...]]:
        self._check()
        return dict(self._expected)

    async def keep_weights(self, weights: Mapping[Position, KeptWeights]) -> None:
        self._check()
        self._weights |= weights

    async def kept_weights(self) -> Mapping[Position, KeptWeights]:
        self._check()
        return dict(self._weights)

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        self._check()
        self._audit.append(next_entry(self._head(), at, actor, action, detail))

    async def audit_entries(
        self, *, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        self._check()
        found = [
            entry
            for entry in reversed(self._audit)
            if (before is None or entry.seq < before) and entry.action != DECISION_RECORDED
        ]
        return tuple(found[:limit])

    async def audit_head(self) -> ChainPoint:
        self._check()
        return self._head()

    async def check_audit(self, noted: ChainPoint | None = None) -> AuditCheck:
        self._check()
        faults = tuple(find_faults(self._audit, self._head(), noted))
        return AuditCheck(
            len(self._audit), self._head(), len(self._records), len(self._evidence), faults
        )

    def _head(self) -> ChainPoint:
        return self._audit[-1].point if self._audit else CHAIN_START

    def _check(self) -> None:
        if self.unavailable:
            raise StateUnavailableError("the fake was told to be unavailable")


def _text_of(override: Override) -> str:
    return f"#{override.id} {override.kind} {override.region or ''}: {override.reason}"
