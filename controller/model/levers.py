"""Levers: the weighted records and endpoint groups that steer traffic, observed and changed.

A `rest` field holds every property that is not steered, as canonical JSON. A change writes it back
unchanged, even properties that this program does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

LeverKind = Literal["route53", "accelerator"]
"""Kinds of levers, as named in settings, records, metrics and the API."""


class Position(NamedTuple):
    """One steered place: a pool's weighted records, or its endpoint groups, in one region."""

    service: str
    pool: str
    region: str

    def __str__(self) -> str:
        return "/".join(self)


PartWeights = Mapping[str, int]
"""Part of a position (a record type, or an endpoint of a group) to its weight when the position is
open. What counts is the ratio, which a drain to 0 loses. `0 <= weight <= 255`."""
CarriedWeights = Mapping[Position, PartWeights]
"""Position to the weights of its parts that are carried through drain and return."""


class KeptWeights(NamedTuple):
    """Carried weights of one position, and the lever that they were seen behind."""

    lever: str
    """Identity of the lever: another one has other parts."""
    weights: PartWeights


@dataclass(frozen=True, slots=True)
class RecordSet:
    """One record set of a hosted zone, with all properties that a deletion must repeat.

    `weight is None or 0 <= weight <= 255`; only weighted records have a `weight`.
    """

    name: str
    type: str
    set_identifier: str | None
    weight: int | None
    health_check_id: str | None
    rest: str
    """Remaining properties as canonical JSON."""


@dataclass(frozen=True, slots=True)
class WeightChange:
    """Another weight for one existing record set; everything else is kept. `0 <= weight <= 255`."""

    record: RecordSet
    weight: int


@dataclass(frozen=True, slots=True)
class AcceleratedEndpoint:
    """One endpoint of an endpoint group. `0 <= weight <= 255`."""

    endpoint_id: str
    weight: int
    health: str
    """HEALTHY, UNHEALTHY or INITIAL, as reported by Global Accelerator."""
    rest: str
    """Remaining configuration as canonical JSON."""


@dataclass(frozen=True, slots=True)
class EndpointGroup:
    """One region's endpoint group behind one listener. `0 <= dial <= 100`."""

    arn: str
    region: str
    dial: float
    """Traffic dial: percentage of the traffic routed to this group that it accepts."""
    endpoints: tuple[AcceleratedEndpoint, ...]

    @property
    def listener(self) -> str:
        """ARN of the group's listener: the part of the group's ARN before `/endpoint-group/`."""
        listener, found, _ = self.arn.partition("/endpoint-group/")
        return listener if found else ""


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Another dial for one endpoint group, and other weights for its endpoints.

    `0 <= dial <= 100`; `0 <= weight <= 255`; `len(weights) == len(group.endpoints)`.
    """

    group: EndpointGroup
    dial: float
    weights: tuple[int, ...]
    """Of the endpoints, in the group's order."""

    @property
    def state(self) -> LeverState:
        """The group's state after it."""
        return LeverState(max(self.weights, default=0), self.dial)


LeverChange = WeightChange | GroupChange
"""A write to one AWS resource; each kind of lever has its own type."""


class OutcomeStatus(StrEnum):
    """Status of a write. Unknown: AWS may have applied it, so read it again."""

    APPLIED = "applied"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """AWS's answer to one write. `throttled` implies `status is REFUSED`."""

    status: OutcomeStatus
    detail: str = ""
    change_id: str | None = None
    """Route 53's id of the change, whose status is polled until INSYNC."""
    throttled: bool = False
    """Whether only the request rate was the reason; the write may be sent again."""
    took_s: float = 0.0
    """Seconds from the request to the answer."""


