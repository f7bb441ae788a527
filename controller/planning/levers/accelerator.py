"""Global Accelerator: the endpoint groups of one accelerator, one group per region and listener.

One pool stands behind an accelerator. Residency there is the absence of a group: a group that is
missing, unlawful or empty is a fault, which is reported and never repaired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from controller.model.configuration import AcceleratorLever, Pool, Service
from controller.model.decision import PoolName, Shares
from controller.model.levers import (
    Change,
    EndpointGroup,
    GroupChange,
    LeverKind,
    LeverState,
    Observed,
    Position,
)
from controller.planning.guards.all_closed import OpenParts, fail_open_regions
from controller.planning.levers.lever import Lever, Resources, of_pool
from controller.planning.levers.write_steps import WritesByChange, WriteStep
from controller.planning.residency.proof import Proof, prove_groups
from controller.planning.shares import normalised

EndpointGroups = tuple[EndpointGroup, ...]


class Accelerator(Lever[EndpointGroup, EndpointGroups, GroupChange]):
    """A service's endpoint groups. Shares are dials: nearness says whose users meet them."""

    kind: ClassVar[LeverKind] = "accelerator"
    shares_add_up = False
    target_word = "accelerator"
    share_word = "dial"
    spread = "deployed"
    is_atomic = False
    all_closed = "an accelerator whose groups are all closed sends users to any of them"

    def steers(self, service: Service) -> bool:
        """Whether the service has endpoint groups."""
        return service.levers.accelerator is not None

    def target(self, service: Service) -> str:
        """ARN of the accelerator."""
        return _noun(service).arn

    def identity(self, service: Service) -> str:
        """The accelerator and the pool behind it."""
        lever = _noun(service)
        return f"{self.kind} {lever.arn} {lever.pool}"

    def assumptions(self, service: Service) -> str:
        """Who is nearest, as configured."""
        return repr(sorted(_noun(service).nearest.items()))

    def users_follow(self, service: Service) -> str:
        """At once, for a connection stays where it is."""
        return "new connections follow once DEPLOYED"

    def pool(self, service: Service) -> str:
        """The pool behind the accelerator."""
        return _noun(service).pool

    def nearest(self, service: Service, regions: Collection[str]) -> Shares:
        """Which part of the users is nearest to which region, as the settings say."""
        configured = _noun(service).nearest
        return normalised({region: configured.get(region, 0.0) for region in regions}) or {
            region: 1 / len(regions) for region in regions
        }

    def index(self, listing: Iterable[EndpointGroup]) -> EndpointGroups:
        """As listed: there are few."""
        return tuple(listing)

    def resources(
        self, name: str, service: Service, index: EndpointGroups
    ) -> Resources[EndpointGroup]:
        """Position to its groups, one at each listener."""
        pool = self.pool(service)
        return {
            Position(name, pool, region): tuple(g for g in index if g.region == region)
            for region in service.pools[pool].regions
        }

    def observe(
        self,
        name: str,
        service: Service,
        index: EndpointGroups,
        resources: Resources[EndpointGroup],
        at: float,
    ) -> Observed:
        """What Global Accelerator says of the service."""
        pool_name = self.pool(service)
        pool = service.pools[pool_name]
        found = {p: each for p, groups in resources.items() if (each := _settings_of(groups))}
        parts = {position: each for position, each in found.items() if len(each) > 1}
        faults = tuple(_faults(pool_name, pool, index))
        now = of_pool(resources, (name, pool_name), pool.regions)
        reached = fail_open_regions(self.opened(now, ())) if parts else ()
        return Observed(
            at,
            {position: each[0] for position, each in found.items()},
            frozenset(parts),
            {pool_name: faults} if faults else {},
            parts=parts,
            failing_open=frozenset(Position(name, pool_name, region) for region in reached),
        )

    def prove(self, name: str, service: Service, listing: Sequence[EndpointGroup]) -> Proof:
        """What the accelerator could send the users of its pool to."""
        return prove_groups(name, service, listing)

    def is_proven_alike(self, one: EndpointGroup, other: EndpointGroup) -> bool:
        """Whether two groups are the same but for dial, weights and health."""
        return (
            one.arn == other.arn
            and one.region == other.region
            and [e.endpoint_id for e in one.endpoints] == [e.endpoint_id for e in other.endpoints]
        )

    def shares(self, settings: Mapping[str, LeverState]) -> dict[str, float]:
        """Dials, 0 to 1; 0 where the endpoints weigh nothing."""
        return {r: (s.dial or 0.0) / 100 if s.weight else 0.0 for r, s in settings.items()}

    def with_reached(self, shares: Shares, reached: Collection[str]) -> dict[str, float]:
        """Each region that is reached counts as wholly open."""
        return {region: 1.0 if region in reached else share for region, share in shares.items()}

    def settings(
        self, service: Service, before: Mapping[str, LeverState], after: Shares
    ) -> dict[str, LeverState]:
        """Whole dials, at least 1 where it is open, and the configured weight of endpoints."""
        weight = _noun(service).endpoint_weight
        return {
            region: LeverState(weight, max(1.0, round(share * 100.0, 0)))
            if share > 0
            else LeverState(0, 0.0)
            for region, share in after.items()
            if region in before
        }

    def parts(
        self, change: Change, resources: tuple[EndpointGroup, ...]
    ) -> tuple[GroupChange, ...]:
        """Those groups that can be set and are not set so yet."""
        dial, weight = change.after.dial, change.after.weight
        if dial is None:
            return ()
        return tuple(
            GroupChange(group, dial, weight)
            for group in writable_groups(resources)
            if not has_state(group, change.after)
        )

    def steps(
        self, parts: WritesByChange[GroupChange], urgent: Collection[PoolName]
    ) -> list[WriteStep[GroupChange]]:
        """One group at a time, groups that open before groups that close."""
        apart = [(change, write) for change, writes in parts.items() for write in writes]
        apart.sort(key=lambda one: not is_opening(one[1]))
        return [
            WriteStep({change: (write,)}, (change.position.service, change.position.pool))
            for change, write in apart
        ]

    def opened(
        self, pool: Mapping[str, tuple[EndpointGroup, ...]], writes: Iterable[GroupChange]
    ) -> OpenParts:
        """By listener. A group without endpoints serves nobody: it is as good as missing."""
        after = {one.group.arn: LeverState(one.endpoint_weight, one.dial) for one in writes}
        return {
            region: {
                group.listener: (after.get(group.arn) or _setting(group)).is_open
                for group in groups
                if group.endpoints
            }
            for region, groups in pool.items()
        }


