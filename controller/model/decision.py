"""What one decision looks at, and everything it says.

`Snapshot` goes into `controller.planning.decision.decide`, `Decision` comes out. A
`DecisionRecord` is a decision people can look up, with what AWS answered and what followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from controller.model.configuration import EndpointId, Mode, Settings
from controller.model.figures import NO_FIGURES, Figures
from controller.model.health import HealthState, RegionHealth
from controller.model.levers import Change, LeverState, Observed, Outcome, Position
from controller.model.memory import NO_MEMORY, Memory
from controller.model.overrides import Override
from controller.model.second_opinions import AnsweredCounts, Opinion
from controller.model.traffic import MeasuredShare

Shares = Mapping[str, float]
"""Region to fraction. On Route 53 the fractions of a pool add up to 1; behind an accelerator each
is that region's own dial, 0 to 1."""


PoolName = tuple[str, str]
"""Service and pool."""


class Hold(StrEnum):
    """Why something that might have moved did not. The values are public: logs, metrics, API."""

    WITHIN_HYSTERESIS = "within_hysteresis"
    UNKNOWN_HEALTH = "unknown_health"
    SELF_ISOLATED = "self_isolated"
    PANIC = "panic"
    LAST_REGION = "last_region"
    MIN_ACTIVE = "min_active"
    CAPACITY = "capacity"
    STARTUP = "startup"
    BLAST_RADIUS = "blast_radius"
    FROZEN = "frozen"
    DRY_RUN = "dry_run"
    DRIFT = "drift"
    CONTESTED = "contested"
    STRUCTURE = "structure"
    RESIDENCY = "residency"
    FLAPPING = "flapping"
    RAMP_STEP = "ramp_step"
    NOT_OBSERVED = "not_observed"
    UNDECIDED = "undecided"
    STATE_UNREAD = "state_unread"


GUARD_HOLDS = (
    Hold.MIN_ACTIVE,
    Hold.CAPACITY,
    Hold.STARTUP,
    Hold.BLAST_RADIUS,
    Hold.DRIFT,
    Hold.CONTESTED,
    Hold.FLAPPING,
)
"""Guards a person may override, by naming them in the call."""


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that did not move, and why."""

    reason: Hold
    detail: str
    """The reason with its numbers."""
    region: str | None = None


class PipelineStep(StrEnum):
    """Steps of the pipeline that change shares, in their order."""

    PLACEMENT = "placement"
    RAMP = "ramp"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule did to one region's share."""

    step: PipelineStep
    name: str
    region: str
    before: float
    after: float
    binding: bool
    """Whether the result would be another without this rule."""
    why: str


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """What one decision means for one pool."""

    service: str
    pool: str
    before: Shares
    """As AWS has it."""
    desired: Shares
    """Where placement wants to be."""
    after: Shares
    """How far this cycle goes."""
    rules: tuple[Rule, ...] = ()
    held: tuple[Held, ...] = ()
    changes: tuple[Change, ...] = ()
    """To be written now."""
    withheld: tuple[Change, ...] = ()
    """What would be written if no guard held it."""
    emergency: bool = False
    """Whether a failed region's traffic leaves here."""
    by_person: bool = False
    """Whether an override makes a region's traffic leave here."""
    overload_rps: float = 0.0
    """Requests/s of this pool beyond what the regions that may serve it can carry."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one decision may look at. Times are monotonic seconds."""

    now: float
    started_at: float
    settings: Settings
    health: Mapping[str, Mapping[EndpointId, HealthState]]
    """Vantage point to its opinion of every endpoint."""
    known_good: Mapping[str, HealthState]
    """This vantage point's opinion of its known-good reference targets."""
    observed: Mapping[str, Observed]
    """Service to what AWS says; a service never read is missing."""
    expected: Mapping[Position, tuple[LeverState, ...]]
    """What we last applied or may have applied; a position never touched is missing."""
    overrides: tuple[Override, ...]
    """Those in force now."""
    figures: Figures = NO_FIGURES
    """How many users there are and how far, as measured."""
    measured: Mapping[PoolName, Mapping[str, MeasuredShare]] = field(default_factory=dict)
    """Where users went lately, pool by pool."""
    memory: Memory = NO_MEMORY
    opinions: Mapping[Position, Opinion] = field(default_factory=dict)
    """What Route 53's health checks say of each weighted record; one nobody knows of is missing."""
    answered: Mapping[PoolName, AnsweredCounts] = field(default_factory=dict)
    """What the name servers answered each pool's users since its weights were last changed."""
    known_bad: Mapping[str, HealthState] = field(default_factory=dict)
    """This vantage point's opinion of its known-bad reference targets."""
    unread: str = ""
    """Why orders and writes of before the start are not known yet; empty: they are."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything one decision says."""

    regions: Mapping[str, Mapping[str, RegionHealth]]
    """Service to region to what is believed of it."""
    plans: tuple[PoolPlan, ...]
    drift: Mapping[Position, str]
    """Positions someone else changed, with what was expected and what was seen."""
    memory: Memory
    wake_at: float | None = None
    """When time alone will change the answer: the next ramp step, the end of a hold."""
    undecided: Mapping[str, str] = field(default_factory=dict)
    """Services that could not be decided about because of a mistake in this program, and where it
    happened. They are held; the others are decided as if these did not exist."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything to be written now."""
        return tuple(change for plan in self.plans for change in plan.changes)

    @property
    def emergency(self) -> bool:
        """Whether a failed region's traffic must leave."""
        return any(plan.emergency and plan.changes for plan in self.plans)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What one write asked for and what AWS answered."""

    lever: str
    """`route53` or `accelerator`."""
    target: str
    """Hosted zone id or accelerator ARN."""
    changes: tuple[Change, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One point of a decision's timeline."""

    name: str
    """`first_failure`, `detected`, `decided`, `applied`, `insync`, `measured`, …"""
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RejectedAlternative:
    """A region that might have carried what a pool moved, and why it does not."""

    service: str
    pool: str
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One decision worth keeping: a verdict, plan, outcome or hold reason changed."""

    id: int
    at: datetime
    cycle: int
    mode: Mode
    trigger: tuple[str, ...]
    """What set it off, with numbers."""
    regions: Mapping[str, Mapping[str, RegionHealth]]
    plans: tuple[PoolPlan, ...]
    written: tuple[WriteResult, ...]
    timeline: tuple[TimelineEvent, ...]
    expected_effect: str
    measured_effect: str = ""
    authors: tuple[str, ...] = ()
    """Whose overrides began, ended or moved something here; empty: nobody's."""
    rejected: tuple[RejectedAlternative, ...] = ()
    """What else was considered for the traffic that moves."""
    version: str = ""
    """Of the program that decided; empty: older than this is noted."""
