"""Durable state, one protocol for each kind. When a method returns, its change is on disk.

All methods raise StateUnavailableError. One store implements all protocols; a caller takes the one
that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controller.model.audit import AuditCheck, AuditEntry, ChainPoint
from controller.model.decision import DecisionRecord
from controller.model.levers import KeptWeights, LeverState, Position
from controller.model.overrides import Override, OverrideRequest
from controller.model.unreadable import StateCondition, UnreadableRecord
from controller.planning.account.evidence import Evidence, EvidenceText


class Orders(Protocol):
    """Operators' overrides. Each change is stored together with its audit entry."""

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
        """Change the end of an override that has not ended, to a later or an earlier time."""
        ...

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override; `why` is `withdrawn` or `expired`."""
        ...

    async def overrides(self) -> tuple[Override, ...]:
        """Overrides that were not ended yet, expired ones included, oldest first.

        Those that cannot be read are missing; `StateReport.condition` names them.
        """
        ...


class ExpectedLeverStates(Protocol):
    """The states that levers should be in: what the daemon last wrote, or may have written."""

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Store the possible states of each position; an empty tuple deletes the position."""
        ...

    async def expected(self) -> Mapping[Position, tuple[LeverState, ...]]: ...


class KeptPartWeights(Protocol):
    """The weights of positions' parts that are carried through drain and return."""

    async def keep_weights(self, weights: Mapping[Position, KeptWeights]) -> None:
        """Store the weights of these positions in the place of earlier ones."""
        ...

    async def kept_weights(self) -> Mapping[Position, KeptWeights]: ...


class DecisionRecords(Protocol):
    """Decisions with their evidence (inputs). The oldest are deleted."""

    async def add_record(
        self, record: DecisionRecord, evidence: Evidence | EvidenceText | None = None
    ) -> DecisionRecord:
        """Store a record whose id is 0 with its evidence; return it with its new id."""
        ...

    async def update_record(self, record: DecisionRecord) -> None:
        """Store a record's timeline and measured effect; its other fields do not change."""
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
        """Up to `limit` records, newest first, without those that cannot be read.

        `before`: only smaller ids; `region`: only records that concern it; `until`: none later.
        """
        ...

    async def records_or_errors(
        self, *, limit: int, before: int | None = None, region: str | None = None
    ) -> tuple[DecisionRecord | UnreadableRecord, ...]:
        """Up to `limit` records, newest first; one that cannot be read is in its place."""
        ...

    async def evidence(self, record_id: int) -> EvidenceText | None:
        """The evidence of a record's decision; None when it is not kept."""
        ...


class AuditTrail(Protocol):
    """Who did what, as a hash chain of entries."""

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        """Append an entry: what an operator or the daemon did."""
        ...

    async def audit_entries(
        self, *, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Up to `limit` entries, newest first, without decisions; `before`: only lower numbers."""
        ...

    async def audit_head(self) -> ChainPoint:
        """The number and digest of the last entry, decisions' entries included."""
        ...

    async def check_audit(self, noted: ChainPoint | None = None) -> AuditCheck:
        """Verify the whole chain, and that it contains `noted`, a point that was kept elsewhere."""
        ...


class StateReport(Protocol):
    """What an operator must know of the state itself."""

    def condition(self) -> StateCondition:
        """What was found when it was opened, and rows that could not be read since."""
        ...


class Store(
    Orders,
    ExpectedLeverStates,
    KeptPartWeights,
    DecisionRecords,
    AuditTrail,
    StateReport,
    Protocol,
):
    """All durable state."""