ACCELERATOR = Accelerator()


def writable_groups(groups: Iterable[EndpointGroup]) -> list[EndpointGroup]:
    """Those groups that can be set: without an endpoint a group serves nobody and is not written.

    All of them where none has an endpoint, so that their refusal says so.
    """
    found = list(groups)
    return [group for group in found if group.endpoints] or found


def has_state(group: EndpointGroup, setting: LeverState) -> bool:
    """Whether the group and all its endpoints are set like this."""
    weights = {endpoint.weight for endpoint in group.endpoints}
    return group.dial == setting.dial and weights <= {setting.weight}


def is_opening(change: GroupChange) -> bool:
    """Whether the write lets more users into some endpoint of the group."""
    after = LeverState(change.endpoint_weight, change.dial)
    return any(
        _openness(after) > _openness(LeverState(endpoint.weight, change.group.dial))
        for endpoint in change.group.endpoints
    )


def _setting(group: EndpointGroup) -> LeverState:
    return LeverState(max(endpoint.weight for endpoint in group.endpoints), group.dial)


def _openness(setting: LeverState) -> tuple[bool, float, int]:
    return setting.is_open, setting.dial or 0.0, setting.weight


def _settings_of(groups: Iterable[EndpointGroup]) -> tuple[LeverState, ...]:
    """The settings of one region's endpoints, each once, the most open first."""
    found = {
        LeverState(weight, group.dial)
        for group in writable_groups(groups)
        for weight in [endpoint.weight for endpoint in group.endpoints] or [0]
    }
    return tuple(sorted(found, key=_openness, reverse=True))


def _faults(pool_name: str, pool: Pool, groups: EndpointGroups) -> Iterable[str]:
    listeners = dict.fromkeys(group.listener for group in groups)
    for region in pool.regions:
        mine = [group for group in groups if group.region == region]
        lacking = [one for one in listeners if one not in {group.listener for group in mine}]
        if not mine:
            yield f"endpoint group {region} is missing"
            continue
        yield from (f"endpoint group {region} is missing at {listener}" for listener in lacking)
        if not all(group.endpoints for group in mine):
            yield f"endpoint group {region} has no endpoint"
    for region in sorted({group.region for group in groups}.difference(pool.regions)):
        law = f"; pool {pool_name} may only be served from {', '.join(pool.regions)}"
        yield f"endpoint group {region} should not exist{law}"


def _noun(service: Service) -> AcceleratorLever:
    assert service.levers.accelerator is not None
    return service.levers.accelerator
