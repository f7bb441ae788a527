"""What AWS says of the levers we pull, and the changes we ask for.

`rest` fields hold, as canonical JSON, every property we do not steer, so that a change carries it
back untouched, properties newer than this program included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

LeverKind = Literal["route53", "accelerator"]
"""The kinds of levers, as the settings, records, metrics and the API call them."""


class Position(NamedTuple):
    """Where traffic is regulated: a pool's weighted records or endpoint groups in one region."""

    service: str
    pool: str
    region: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class RecordSet:
    """One record set of a hosted zone, complete enough to be deleted exactly."""

    name: str
    type: str
    set_identifier: str | None
    weight: int | None
    health_check_id: str | None
    rest: str
    """Remaining properties as canonical JSON."""


@dataclass(frozen=True, slots=True)
class WeightChange:
    """Give one existing record set another weight, keeping everything else."""

    record: RecordSet
    weight: int


@dataclass(frozen=True, slots=True)
class AcceleratedEndpoint:
    """One endpoint of an endpoint group."""

    endpoint_id: str
    weight: int
    health: str
    """HEALTHY, UNHEALTHY or INITIAL, as Global Accelerator reports it."""
    rest: str
    """Remaining configuration as canonical JSON."""


@dataclass(frozen=True, slots=True)
class EndpointGroup:
    """One region's endpoint group behind one listener."""

    arn: str
    region: str
    dial: float
    """Percentage of the traffic directed to this group that it accepts, 0 to 100."""
    endpoints: tuple[AcceleratedEndpoint, ...]

    @property
    def listener(self) -> str:
        """ARN of the listener that the group stands behind, the beginning of the group's own."""
        listener, found, _ = self.arn.partition("/endpoint-group/")
        return listener if found else ""


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Give one endpoint group another dial and its endpoints another weight."""

    group: EndpointGroup
    dial: float
    endpoint_weight: int


LeverChange = WeightChange | GroupChange
"""What is asked of AWS for one resource; each kind of lever has its own."""


class OutcomeStatus(StrEnum):
    """What became of a write. Unknown means: it may have been applied, read again."""

    APPLIED = "applied"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What AWS answered to one write."""

    status: OutcomeStatus
    detail: str = ""
    change_id: str | None = None
    """Route 53's id of a batch, to be followed until INSYNC."""
    throttled: bool = False
    """Whether it was refused for its rate alone and may be sent again."""
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LeverState:
    """How far one position is open, in the lever's own units.

    Route 53: `weight` 0 to 255. Global Accelerator: `weight` of its endpoints and `dial` 0 to 100.
    """

    weight: int
    dial: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it lets any users in."""
        return self.weight > 0 and self.dial != 0


@dataclass(frozen=True, slots=True)
class Leak:
    """A way in which a bound pool's users could be sent to where they may not be served."""

    service: str
    pool: str
    geographies: tuple[str, ...]
    """Whose users, in the pool's own words; behind an accelerator everybody's."""
    reached: str | None
    """The unlawful region; None: a place of which nobody can tell the region."""
    failed: tuple[str, ...]
    """The least that must be unhealthy: regions, or checks and targets that belong to none."""
    drained: tuple[str, ...]
    """What must be drained or unhealthy besides, as long as the weight that leads there is 0."""
    path: tuple[str, ...]
    """Record after record, or the endpoint group; at last what users get."""
    why: str
    """The rules that open the way."""
    astray: str | None = None
    """The lawful region whose own weighted record is on the way, and so leads elsewhere."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What AWS said of one service's levers when it was last read."""

    at: float
    """When the reading began, monotonic seconds."""
    settings: Mapping[Position, LeverState]
    """A position's parts are its A and AAAA record, or each endpoint of its groups. Where they are
    not set alike, its most open part is given: a region is not out before all its parts are."""
    unequal: frozenset[Position] = frozenset()
    """Positions whose parts are not set alike."""
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pool to what is missing, extra or unlawful in it; only drains happen there."""
    notices: tuple[str, ...] = ()
    """What looks wrong and does not hinder steering: weighted records without a health check."""
    leaks: Mapping[str, tuple[Leak, ...]] = field(default_factory=dict)
    """Bound pool to its leaks; one without any is proven, one that is missing was not looked at."""
    parts: Mapping[Position, tuple[LeverState, ...]] = field(default_factory=dict)
    """Unequal position to the settings of its parts, each once, the most open first:
    `parts.keys() <= unequal` and `parts[p][0] == settings[p]`."""
    failing_open: frozenset[Position] = frozenset()
    """Closed positions that users reach all the same: all parts of one record type, or behind one
    listener, are closed in their pool, which AWS takes for equally open."""
    outdated: bool = False
    """Whether we wrote since it was read: what differs from our last write may be our own doing."""


@dataclass(frozen=True, slots=True)
class Change:
    """One position to be set. Its lever decides how it is written."""

    position: Position
    before: LeverState
    after: LeverState
