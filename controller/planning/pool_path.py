"""What one pool's plan is made from, and its path from the present split to the desired one."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from controller.model.configuration import ServiceRegion
from controller.model.decision import Shares, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.planning.eligibility import PoolEligibility
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import PoolPlacement
from controller.planning.ramp.gate import RampGate


class PoolInput(NamedTuple):
    """What one pool's plan is made from. A named tuple is cheap to make for each of many pools."""

    snapshot: Snapshot
    service: str
    pool: str
    believed: Believed
    health: Mapping[str, RegionHealth]
    eligibility: PoolEligibility
    before: Shares
    """The present split, as AWS shows it."""
    placement: PoolPlacement | None
    """The split that placement finds best; None where no region may serve."""
    leaving: tuple[str, ...]
    """Regions with traffic that must leave this pool."""
    was_warming_up: Set[str]
    """Regions that were warming up after the last decision."""
    urgent: bool
    """Whether traffic must leave some region of the service."""

    @property
    def regions(self) -> Mapping[str, ServiceRegion]:
        """The service's regions, as configured."""
        return self.snapshot.settings.services[self.service].regions

    def position(self, region: str) -> Position:
        """The region's position in this pool."""
        return Position(self.service, self.pool, region)


class PoolPath(NamedTuple):
    """A pool's path from its present split: where it leads, and how far this cycle goes."""

    pool_input: PoolInput
    placement: PoolPlacement
    desired: Shares
    """The split at the end: placement's, or the present one where they hardly differ."""
    warming_up: frozenset[str]
    """Regions that are out, or back but not yet stable at their share."""
    gates: Mapping[str, RampGate]
    """Of the regions that are to rise, and of those that are warming up."""
    after: Shares
    """The split after this cycle."""
    limited: tuple[str, ...]
    """Regions that get less than desired because of the ramp's step or their gate."""
    is_relieved: bool = False
    """Whether they get more than step and gate allow, because others would be overloaded."""
