"""Durable state, by what is kept. What a method returned from is on disk.

All methods raise StateUnavailableError. One store fulfils all protocols; a caller asks for the one
that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controller.model.audit import AuditCheck, AuditEntry, ChainPoint
from controller.model.decision import DecisionRecord
from controller.model.levers import LeverState, Position
from controller.model.overrides import Override, OverrideRequest
from controller.planning.account.evidence import Evidence, EvidenceText


class Orders(Protocol):
    """People's overrides. Each act is stored together with its audit entry."""

    async def add_override(
        self,
        request: OverrideRequest,
        created_at: datetime,
        expires_at: datetime,
        replaces: Sequence[int] = (),
    ) -> Override:
        """Add an override and end those it replaces, both or neither."""
        ...

    async def extend_override(
        self, override_id: int, *, expires_at: datetime, actor: str, at: datetime, reason: str
    ) -> Override:
        """Give an override that has not ended another end, be it later or sooner."""
        ...

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override; `why` is `withdrawn` or `expired`."""
        ...

    async def overrides(self) -> tuple[Override, ...]:
        """Those not ended yet, expired ones among them, oldest first."""
        ...


class ExpectedLeverStates(Protocol):
    """What we last wrote to levers, or may have written."""

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Remember what positions were set to, or may have been; with nothing: forget it."""
        ...

    async def expected(self) -> Mapping[Position, tuple[LeverState, ...]]: ...


class DecisionRecords(Protocol):
    """Decisions, and what they were made of. The oldest are forgotten."""

    async def add_record(
        self, record: DecisionRecord, evidence: Evidence | EvidenceText | None = None
    ) -> DecisionRecord:
        """Store a record whose id is 0 with what it rests on; returns it with its id."""
        ...

    async def update_record(self, record: DecisionRecord) -> None:
        """Store a record's timeline and measured effect; the rest stays as it was decided."""
        ...

    async def record(self, record_id: int) -> DecisionRecord | None: ...

    async def records(
        self,
        *,
        limit: int,
        before: int | None = None,
        region: str | None = None,
        until: datetime | None = None,
    ) -> tuple[DecisionRecord, ...]:
        """Newest first; `before` pages on; `region`: only those that concern it; `until`: none
        later."""
        ...

    async def evidence(self, record_id: int) -> EvidenceText | None:
        """What a record's decision was made of; None when that is not kept."""
        ...


class AuditTrail(Protocol):
    """Who did what, as a chain of sealed entries."""

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        """Append what a person or the daemon did."""
        ...

    async def audit_entries(
        self, *, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Newest first, decisions left out; `before` pages on."""
        ...

    async def audit_head(self) -> ChainPoint:
        """The last entry's mark, decisions' entries included."""
        ...

    async def check_audit(self, noted: ChainPoint | None = None) -> AuditCheck:
        """Look through the whole chain, and for a mark that somebody noted elsewhere."""
        ...


class Store(Orders, ExpectedLeverStates, DecisionRecords, AuditTrail, Protocol):
    """All durable state."""
