"""The interface of a kind of lever, and what is the same for all kinds.

A lever is what steers a service. Its *target* is what AWS lists as one: a hosted zone, an
accelerator. The *listing* of a target contains the *resources* of the service's positions: weighted
records, endpoint groups. A lever has no state; there is one object per kind (`registry`). It says

- what a listing means: `observe`, `prove`;
- which weights inside a position are carried through drain and return: `learn`, `open_weights`;
- which shares lever states mean, and which states express shares: `shares`, `states`, `diff`;
- what a change writes, and in which requests: `writes`, `steps`;
- which requests would close a whole pool: `refusal`.

Where `shares_add_up`, shares are parts of a pool's users: `sum(shares) == 1`. Otherwise each region
has its own share, 0 to 1: the part that it takes of the users who are sent to it anyway.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Generic, TypeVar

from controller.model.configuration import Service
from controller.model.decision import PoolName, PoolPlan, Shares
from controller.model.levers import (
    CarriedWeights,
    Change,
    LeverKind,
    LeverState,
    Observed,
    PartWeights,
    Position,
)
from controller.planning.guards.all_closed import OpenParts, is_all_closed
from controller.planning.levers.write_steps import WritesByChange, WriteStep, WriteT
from controller.planning.residency.destinations import Destination
from controller.planning.residency.proof import Proof
from controller.planning.residency.zone_listings import ZoneScope
from controller.planning.shares import is_same_split

ResourceT = TypeVar("ResourceT")
"""An element of a listing, such as a record set."""
IndexT = TypeVar("IndexT")
"""A listing in a form in which resources are found fast."""

Resources = Mapping[Position, tuple[ResourceT, ...]]
"""Position to the resources that steer it; empty for a position without any."""
NO_WEIGHTS: PartWeights = MappingProxyType({})
"""The part weights of a position of which none are carried."""
NONE_CARRIED: CarriedWeights = MappingProxyType({})


class Lever(ABC, Generic[ResourceT, IndexT, WriteT]):
    """One kind of lever."""

    kind: ClassVar[LeverKind]
    shares_add_up: ClassVar[bool]
    """Whether `sum(shares) == 1` holds for a pool; else each region has its own."""
    target_word: ClassVar[str]
    """A target, in messages."""
    share_word: ClassVar[str]
    """A share that was written, in messages."""
    propagated_word: ClassVar[str]
    """AWS's status, lower case, of a write that all its servers use."""
    is_atomic: ClassVar[bool]
    """Whether a change is written in one step, and a pool too unless no step can hold it; else each
    write is a step."""
    throttled_text: ClassVar[str | None] = None
    """Why the steps after a throttled one are not sent; None: they are sent."""
    settling_s: ClassVar[float] = 0.0
    """Seconds for which a listing may still show what an acknowledged write replaced."""
    all_closed_effect: ClassVar[str]
    """What AWS does with a pool that is closed everywhere, in messages."""

    # What the settings say. Every method but `steers` requires a service that this lever steers.

    @abstractmethod
    def steers(self, service: Service) -> bool:
        """Whether this kind of lever steers the service."""

    @abstractmethod
    def target(self, service: Service) -> str:
        """Id of the hosted zone, or ARN of the accelerator."""

    @abstractmethod
    def identity(self, service: Service) -> str:
        """Text that identifies the resources: another identity means other resources."""

    def assumptions(self, service: Service) -> str:
        """The settings about users that learning corrects, as comparable text; empty: none."""
        return ""

    def dns_name(self, service: Service) -> str | None:
        """The name that it steers; None where it steers no DNS."""
        return None

    def ttl_s(self, service: Service) -> float:
        """Seconds for which users keep an answer; 0 where no answer is kept."""
        return 0.0

    @abstractmethod
    def propagation_text(self, service: Service) -> str:
        """When users follow a write, in messages."""

    # What AWS says.

    @abstractmethod
    def index(self, listing: Iterable[ResourceT]) -> IndexT:
        """An index of a target's listing, for all services that share the target."""

    @abstractmethod
    def resources(self, name: str, service: Service, index: IndexT) -> Resources[ResourceT]:
        """The resources of every position of the service, in the settings' order."""

    @abstractmethod
    def learn(
        self,
        service: Service,
        resources: Resources[ResourceT],
        known: CarriedWeights,
        is_new: Callable[[Position], bool],
    ) -> dict[Position, PartWeights]:
        """The part weights that stand now, of positions of which `known` has others or none.

        `is_new`: whether a position is seen for the first time, so that what stands is no change.
        """

    @abstractmethod
    def open_weights(
        self, service: Service, resources: Resources[ResourceT], known: CarriedWeights
    ) -> dict[Position, PartWeights]:
        """Position to its parts' weights when it is open: as they stand, as they are known, or as
        the settings state them. Parts of which nobody knows are missing."""

    @abstractmethod
    def observe(
        self,
        name: str,
        service: Service,
        index: IndexT,
        resources: Resources[ResourceT],
        at: float,
        known: CarriedWeights = NONE_CARRIED,
    ) -> Observed:
        """The positions' states, and what is missing, extra or unlawful.

        `resources`: result of the method of that name for `index`. `at`: when the listing was asked
        for (monotonic seconds). `known`: carried weights. Residency is not examined (`prove`).
        """

    def observe_listing(
        self, name: str, service: Service, listing: Iterable[ResourceT], at: float
    ) -> Observed:
        """`observe` for a listing without an index."""
        index = self.index(listing)
        return self.observe(name, service, index, self.resources(name, service, index), at)

    def narrowed(
        self, target: str, services: Collection[Service], listing: Sequence[ResourceT]
    ) -> tuple[Sequence[ResourceT], ZoneScope | None]:
        """What the next readings show of a whole listing, and what they list; None: all of it."""
        return listing, None

    def assembled(self, listed: Sequence[ResourceT], scope: ZoneScope) -> Sequence[ResourceT]:
        """What is known of a target of which only the scope's runs were listed."""
        return listed

    def is_shown(self, service: Service, scope: ZoneScope) -> bool:
        """Whether a reading of the scope shows the service's resources, existing or not."""
        return True

    def unread(
        self,
        target: str,
        services: Collection[Service],
        listing: Sequence[ResourceT],
        scope: ZoneScope,
    ) -> tuple[str, ...]:
        """The names that the services need and that a reading of the scope does not know."""
        return ()

    @abstractmethod
    def prove(
        self,
        name: str,
        service: Service,
        listing: Sequence[ResourceT],
        scope: ZoneScope | None = None,
    ) -> Proof:
        """The residency proof of the service's bound pools, with the leaks that refute it.

        `scope`: what the listing shows of the target; None: all of it.
        """

    @abstractmethod
    def is_same_for_proof(self, one: ResourceT, other: ResourceT) -> bool:
        """Whether two resources are equal in everything that `prove` uses."""

    def destinations(self, resources: Resources[ResourceT]) -> Mapping[Position, Destination]:
        """Where the DNS answer of each position leads; empty where no DNS is steered."""
        return {}

    def health_check_ids(
        self, resources: Resources[ResourceT]
    ) -> Mapping[Position, tuple[str, ...]]:
        """Ids of Route 53's health checks of each position; positions without are missing."""
        return {}

    # States and shares.

    @abstractmethod
    def shares(self, states: Mapping[str, LeverState]) -> dict[str, float]:
        """Region to the share that its state means, in a pool with these states."""

    @abstractmethod
    def with_fail_open(self, shares: Shares, reached: Collection[str]) -> dict[str, float]:
        """A pool's shares when users also reach these closed regions, because AWS fails open."""

    @abstractmethod
    def states(
        self,
        service: Service,
        before: Mapping[str, LeverState],
        after: Shares,
        when_open: Mapping[str, int],
    ) -> dict[str, LeverState]:
        """Region to the state that expresses its share in `after`, of the regions in `before`.

        A positive share never becomes a closed state. `when_open`: closed region to the weight
        that it has once it is open, where that is carried.
        """

    def shares_by_pool(self, service: Service, observed: Observed) -> dict[str, Shares]:
        """Pool to its shares now; closed regions that users reach all the same are included."""
        reached: defaultdict[str, set[str]] = defaultdict(set)
        for _, pool, region in observed.failing_open:
            reached[pool].add(region)
        return {
            pool: self.with_fail_open(self.shares(states), reached[pool])
            if pool in reached
            else self.shares(states)
            for pool, states in states_by_pool(service, observed).items()
        }

    def diff(self, service: Service, plan: PoolPlan, observed: Observed) -> tuple[Change, ...]:
        """The changes from the observed states to `plan.after`; empty when nothing differs.

        While the split stays, only positions whose parts differ are written, to finish them.
        Changes that open come first, so that receivers are open before users are sent to them.
        """
        now, after = plan.before, plan.after
        unequal = {p.region for p in observed.unequal if p.pool == plan.pool}
        is_moving = after is not now and not is_same_split(now, after)
        if not now or not (unequal or is_moving):
            return ()
        before = {
            region: observed.settings[position]
            for region in after
            if (position := Position(plan.service, plan.pool, region)) in observed.settings
        }
        when_open = {
            p.region: weight
            for p, weight in observed.weights_when_open.items()
            if p.pool == plan.pool
        }
        changes = [
            Change(Position(plan.service, plan.pool, region), before[region], state)
            for region, state in self.states(service, before, after, when_open).items()
            if region in unequal or (is_moving and not before[region].is_same_for_users(state))
        ]
        return tuple(sorted(changes, key=lambda c: (_opening(c) <= 0, c.position)))

    # What is written.

    @abstractmethod
    def writes(
        self, change: Change, resources: tuple[ResourceT, ...], weights: PartWeights = NO_WEIGHTS
    ) -> tuple[WriteT, ...]:
        """The writes of a change, for those resources of its position that are not set so yet.

        `weights`: of the position, from `open_weights`.
        """

    @abstractmethod
    def key(self, resource: ResourceT) -> Hashable:
        """What identifies a resource of a listing, whatever its state."""

    @abstractmethod
    def before(self, write: WriteT) -> ResourceT:
        """The resource that a write was made for, as it was read."""

    @abstractmethod
    def after(self, write: WriteT, listed: ResourceT) -> ResourceT:
        """The resource as an applied write left it; `listed` is an older listing of it."""

    @abstractmethod
    def has_same_state(self, one: ResourceT, other: ResourceT) -> bool:
        """Whether two listings of one resource are equal in everything that a write sets."""

    @abstractmethod
    def steps(
        self, writes: WritesByChange[WriteT], urgent: Collection[PoolName]
    ) -> list[WriteStep[WriteT]]:
        """The requests to one target, in their order; `writes` are in the plans' order."""

    def split_step(self, step: WriteStep[WriteT]) -> Sequence[WriteStep[WriteT]]:
        """Smaller steps in place of one that AWS refused, so that one bad write blocks less.

        Empty where the step cannot be split.
        """
        return ()

    @abstractmethod
    def open_parts(
        self, pool: Mapping[str, tuple[ResourceT, ...]], writes: Iterable[WriteT]
    ) -> OpenParts:
        """Which parts of a pool (region to its resources) are open after these writes."""

    def closes_all(
        self, pool: Mapping[str, tuple[ResourceT, ...]], writes: Iterable[WriteT]
    ) -> bool:
        """Whether these writes leave a pool (region to its resources) closed everywhere."""
        return is_all_closed(self.open_parts(pool, writes))

    def refusal(
        self,
        step: WriteStep[WriteT],
        applied: Iterable[WriteT],
        pool: Mapping[str, tuple[ResourceT, ...]],
    ) -> str | None:
        """Why a step that is one of several of a pool may not be sent; None: it may.

        It may not close the pool's last open region while the steps that were to open others are
        not known to be `applied`. `pool`: region to its resources.
        """
        closes = any(not change.after.is_open for change in step.writes_by_change)
        if step.split_pool is None or not closes:
            return None
        if not self.closes_all(pool, [*applied, *step.writes]):
            return None
        why = ", for what was to open before is not known to be"
        return self.all_closed_text(step.split_pool, why)

    def all_closed_text(self, name: PoolName, why: str = "") -> str:
        """The refusal of a write that would close a pool everywhere, as text."""
        service, pool = name
        left = f"pool {pool} of {service} would have no region left that is open"
        return f"not sent: {left}{why}; {self.all_closed_effect}"


def of_pool(
    resources: Resources[ResourceT], name: PoolName, regions: Iterable[str]
) -> dict[str, tuple[ResourceT, ...]]:
    """Region to the resources of one pool."""
    return {region: resources.get(Position(*name, region), ()) for region in regions}


def states_by_pool(service: Service, observed: Observed) -> dict[str, dict[str, LeverState]]:
    """Pool to region to its state: lawful regions only, in their pool's order."""
    states: dict[str, dict[str, LeverState]] = {name: {} for name in service.pools}
    for (_, pool_name, region), state in observed.settings.items():
        if pool_name in states:
            states[pool_name][region] = state
    return {name: _in_order(pool.regions, states[name]) for name, pool in service.pools.items()}


def _in_order(regions: tuple[str, ...], states: dict[str, LeverState]) -> dict[str, LeverState]:
    if tuple(states) == regions:
        return states
    return {region: states[region] for region in regions if region in states}


def _opening(change: Change) -> float:
    """By how much the change opens the position; negative when it closes."""
    before, after = change.before, change.after
    return (after.weight - before.weight) or ((after.dial or 0.0) - (before.dial or 0.0))
