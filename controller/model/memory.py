"""What the next decision must know of earlier ones: one value per service, and what they share.

Values only: `planning.memory` says how they follow settings and writes. All times are monotonic
seconds. Everything here can be written as JSON and read back (`model.encoding`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.model.levers import Change, Position


class LearnedUnder(NamedTuple):
    """The settings that a service's memory rests on, each as a short text to be compared."""

    lever: str = ""
    """Which records or endpoint groups its positions are."""
    places: str = ""
    """Its regions, and its pools with theirs."""
    nearest: str = ""
    """What the settings say of who is nearest to whom, behind an accelerator."""


NOT_NOTED = LearnedUnder()
"""Of a memory that is new, or older than that its settings are noted."""


@dataclass(frozen=True, slots=True)
class Flaps:
    """A region's failures, the older the less they count.

    Invariants: `0 <= penalty <= 16`; `damped` implies `penalty >= 1`.
    """

    penalty: float
    """One for each failure, as of `at`."""
    at: float
    down: bool
    """Whether it was down when last looked at."""
    damped: bool = False
    """Whether it failed so often that it is kept out for a while."""


@dataclass(frozen=True, slots=True)
class ServiceMemory:
    """What the next decision about one service must know of earlier ones.

    Invariants, with P the positions, Q the pools and R the regions of the settings that it was
    learned under (`planning.memory.fitted_to_settings` restores them when settings change):

    - `drift_since, last_rise, aborted, warming_up ⊆ P`; the positions of `doubtful ⊆ P`
    - `reasserted, reverted, adopted ⊆ Q`; `reverted ⊆ reasserted`
    - `degraded, flaps, drains ⊆ R`; `1 <= degraded[r] <= 3`
    - `nearest` is empty, or its keys are the accelerated pool's regions and its values add up to 1
    - every time but `since` lies between `since` of its service and now
    """

    learned_under: LearnedUnder = NOT_NOTED
    since: float = 0.0
    """When the daemon began to steer this service: its own start, or the reload that added it."""
    begun: bool = False
    """Whether a first plan, made with everything known of the service, is behind us."""
    panic: float | None = None
    """When too many regions were last suspect at once; None: no panic."""
    drift_since: Mapping[Position, float] = field(default_factory=dict)
    """When each present drift was first seen."""
    reasserted: Mapping[str, float] = field(default_factory=dict)
    """Pool to when our plan was last written over somebody else's change."""
    reverted: Mapping[str, int] = field(default_factory=dict)
    """Pool to how many of these writes in a row were soon changed back."""
    adopted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Pool to what placement wanted when another party's split was adopted, where it still is."""
    last_rise: Mapping[Position, float] = field(default_factory=dict)
    """When a returning region's share was last raised."""
    warming_up: frozenset[Position] = frozenset()
    """Positions that are out, or back but not yet stable at their share."""
    closed_is_warming_up: bool = True
    """Whether positions at 0 count as warming up though `warming_up` lacks them: until the first
    decision with a reading, and once after the settings' places changed."""
    aborted: Mapping[Position, float] = field(default_factory=dict)
    """When a region last took a step back."""
    batches: tuple[float, ...] = ()
    """When automatic changes were written, in the last five minutes."""
    emergencies: tuple[float, ...] = ()
    """When those of them were written that took traffic out of a failed region."""
    drains: Mapping[str, float] = field(default_factory=dict)
    """Regions drained automatically in the last hour, each with when it was last."""
    degraded: Mapping[str, int] = field(default_factory=dict)
    """How far down regions' usable capacity stands, in steps; 0 is left out."""
    nearest: Mapping[str, float] = field(default_factory=dict)
    """Behind an accelerator: which part of the users is nearest to which region, as learned."""
    learned_at: float | None = None
    """When that was last learned from users' reports."""
    flaps: Mapping[str, Flaps] = field(default_factory=dict)
    """Regions that failed lately."""
    doubtful: frozenset[Change] = frozenset()
    """Changes that were sent and may or may not have been applied."""


NEW = ServiceMemory()
"""What is remembered of a service that was never decided about."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the next decision must know of earlier ones; lost at a restart without harm."""

    isolated_since: float | None = None
    """When this vantage point began to doubt itself."""
    services: Mapping[str, ServiceMemory] = field(default_factory=dict)

    def of(self, service: str) -> ServiceMemory:
        """What is remembered of one service."""
        return self.services.get(service, NEW)


NO_MEMORY = Memory()
"""What a daemon knows of earlier decisions when it starts."""
