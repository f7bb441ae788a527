"""What the loops need of the outside, as small protocols. Adapters fulfil them, tests fake them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controller.model.audit import AuditCheck, AuditEntry, Mark
from controller.model.configuration import Endpoint
from controller.model.decision import DecisionRecord
from controller.model.health import ProbeResult
from controller.model.levers import (
    EndpointGroup,
    GroupChange,
    Outcome,
    Position,
    RecordSet,
    Setting,
    WeightChange,
)
from controller.model.overrides import Override, OverrideRequest


class Clock(Protocol):
    """Time. Durations are reckoned with `monotonic` only; `wall` is for people and expiry dates."""

    def monotonic(self) -> float: ...

    def wall(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class Prober(Protocol):
    """Asks one endpoint once, over a new connection."""

    async def probe(self, endpoint: Endpoint, deadline_s: float) -> ProbeResult:
        """Never raises for anything the endpoint or the network does."""
        ...


class RecordSets(Protocol):
    """The record sets of hosted zones."""

    async def read(self, hosted_zone_id: str) -> tuple[RecordSet, ...]:
        """All record sets of the zone, all pages.

        Raises ProviderUnavailableError or ProviderRejectedError.
        """
        ...

    async def change(
        self, hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        """Apply all changes or none; refused if any record is no longer as it was read."""
        ...

    async def is_insync(self, change_id: str) -> bool:
        """Whether all name servers answer by the change. Raises as `read` does."""
        ...


class Accelerators(Protocol):
    """The endpoint groups of accelerators."""

    async def read(self, accelerator_arn: str) -> tuple[EndpointGroup, ...]:
        """All endpoint groups of all listeners. Raises as `RecordSets.read` does."""
        ...

    async def change(self, change: GroupChange) -> Outcome:
        """Set a group's dial and its endpoints' weights, keeping everything else."""
        ...

    async def is_deployed(self, accelerator_arn: str) -> bool:
        """Whether the accelerator routes by what was last written. Raises as `read` does."""
        ...


class Store(Protocol):
    """Durable state. What a method returned from is on disk. Raises StateUnavailableError."""

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
        """Give an override that has not ended another end."""
        ...

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override; `why` is `withdrawn` or `expired`."""
        ...

    async def overrides(self) -> tuple[Override, ...]:
        """Those not ended yet, expired ones among them, oldest first."""
        ...

    async def add_record(self, record: DecisionRecord) -> DecisionRecord:
        """Store a record whose id is 0; returns it with its id."""
        ...

    async def update_record(self, record: DecisionRecord) -> None:
        """Store what became known of a record later."""
        ...

    async def record(self, record_id: int) -> DecisionRecord | None: ...

    async def records(
        self, *, limit: int, before: int | None = None, region: str | None = None
    ) -> tuple[DecisionRecord, ...]:
        """Newest first; `before` pages on; `region`: only those that concern it."""
        ...

    async def expect(self, settings: Mapping[Position, tuple[Setting, ...]]) -> None:
        """Remember what positions were set to, or may have been."""
        ...

    async def expected(self) -> Mapping[Position, tuple[Setting, ...]]: ...

    async def audit(self, *, at: datetime, actor: str, action: str, detail: str) -> None:
        """Append what a person or the daemon did."""
        ...

    async def audit_entries(
        self, *, limit: int, before: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Newest first, decisions left out; `before` pages on."""
        ...

    async def audit_head(self) -> Mark:
        """The last entry's mark, decisions' entries included."""
        ...

    async def check_audit(self, noted: Mark | None = None) -> AuditCheck:
        """Look through the whole chain, and for a mark that somebody noted elsewhere."""
        ...
