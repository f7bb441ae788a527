"""Input and output of a decision, and its record.

`decide(Snapshot) -> Decision` is in `controller.planning.decision`. A `DecisionRecord` is a stored
decision, with AWS's answers and the effects that followed.
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
"""Region to fraction, `0 <= fraction <= 1`. On Route 53 `sum(shares) == 1 or all == 0`. Behind an
accelerator each fraction is the region's own dial / 100."""


PoolName = tuple[str, str]
"""Names of a service and of a pool of it."""


class Hold(StrEnum):
    """Reason why a change was not made. The values are public: logs, metrics, API."""

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
    MISCONFIGURED = "misconfigured"
    RESIDENCY = "residency"
    FLAPPING = "flapping"
    RAMP_STEP = "ramp_step"
    NOT_OBSERVED = "not_observed"
    UNDECIDED = "undecided"
    STATE_UNREAD = "state_unread"

    @classmethod
    def _missing_(cls, value: object) -> Hold | None:
        """A hold of an earlier version's records, under its present name."""
        return cls.MISCONFIGURED if value == "structure" else None


GUARD_HOLDS = (
    Hold.MIN_ACTIVE,
    Hold.CAPACITY,
    Hold.STARTUP,
    Hold.BLAST_RADIUS,
    Hold.DRIFT,
    Hold.CONTESTED,
    Hold.FLAPPING,
)
"""Guards that an order may override by naming them."""


@dataclass(frozen=True, slots=True)
class Held:
    """One hold: a region, or the whole pool, that was not changed, and why."""

    reason: Hold
    detail: str
    """The reason with its numbers."""
    region: str | None = None
    """None: the whole pool."""


class PipelineStep(StrEnum):
    """Steps of a decision that change shares, in their order."""

    PLACEMENT = "placement"
    RAMP = "ramp"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Rule:
    """Effect of one rule on one region's share. `0 <= before, after <= 1`."""

    step: PipelineStep
    name: str
    region: str
    before: float
    after: float
    binding: bool
    """Whether the result would differ without this rule."""
    why: str


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """The part of a decision that concerns one pool.

    Invariants: `before.keys() == desired.keys() == after.keys()`; `overload_rps >= 0`;
    `not (changes and withheld)`; `withheld` implies `after == before`.
    """

    service: str
    pool: str
    before: Shares
    """Observed shares."""
    desired: Shares
    """Shares that placement wants."""
    after: Shares
    """Shares after this cycle's changes."""
    rules: tuple[Rule, ...] = ()
    held: tuple[Held, ...] = ()
    changes: tuple[Change, ...] = ()
    """Changes to write now."""
    withheld: tuple[Change, ...] = ()
    """Changes that a guard holds."""
    emergency: bool = False
    """Whether the plan takes traffic out of a failed region."""
    by_person: bool = False
    """Whether an override takes traffic out of a region."""
    overload_rps: float = 0.0
    """Demand of the pool, requests/s, above the capacity of the regions that may serve it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All input of one decision. Times are monotonic seconds; `started_at <= now`."""

    now: float
    started_at: float
    settings: Settings
    health: Mapping[str, Mapping[EndpointId, HealthState]]
    """Vantage point to the health of every endpoint as seen from there."""
    known_good: Mapping[str, HealthState]
    """Address of a known-good reference target to its health as seen from this vantage point."""
    observed: Mapping[str, Observed]
    """Service to its observed state; a service never read is missing."""
    expected: Mapping[Position, tuple[LeverState, ...]]
    """Position to the states that we last wrote or may have written; never written: missing."""
    overrides: tuple[Override, ...]
    """Active overrides."""
    figures: Figures = NO_FIGURES
    """Measured demand and latency."""
    measured: Mapping[PoolName, Mapping[str, MeasuredShare]] = field(default_factory=dict)
    """Pool to region to its measured share."""
    memory: Memory = NO_MEMORY
    opinions: Mapping[Position, Opinion] = field(default_factory=dict)
    """Position to the verdict of Route 53's health checks; missing: they have none."""
    answered: Mapping[PoolName, AnsweredCounts] = field(default_factory=dict)
    """Pool to the DNS answers to its users since its weights were last changed."""
    known_bad: Mapping[str, HealthState] = field(default_factory=dict)
    """Address of a known-bad reference target to its health as seen from this vantage point."""
    unread: str = ""
    """Why the state file (overrides, expectations) is not read yet; empty: it is read."""


@dataclass(frozen=True, slots=True)
class Decision:
    """All output of one decision."""

    regions: Mapping[str, Mapping[str, RegionHealth]]
    """Service to region to its health."""
    plans: tuple[PoolPlan, ...]
    drift: Mapping[Position, str]
    """Position that another party changed to the expected and the observed state, as text."""
    memory: Memory
    wake_at: float | None = None
    """When the decision may change by time alone (next ramp step, end of a hold), monotonic
    seconds."""
    undecided: Mapping[str, str] = field(default_factory=dict)
    """Service whose decision raised an exception (a bug) to the place of the exception. It is held;
    the other services are decided as if it did not exist."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes to write now."""
        return tuple(change for plan in self.plans for change in plan.changes)

    @property
    def emergency(self) -> bool:
        """Whether changes to write now take traffic out of a failed region."""
        return any(plan.emergency and plan.changes for plan in self.plans)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """One write and AWS's answer."""

    lever: str
    """`route53` or `accelerator`."""
    target: str
    """Hosted zone id or accelerator ARN."""
    changes: tuple[Change, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event of a decision's timeline."""

    name: str
    """`first_failure`, `detected`, `decided`, `applied`, `insync`, `measured`, …"""
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RejectedAlternative:
    """A region that could have received traffic that a pool moved, and why it did not."""

    service: str
    pool: str
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A stored decision. Stored are those that change a verdict, plan, outcome or hold reason."""

    id: int
    at: datetime
    cycle: int
    mode: Mode
    trigger: tuple[str, ...]
    """Causes of the decision, with numbers."""
    regions: Mapping[str, Mapping[str, RegionHealth]]
    plans: tuple[PoolPlan, ...]
    written: tuple[WriteResult, ...]
    timeline: tuple[TimelineEvent, ...]
    expected_effect: str
    measured_effect: str = ""
    authors: tuple[str, ...] = ()
    """Authors of overrides that began, ended or moved traffic in this decision."""
    rejected: tuple[RejectedAlternative, ...] = ()
    """Other regions that were considered for the traffic that moves."""
    version: str = ""
    """Version of the program that decided; empty: recorded before versions were noted."""
