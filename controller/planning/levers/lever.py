"""What a kind of lever must know; what is the same for all of them is here.

A lever is what a service is steered by. Its *target* is what is read and written as one: a hosted
zone, an accelerator. The target's *listing* is what AWS says of it; among it are the *resources* of
the service's positions: weighted records, endpoint groups. A lever says what a listing means
(`observe`), what settings mean as shares (`shares`), and which settings express shares
(`settings`). It says what a change writes (`parts`), in which requests (`steps`), and refuses a
request that would close a pool (`refusal`). It keeps no state: there is one object for each kind
(`registry`).

Shares that add up (`shares_add_up`) are parts of a pool's users: `sum(shares) == 1`. Otherwise each
region has its own, from 0 to 1: the part that it takes of the users who are sent to it anyway.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from controller.model.configuration import Service
from controller.model.decision import PoolName, PoolPlan, Shares
from controller.model.levers import Change, LeverKind, LeverState, Observed, Position
from controller.planning.guards.all_closed import OpenParts, is_all_closed
from controller.planning.levers.write_steps import WritesByChange, WriteStep, WriteT
from controller.planning.residency.destinations import Destination
from controller.planning.residency.proof import Proof
from controller.planning.shares import is_same_split

ResourceT = TypeVar("ResourceT")
"""What a listing consists of, such as record sets."""
IndexT = TypeVar("IndexT")
"""A listing in the form in which resources are found at once."""

Resources = Mapping[Position, tuple[ResourceT, ...]]
"""Position to the resources that steer it; positions without any are there, too."""


class Lever(ABC, Generic[ResourceT, IndexT, WriteT]):
    """One kind of lever."""

    kind: ClassVar[LeverKind]
    shares_add_up: ClassVar[bool]
    """Whether a pool's shares are parts of a whole; else each region's is its own."""
    target_word: ClassVar[str]
    """What people call a target."""
    share_word: ClassVar[str]
    """What people call a share that was written."""
    spread: ClassVar[str]
    """AWS's word, lower case, for a write that every server answers by."""
    is_atomic: ClassVar[bool]
    """Whether a change is written in one step, as a pool is unless no step can hold it; else each
    part of a change is a step by itself."""
    after_throttling: ClassVar[str | None] = None
    """Why what follows a step that was throttled is not sent; None: it is sent."""
    all_closed: ClassVar[str]
    """What AWS does with a pool that is closed everywhere."""

    # What the settings say.

    @abstractmethod
    def steers(self, service: Service) -> bool:
        """Whether the service is steered by it. All other methods want one that is."""

    @abstractmethod
    def target(self, service: Service) -> str:
        """Id of the hosted zone, or ARN of the accelerator."""

    @abstractmethod
    def identity(self, service: Service) -> str:
        """What is steered: a service with another identity has other resources."""

    def assumptions(self, service: Service) -> str:
        """What the settings say of users that is corrected by what is learned; empty: nothing."""
        return ""

    def name_in_dns(self, service: Service) -> str | None:
        """The name that it steers; None where it steers what is behind an address."""
        return None

    def ttl_s(self, service: Service) -> float:
        """Seconds for which users keep an answer; 0 where no answer is kept."""
        return 0.0

    @abstractmethod
    def users_follow(self, service: Service) -> str:
        """When users are where a write sends them, for people."""

    # What AWS says.

    @abstractmethod
    def index(self, listing: Iterable[ResourceT]) -> IndexT:
        """A target's listing, for all services that share it."""

    @abstractmethod
    def resources(self, name: str, service: Service, index: IndexT) -> Resources[ResourceT]:
        """The resources of every position of the service, in the order in which they are told."""

    @abstractmethod
    def observe(
        self,
        name: str,
        service: Service,
        index: IndexT,
        resources: Resources[ResourceT],
        at: float,
    ) -> Observed:
        """How the positions are set, and what is missing, extra or unlawful.

        `resources` are those that the method of that name finds in `index`; the listing was asked
        for `at` (monotonic seconds). Residency is not looked at (`prove`).
        """

    def observe_listing(
        self, name: str, service: Service, listing: Iterable[ResourceT], at: float
    ) -> Observed:
        """The same of a listing of which nothing was derived yet."""
        index = self.index(listing)
        return self.observe(name, service, index, self.resources(name, service, index), at)

    @abstractmethod
    def prove(self, name: str, service: Service, listing: Sequence[ResourceT]) -> Proof:
        """The ways out of the lawful regions of the service's bound pools."""

    @abstractmethod
    def is_proven_alike(self, one: ResourceT, other: ResourceT) -> bool:
        """Whether two resources differ in nothing that a proof looks at."""

    def destinations(self, resources: Resources[ResourceT]) -> Mapping[Position, Destination]:
        """Where the DNS answer of each position leads, where DNS is what steers."""
        return {}

    def checks(self, resources: Resources[ResourceT]) -> Mapping[Position, tuple[str, ...]]:
        """Ids of Route 53's health checks of each position; positions without are missing."""
        return {}

    # Settings and shares.

    @abstractmethod
    def shares(self, settings: Mapping[str, LeverState]) -> dict[str, float]:
        """What the settings of a pool's regions mean, as shares."""

    @abstractmethod
    def with_reached(self, shares: Shares, reached: Collection[str]) -> dict[str, float]:
        """A pool's shares when users of a part that is closed everywhere reach these regions."""

    @abstractmethod
    def settings(
        self, service: Service, before: Mapping[str, LeverState], after: Shares
    ) -> dict[str, LeverState]:
        """Settings that express the shares `after`, of regions that have one: those in `before`.

        A positive share never becomes a closed setting, because that means another thing.
        """

    def shares_by_pool(self, service: Service, observed: Observed) -> dict[str, Shares]:
        """Pool to its shares now; regions that are closed and reached all the same included."""
        reached: defaultdict[str, set[str]] = defaultdict(set)
        for _, pool, region in observed.failing_open:
            reached[pool].add(region)
        return {
            pool: self.with_reached(self.shares(settings), reached[pool])
            if pool in reached
            else self.shares(settings)
            for pool, settings in states_by_pool(service, observed).items()
        }

    def diff(self, service: Service, plan: PoolPlan, observed: Observed) -> tuple[Change, ...]:
        """What must be written so that the lever says `plan.after`; empty when it already does.

        What opens comes first, so that receivers are open before any user is sent to them.
        """
        now, after = plan.before, plan.after
        unequal = {p.region for p in observed.unequal if p.pool == plan.pool}
        if not now or (not unequal and (after is now or is_same_split(now, after))):
            return ()
        before = {
            region: observed.settings[position]
            for region in after
            if (position := Position(plan.service, plan.pool, region)) in observed.settings
        }
        changes = [
            Change(Position(plan.service, plan.pool, region), before[region], setting)
            for region, setting in self.settings(service, before, after).items()
            if before[region] != setting or region in unequal
        ]
        return tuple(sorted(changes, key=lambda c: (_opens(c) <= 0, c.position)))

    # What is written.

    @abstractmethod
    def parts(self, change: Change, resources: tuple[ResourceT, ...]) -> tuple[WriteT, ...]:
        """What the change means for those resources of its position that are not set so yet."""

    @abstractmethod
    def steps(
        self, parts: WritesByChange[WriteT], urgent: Collection[PoolName]
    ) -> list[WriteStep[WriteT]]:
        """The requests to one target, in their order; `parts` are in that of the plans."""

    def apart(self, step: WriteStep[WriteT]) -> Sequence[WriteStep[WriteT]]:
        """The steps to be tried instead of one that AWS refused: what is at fault is one's alone.

        None where nothing can be told apart.
        """
        return ()

    @abstractmethod
    def opened(
        self, pool: Mapping[str, tuple[ResourceT, ...]], writes: Iterable[WriteT]
    ) -> OpenParts:
        """Which parts of a pool, region to its resources, are open once this is written."""

    def empties(self, pool: Mapping[str, tuple[ResourceT, ...]], writes: Iterable[WriteT]) -> bool:
        """Whether the users of a pool, region to its resources, have nowhere to go after that."""
        return is_all_closed(self.opened(pool, writes))

    def refusal(
        self,
        step: WriteStep[WriteT],
        applied: Iterable[WriteT],
        pool: Mapping[str, tuple[ResourceT, ...]],
    ) -> str | None:
        """Why a step that is one of several of a pool may not be sent; None: it may.

        It may not close what is left of the pool (region to its resources) when the steps that were
        to open it before are not known to be `applied`.
        """
        closes = any(not change.after.is_open for change in step.parts)
        if step.part_of is None or not closes:
            return None
        if not self.empties(pool, [*applied, *step.writes]):
            return None
        return self.emptying(step.part_of, ", for what was to open before is not known to be")

    def emptying(self, name: PoolName, why: str = "") -> str:
        """That a pool would be closed everywhere and why, for people."""
        service, pool = name
        left = f"pool {pool} of {service} would have no region left that is open"
        return f"not sent: {left}{why}; {self.all_closed}"


def of_pool(
    resources: Resources[ResourceT], name: PoolName, regions: Iterable[str]
) -> dict[str, tuple[ResourceT, ...]]:
    """Region to the resources of one pool."""
    return {region: resources.get(Position(*name, region), ()) for region in regions}


def states_by_pool(service: Service, observed: Observed) -> dict[str, dict[str, LeverState]]:
    """Pool to region to how far it is open: lawful regions only, in their pool's order."""
    seen: dict[str, dict[str, LeverState]] = {name: {} for name in service.pools}
    for (_, pool_name, region), setting in observed.settings.items():
        if pool_name in seen:
            seen[pool_name][region] = setting
    return {name: _in_order(pool.regions, seen[name]) for name, pool in service.pools.items()}


def _in_order(regions: tuple[str, ...], seen: dict[str, LeverState]) -> dict[str, LeverState]:
    if tuple(seen) == regions:
        return seen
    return {region: seen[region] for region in regions if region in seen}


def _opens(change: Change) -> float:
    """Positive when the change lets more traffic in."""
    before, after = change.before, change.after
    return (after.weight - before.weight) or ((after.dial or 0.0) - (before.dial or 0.0))
