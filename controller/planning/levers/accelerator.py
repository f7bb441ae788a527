"""Global Accelerator: the endpoint groups of one accelerator, one group per region and listener.

One pool is behind an accelerator. Residency holds when no group exists in an unlawful region. A
group that is missing, unlawful or empty is a fault, which is reported and never repaired. The ratio
of weights inside a group is its operators' (`part_weights`): it is carried, and never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from controller.model.configuration import AcceleratorLever, Service
from controller.model.decision import PoolName, Shares
from controller.model.levers import (
    CarriedWeights,
    Change,
    EndpointGroup,
    GroupChange,
    LeverKind,
    LeverState,
    Observed,
    PartWeights,
    Position,
)
from controller.planning.guards.all_closed import OpenParts, fail_open_regions
from controller.planning.levers.endpoint_groups import (
    group_faults,
    has_state,
    is_opening,
    most_open_state,
    states_of,
    weights_of,
    writable_groups,
)
from controller.planning.levers.endpoint_weights import (
    endpoint_key,
    endpoint_keys,
    group_weights,
    of_other_groups,
    tells_weights,
    unknown_weights_text,
    wanted_weights,
    weight_notices,
)
from controller.planning.levers.lever import (
    NO_WEIGHTS,
    NONE_CARRIED,
    Lever,
    Resources,
    of_pool,
)
from controller.planning.levers.write_steps import WritesByChange, WriteStep
from controller.planning.residency.proof import Proof, prove_groups
from controller.planning.residency.zone_listings import ZoneScope
from controller.planning.shares import normalised

EndpointGroups = tuple[EndpointGroup, ...]


class Accelerator(Lever[EndpointGroup, EndpointGroups, GroupChange]):
    """A service's endpoint groups. A share is a dial, which applies to the nearest users."""

    kind: ClassVar[LeverKind] = "accelerator"
    shares_add_up = False
    target_word = "accelerator"
    share_word = "dial"
    propagated_word = "deployed"
    is_atomic = False
    settling_s = 60.0
    all_closed_effect = "an accelerator whose groups are all closed sends users to any of them"

    def steers(self, service: Service) -> bool:
        """Whether the service has endpoint groups."""
        return service.levers.accelerator is not None

    def target(self, service: Service) -> str:
        """ARN of the accelerator."""
        return _lever_settings(service).arn

    def identity(self, service: Service) -> str:
        """The accelerator and the pool behind it."""
        lever = _lever_settings(service)
        return f"{self.kind} {lever.arn} {lever.pool}"

    def assumptions(self, service: Service) -> str:
        """Which fraction of users is nearest to which region, as configured."""
        return repr(sorted(_lever_settings(service).nearest.items()))

    def propagation_text(self, service: Service) -> str:
        """Open connections stay where they are."""
        return "new connections follow once DEPLOYED"

    def pool(self, service: Service) -> str:
        """The pool behind the accelerator."""
        return _lever_settings(service).pool

    def nearest(self, service: Service, regions: Collection[str]) -> Shares:
        """Region to the fraction of users nearest to it, as configured; `sum == 1`.

        Equal where the settings name none of these regions.
        """
        configured = _lever_settings(service).nearest
        return normalised({region: configured.get(region, 0.0) for region in regions}) or {
            region: 1 / len(regions) for region in regions
        }

    def index(self, listing: Iterable[EndpointGroup]) -> EndpointGroups:
        """The listing itself, which is short."""
        return tuple(listing)

    def resources(
        self, name: str, service: Service, index: EndpointGroups
    ) -> Resources[EndpointGroup]:
        """Position to its groups, one per listener."""
        pool = self.pool(service)
        return {
            Position(name, pool, region): tuple(g for g in index if g.region == region)
            for region in service.pools[pool].regions
        }

    def learn(
        self,
        service: Service,
        resources: Resources[EndpointGroup],
        known: CarriedWeights,
        is_new: Callable[[Position], bool],
    ) -> dict[Position, PartWeights]:
        """Weights of groups that have any: a write sets a whole group, so none is half written.

        Endpoints that were added to a closed group are learned once it is open.
        """
        when_open = self.open_weights(service, resources, known)
        found: dict[Position, PartWeights] = {}
        for position, groups in resources.items():
            before, now = known.get(position, NO_WEIGHTS), when_open[position]
            standing = {
                key: now[key]
                for group in groups
                if tells_weights(group, before)
                for key in endpoint_keys(group)
            }
            learned = {**of_other_groups(groups, before), **standing}
            if learned != before:
                found[position] = learned
        return found

    def open_weights(
        self, service: Service, resources: Resources[EndpointGroup], known: CarriedWeights
    ) -> dict[Position, PartWeights]:
        """Each endpoint's weight when its group is open; those of unknown groups are missing."""
        lever = _lever_settings(service)
        found: dict[Position, PartWeights] = {}
        for position, groups in resources.items():
            before = known.get(position, NO_WEIGHTS)
            stated = lever.weights.get(position.region, {})
            resolved = {
                group: group_weights(group, before, stated, lever.endpoint_weight)
                for group in groups
            }
            found[position] = {
                endpoint_key(group, one): weight
                for group, weights in resolved.items()
                for one, weight in (weights or {}).items()
            }
        return found

    def observe(
        self,
        name: str,
        service: Service,
        index: EndpointGroups,
        resources: Resources[EndpointGroup],
        at: float,
        known: CarriedWeights = NONE_CARRIED,
    ) -> Observed:
        """States, faults, closed listeners and unknown weights of the service's groups."""
        pool_name = self.pool(service)
        pool = service.pools[pool_name]
        states = {p: found for p, groups in resources.items() if (found := states_of(groups))}
        parts = {position: found for position, found in states.items() if len(found) > 1}
        faults = tuple(group_faults(pool_name, pool, index))
        now = of_pool(resources, (name, pool_name), pool.regions)
        when_open = self.open_weights(service, resources, known)
        reached = fail_open_regions(self.open_parts(now, ())) if parts else ()
        return Observed(
            at,
            {position: found[0] for position, found in states.items()},
            frozenset(parts),
            {pool_name: faults} if faults else {},
            tuple(weight_notices(_lever_settings(service), resources)),
            parts=parts,
            weights_when_open={
                position: max(weights.values())
                for position, weights in when_open.items()
                if weights and position in states and not states[position][0].weight
            },
            unknown_weights={
                position: text
                for position, groups in resources.items()
                if (text := unknown_weights_text(name, position, groups, when_open[position]))
            },
            failing_open=frozenset(Position(name, pool_name, region) for region in reached),
        )

    def prove(
        self,
        name: str,
        service: Service,
        listing: Sequence[EndpointGroup],
        scope: ZoneScope | None = None,
    ) -> Proof:
        """Whether the accelerator can send its pool's users to an unlawful region, and how."""
        return prove_groups(name, service, listing)

    def is_same_for_proof(self, one: EndpointGroup, other: EndpointGroup) -> bool:
        """Whether two groups differ at most in dial, weights and health."""
        return (
            one.arn == other.arn
            and one.region == other.region
            and [e.endpoint_id for e in one.endpoints] == [e.endpoint_id for e in other.endpoints]
        )

    def shares(self, states: Mapping[str, LeverState]) -> dict[str, float]:
        """Dials, 0 to 1; 0 where the endpoints have weight 0."""
        return {r: (s.dial or 0.0) / 100 if s.weight else 0.0 for r, s in states.items()}

    def with_fail_open(self, shares: Shares, reached: Collection[str]) -> dict[str, float]:
        """A region that is reached all the same has dial 1."""
        return {region: 1.0 if region in reached else share for region, share in shares.items()}

    def states(
        self,
        service: Service,
        before: Mapping[str, LeverState],
        after: Shares,
        when_open: Mapping[str, int],
    ) -> dict[str, LeverState]:
        """Dials of whole percents, at least 1 where open; the endpoint weight that is carried."""
        weight = _lever_settings(service).endpoint_weight
        return {
            region: LeverState(
                before[region].weight or when_open.get(region, weight),
                max(1.0, round(share * 100.0, 0)),
            )
            if share > 0
            else LeverState(0, 0.0)
            for region, share in after.items()
            if region in before
        }

    def writes(
        self,
        change: Change,
        resources: tuple[EndpointGroup, ...],
        weights: PartWeights = NO_WEIGHTS,
    ) -> tuple[GroupChange, ...]:
        """One write per group that can be written and has another state.

        A group that is to open and whose ratio of weights nobody knows is left out.
        """
        dial, weight = change.after.dial, change.after.weight
        if dial is None:
            return ()
        found = []
        for group in writable_groups(resources):
            wanted = wanted_weights(group, weight, weights)
            if wanted is not None and not has_state(group, dial, wanted):
                found.append(GroupChange(group, dial, wanted))
        return tuple(found)

    def key(self, resource: EndpointGroup) -> Hashable:
        """The group's ARN."""
        return resource.arn

    def before(self, write: GroupChange) -> EndpointGroup:
        """The group as it was read."""
        return write.group

    def after(self, write: GroupChange, listed: EndpointGroup) -> EndpointGroup:
        """The group with the written dial and weights; its endpoints' health as listed."""
        written = {
            endpoint.endpoint_id: weight
            for endpoint, weight in zip(write.group.endpoints, write.weights, strict=True)
        }
        endpoints = tuple(
            replace(e, weight=written.get(e.endpoint_id, e.weight)) for e in listed.endpoints
        )
        return replace(listed, dial=write.dial, endpoints=endpoints)

    def has_same_state(self, one: EndpointGroup, other: EndpointGroup) -> bool:
        """Whether both have the same dial, and the same endpoints with the same weights."""
        return one.dial == other.dial and weights_of(one) == weights_of(other)

    def steps(
        self, writes: WritesByChange[GroupChange], urgent: Collection[PoolName]
    ) -> list[WriteStep[GroupChange]]:
        """One group per step, groups that open before groups that close."""
        single = [(change, write) for change, each in writes.items() for write in each]
        single.sort(key=lambda pair: not is_opening(pair[1]))
        return [
            WriteStep({change: (write,)}, (change.position.service, change.position.pool))
            for change, write in single
        ]

    def open_parts(
        self, pool: Mapping[str, tuple[EndpointGroup, ...]], writes: Iterable[GroupChange]
    ) -> OpenParts:
        """By listener. A group without endpoints serves no users and counts as missing."""
        after = {write.group.arn: write.state for write in writes}
        return {
            region: {
                group.listener: (after.get(group.arn) or most_open_state(group)).is_open
                for group in groups
                if group.endpoints
            }
            for region, groups in pool.items()
        }


ACCELERATOR = Accelerator()


def _lever_settings(service: Service) -> AcceleratorLever:
    assert service.levers.accelerator is not None
    return service.levers.accelerator