@dataclass(frozen=True, slots=True)
class LeverState:
    """State of one position in the lever's units: a record's weight, or a group's weight and dial.

    `0 <= weight <= 255`; `dial is None` (Route 53) or `0 <= dial <= 100` (Global Accelerator, where
    `weight` is the largest of the group's endpoints).
    """

    weight: int
    dial: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it gets a share of the users: `weight > 0 and dial != 0`.

        What is not open is the last resort, not off: Route 53 answers weight 0 when all others
        are unhealthy, and an accelerator fails over to dial 0.
        """
        return self.weight > 0 and self.dial != 0

    def is_same_for_users(self, other: LeverState) -> bool:
        """Whether both give the position the same users.

        Behind an accelerator weights only share out a group's users among its endpoints.
        """
        if self.dial is None:
            return self == other
        return self.dial == other.dial and self.is_open is other.is_open


@dataclass(frozen=True, slots=True)
class Leak:
    """A path by which users of a pool with a residency could reach an unlawful region."""

    service: str
    pool: str
    geographies: tuple[str, ...]
    """Geographies of the users, as the pool names them; behind an accelerator all of them."""
    reached: str | None
    """The unlawful region; None: an address whose region is unknown."""
    failed: tuple[str, ...]
    """The smallest set that must be unhealthy: regions, or checks and targets outside of
    regions."""
    drained: tuple[str, ...]
    """What must also be drained or unhealthy while the weight that leads to the region is 0."""
    path: tuple[str, ...]
    """The records on the path, or the endpoint group; last, what users get."""
    why: str
    """The rules of Route 53 or Global Accelerator that make the path possible."""
    astray: str | None = None
    """The lawful region whose weighted record is on the path, and which is thus misdirected."""
    unread: str | None = None
    """The name that was not read, so that nothing is proven; None: the path is there."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Observed state of one service's levers: what AWS returned when they were last read.

    Invariants, with P the service's positions: `settings.keys(), unequal, failing_open ⊆ P`;
    `parts.keys() ⊆ unequal`; `parts[p][0] == settings[p]`.
    """

    at: float
    """When the reading began, monotonic seconds."""
    settings: Mapping[Position, LeverState]
    """Position to its state. Its parts are its A and AAAA record, or its groups, one per listener.
    If they differ, this is the most open part: a region is out only when all its parts are. Weights
    in the ratio that is carried (`PartWeights`) do not differ; the largest of them counts."""
    unequal: frozenset[Position] = frozenset()
    """Positions whose parts differ."""
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pool to what is missing, extra or unlawful in AWS. Such a pool is only drained."""
    notices: tuple[str, ...] = ()
    """What looks wrong but does not hinder steering: weighted records without a health check."""
    leaks: Mapping[str, tuple[Leak, ...]] = field(default_factory=dict)
    """Pool with a residency to its leaks. Empty: residency is proven. Missing: not checked."""
    parts: Mapping[Position, tuple[LeverState, ...]] = field(default_factory=dict)
    """Unequal position to the distinct states of its parts, the most open first."""
    failing_open: frozenset[Position] = frozenset()
    """Closed positions that users reach all the same: all of the pool's records of one type, or all
    groups behind one listener, are closed, and AWS treats that as all open."""
    unsteered: Mapping[Position, Mapping[str, float]] = field(default_factory=dict)
    """Position to the record types that are not steered (HTTPS, SVCB …) to the share of their
    answers that leads to it, by weight; above 0 only."""
    ratios: Mapping[Position, PartWeights] = field(default_factory=dict)
    """Position to the ratio of its A and AAAA record's weights; missing where they are equal."""
    weights_when_open: Mapping[Position, int] = field(default_factory=dict)
    """Closed position behind an accelerator to its largest endpoint weight once it is open."""
    unknown_weights: Mapping[Position, str] = field(default_factory=dict)
    """Closed position whose parts' weights were never seen, to what sets them, as text. It stays
    closed."""

    def misconfigured(self, pool: str) -> tuple[str, ...]:
        """All that is set up wrongly in a pool: its faults, and regions of unknown weights."""
        unknown = [text for p, text in self.unknown_weights.items() if p.pool == pool]
        return (*self.faults.get(pool, ()), *unknown)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one position from `before` to `after`. Its lever decides how it is written."""

    position: Position
    before: LeverState
    after: LeverState
