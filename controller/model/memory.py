"""Memory: what the next decision must know of earlier ones, per service and shared.

Values only; `planning.memory` updates them after decisions, writes and changes of settings. All
times are monotonic seconds. All values can be encoded as JSON and decoded (`model.encoding`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.model.levers import Change, Position


class SettingsFingerprint(NamedTuple):
    """The settings that a service's memory depends on, each as a short text to compare."""

    lever: str = ""
    """Identity of the lever: its records or endpoint groups."""
    places: str = ""
    """The service's regions, and its pools with their regions."""
    nearest: str = ""
    """`nearest` of the accelerator."""


NO_FINGERPRINT = SettingsFingerprint()
"""Fingerprint of a new memory, or of one recorded before fingerprints existed."""


@dataclass(frozen=True, slots=True)
class FlapDamping:
    """Route flap damping of one region (RFC 2439): a penalty that halves with time.

    Each failure adds 1: `penalty(t) = penalty * 0.5 ** ((t - at) / half_life_s)`. Example with a
    half-life of 900 s: failures at 0 s and 900 s make 1.5 at 900 s, 0.75 at 1800 s.
    Invariants: `0 <= penalty <= 16`; `damped` implies `penalty >= 1`.
    """

    penalty: float
    """The penalty at the time `at`."""
    at: float
    down: bool
    """Whether the region was down at `at`."""
    damped: bool = False
    """Whether the region is kept out because the penalty exceeded `guards.flapping.failures`."""


@dataclass(frozen=True, slots=True)
class ServiceMemory:
    """What the next decision about one service must know of earlier ones.

    Invariants, with P the positions, Q the pools and R the regions of the settings that it was
    learned under (`planning.memory.fitted_to_settings` restores them after a change of settings):

    - `drift_since, last_rise, aborted, warming_up ⊆ P`; the positions of `doubtful ⊆ P`
    - `reasserted, reverted, adopted ⊆ Q`; `reverted ⊆ reasserted`
    - `degraded, flaps, drains ⊆ R`; `1 <= degraded[r] <= 3`
    - `nearest` is empty, or its keys are the accelerated pool's regions and its values add up to 1
    - no time is later than now; those of before `since` come from an earlier process
    """

    learned_under: SettingsFingerprint = NO_FINGERPRINT
    since: float = 0.0
    """When the daemon began to steer this service: at its start, or at the reload that added it."""
    begun: bool = False
    """Whether the first plan with complete data of the service has been made."""
    panic: float | None = None
    """When too many regions were last suspect at once; None: no panic."""
    drift_since: Mapping[Position, float] = field(default_factory=dict)
    """Position that drifts now to when its drift was first seen."""
    reasserted: Mapping[str, float] = field(default_factory=dict)
    """Pool to when our plan was last written over another party's change."""
    reverted: Mapping[str, int] = field(default_factory=dict)
    """Pool to the number of these writes in a row that were soon changed back."""
    adopted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Pool whose split is another party's, adopted, to the shares that placement wanted then."""
    last_rise: Mapping[Position, float] = field(default_factory=dict)
    """Position to when its share was last raised by a ramp."""
    warming_up: frozenset[Position] = frozenset()
    """Positions that are out, or back but not yet stable at their share."""
    closed_is_warming_up: bool = True
    """Whether positions at 0 count as warming up though `warming_up` lacks them: until the first
    decision with a reading, and once after regions or pools changed in the settings."""
    aborted: Mapping[Position, float] = field(default_factory=dict)
    """Position to when its ramp last went a step back."""
    batches: tuple[float, ...] = ()
    """Times of automatic writes in the last five minutes."""
    emergencies: tuple[float, ...] = ()
    """Times of those writes that took traffic out of a failed region."""
    drains: Mapping[str, float] = field(default_factory=dict)
    """Region drained automatically in the last hour to when it was last drained."""
    degraded: Mapping[str, int] = field(default_factory=dict)
    """Degraded region to the number of steps by which its usable capacity is reduced."""
    nearest: Mapping[str, float] = field(default_factory=dict)
    """Behind an accelerator: region to the learned fraction of users that are nearest to it."""
    learned_at: float | None = None
    """When `nearest` was last learned from measured traffic."""
    flaps: Mapping[str, FlapDamping] = field(default_factory=dict)
    """Region that is down or failed lately to its flap damping."""
    doubtful: frozenset[Change] = frozenset()
    """Changes whose write ended in status unknown: AWS may have applied them."""


NO_SERVICE_MEMORY = ServiceMemory()
"""Memory of a service before its first decision."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the next decision must know of earlier ones. It survives a restart, but for the last
    moment before a crash, and may be lost safely."""

    isolated_since: float | None = None
    """When this vantage point isolated itself (its reference targets fail); None: it did not."""
    services: Mapping[str, ServiceMemory] = field(default_factory=dict)

    def of(self, service: str) -> ServiceMemory:
        """Memory of one service."""
        return self.services.get(service, NO_SERVICE_MEMORY)


NO_MEMORY = Memory()
"""Memory at the start of a daemon."""
