"""What the loops need of the outside, as small protocols. Adapters fulfil them, tests fake them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controller.model.audit import AuditCheck, AuditEntry, Mark
from controller.model.configuration import Endpoint
from controller.model.decision import DecisionRecord
from controller.model.figures import Figures
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
from controller.model.opinions import CheckDefinition, CheckerReport
from controller.model.overrides import Override, OverrideRequest
from controller.planning.account.evidence import Evidence, EvidenceText


class Clock(Protocol):
    """Time. Durations are reckoned with `monotonic`; `wall` is for people and expiry dates."""

    def monotonic(self) -> float: ...

    def boottime(self) -> float:
        """Seconds that go on while the machine is suspended; setting the date changes nothing.

        For promises to people, such as when an order ends. Timers do not follow it.
        """
        ...

    def wall(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call once, when `monotonic` has reached `when`; nothing awaits the callback."""
        ...


class Alarm(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None: ...


class Watcher(Protocol):
    """Told what becomes of the probes of one endpoint; calls must be short and never raise."""

    def answered(self, result: ProbeResult) -> None:
        """The one answer to an `ask`, never before that has returned."""
        ...

    def answered_late(self, result: ProbeResult) -> None:
        """An answer that passes came after its probe was given up, but before `most_s`."""
        ...

    def disturbed(self) -> None:
        """The connection that was kept open between probes ended; nobody was asked."""
        ...


class Target(Protocol):
    """One endpoint, ready to be asked."""

    def ask(self, least_s: float, most_s: float) -> None:
        """Begin one probe, the last one being answered; returns at once and never raises.

        It is given up after a time adapted to the endpoint's own latency, within these bounds.
        """
        ...

    def close(self) -> None:
        """Forget it, with any probe under way; nothing is told any more."""
        ...


class Prober(Protocol):
    """Asks endpoints."""

    def target(self, endpoint: Endpoint, watcher: Watcher) -> Target:
        """This endpoint, to be asked; `watcher` is told what comes of it."""
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


class HealthChecks(Protocol):
    """Route 53's own health checks."""

    async def definition(self, check_id: str) -> CheckDefinition:
        """How the check comes to its status. Raises as `RecordSets.read` does."""
        ...

    async def reports(self, check_id: str) -> tuple[CheckerReport, ...]:
        """What each checker of an endpoint check saw last; waits for its turn.

        Raises as `RecordSets.read` does.
        """
        ...


class NameServers(Protocol):
    """Who answers users. Both questions raise ProviderUnavailableError or ProviderRejectedError."""

    async def ask(self, hosted_zone_id: str, name: str, subnet: str) -> frozenset[str]:
        """The IPv4 addresses that one of the zone's name servers gives users in this subnet."""
        ...

    async def resolve(self, name: str) -> frozenset[str]:
        """The IPv4 addresses of any name, as this machine's resolver has them."""
        ...


class FigureSource(Protocol):
    """Where measured figures about users come from."""

    def read(self) -> Figures:
        """The last figures, with their times; never waits."""
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
        """Give an override that has not ended another end, be it later or sooner."""
        ...

    async def end_override(self, override_id: int, *, actor: str, at: datetime, why: str) -> None:
        """End an override; `why` is `withdrawn` or `expired`."""
        ...

    async def overrides(self) -> tuple[Override, ...]:
        """Those not ended yet, expired ones among them, oldest first."""
        ...

    async def add_record(
        self, record: DecisionRecord, evidence: Evidence | None = None
    ) -> DecisionRecord:
        """Store a record whose id is 0 with what it rests on; returns it with its id."""
        ...

    async def evidence(self, record_id: int) -> EvidenceText | None:
        """What a record's decision was made of; None when that is not kept."""
        ...

    async def update_record(self, record: DecisionRecord) -> None:
        """Store what became known of a record later."""
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
