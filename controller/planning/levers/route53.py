"""Route 53: weighted records of one hosted zone.

The tree is the record plan's: weighted records `<pool>.<name>`, one A and one AAAA record (twins)
per lawful region, with SetIdentifier = region and a health check on each. A record that is missing,
unlawful or extra is a fault: it is reported and never repaired by creating or deleting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from controller.model.configuration import Pool, Route53Lever, Service
from controller.model.decision import PoolName, Shares
from controller.model.levers import (
    Change,
    LeverKind,
    LeverState,
    Observed,
    Position,
    RecordSet,
    WeightChange,
)
from controller.planning.guards.all_closed import OpenParts, fail_open_regions
from controller.planning.levers.batches import changes_by_pool, pack_batches
from controller.planning.levers.lever import Lever, Resources, of_pool
from controller.planning.levers.weights import weights_for_shares
from controller.planning.levers.write_steps import WritesByChange, WriteStep
from controller.planning.levers.zone_scope import narrowed, unread_names, with_others
from controller.planning.residency.destinations import Destination, destinations
from controller.planning.residency.proof import Proof, prove_records
from controller.planning.residency.zone_listings import ZoneScope
from controller.planning.shares import normalised

_TWINS = ("A", "AAAA")

Leaves = Resources[RecordSet]
"""Position to its existing weighted records, A before AAAA."""
RecordGroups = Mapping[tuple[str, str], Mapping[str | None, RecordSet]]
"""Name and type to SetIdentifier to record set."""


class Route53(Lever[RecordSet, RecordGroups, WeightChange]):
    """A service's weighted records. A share is `weight / sum(weights)` within a pool."""

    kind: ClassVar[LeverKind] = "route53"
    shares_add_up = True
    target_word = "zone"
    share_word = "written"
    propagated_word = "insync"
    is_atomic = True
    throttled_text = "not sent: Route 53 throttled the batch before it"
    all_closed_effect = "Route 53 takes weights that are all zero for equal ones"

    def steers(self, service: Service) -> bool:
        """Whether the service has weighted records."""
        return service.levers.route53 is not None

    def target(self, service: Service) -> str:
        """Id of the hosted zone."""
        return _lever_settings(service).hosted_zone_id

    def identity(self, service: Service) -> str:
        """The zone and the service's name in it."""
        lever = _lever_settings(service)
        return f"{self.kind} {lever.hosted_zone_id} {lever.name}"

    def dns_name(self, service: Service) -> str | None:
        """The service's name."""
        return _lever_settings(service).name

    def ttl_s(self, service: Service) -> float:
        """Seconds for which resolvers keep an answer."""
        return _lever_settings(service).ttl_s

    def propagation_text(self, service: Service) -> str:
        """Users follow within the TTL."""
        return f"users follow within the TTL of {self.ttl_s(service):g} s after INSYNC"

    def index(self, listing: Iterable[RecordSet]) -> RecordGroups:
        """The record sets of a zone by name and type."""
        groups: dict[tuple[str, str], dict[str | None, RecordSet]] = {}
        for record in listing:
            groups.setdefault((record.name, record.type), {})[record.set_identifier] = record
        return groups

    def resources(self, name: str, service: Service, index: RecordGroups) -> Leaves:
        """Position to its existing weighted records, A before AAAA; lawful regions only."""
        leaves: dict[Position, tuple[RecordSet, ...]] = {}
        for pool_name, pool in service.pools.items():
            twins = _twins(service, pool_name, index)
            for region in pool.regions:
                found = [group.get(region) for group in twins]
                leaves[Position(name, pool_name, region)] = tuple(
                    [leaf for leaf in found if leaf is not None and leaf.weight is not None]
                )
        return leaves

    def observe(
        self, name: str, service: Service, index: RecordGroups, resources: Leaves, at: float
    ) -> Observed:
        """States, faults, notices and closed record types of the service's leaves."""
        states: dict[Position, LeverState] = {}
        parts: dict[Position, tuple[LeverState, ...]] = {}
        for position, twins in resources.items():
            weights = {twin.weight or 0 for twin in twins}
            if weights:
                states[position] = LeverState(max(weights))
            if len(weights) > 1:
                parts[position] = tuple(map(LeverState, sorted(weights, reverse=True)))
        faults = {
            pool_name: found
            for pool_name, pool in service.pools.items()
            if (found := tuple(_faults(service, pool_name, pool, index)))
        }
        reached = frozenset(
            Position(name, pool_name, region)
            # A type that is closed everywhere makes regions unequal that are open by the other.
            for pool_name in dict.fromkeys(position.pool for position in parts)
            for region in fail_open_regions(
                self._open_parts_now(resources, (name, pool_name), service)
            )
        )
        unequal, notices = frozenset(parts), tuple(_notices(resources))
        return Observed(at, states, unequal, faults, notices, parts=parts, failing_open=reached)

    def narrowed(
        self, target: str, services: Collection[Service], listing: Sequence[RecordSet]
    ) -> tuple[Sequence[RecordSet], ZoneScope | None]:
        """The runs of names that are steered or lead users on, in place of the whole zone."""
        return narrowed(target, services, listing)

    def assembled(self, listed: Sequence[RecordSet], scope: ZoneScope) -> tuple[RecordSet, ...]:
        """The runs as listed, with what the last whole listing showed of other names."""
        return with_others(listed, scope)

    def is_shown(self, service: Service, scope: ZoneScope) -> bool:
        """Whether the names of all weighted records were read."""
        lever = _lever_settings(service)
        return all(scope.knows(lever.leaf_name(pool)) for pool in service.pools)

    def unread(
        self,
        target: str,
        services: Collection[Service],
        listing: Sequence[RecordSet],
        scope: ZoneScope,
    ) -> tuple[str, ...]:
        """The names to which the records lead, or that proofs look at, and that were not read."""
        return unread_names(target, services, listing, scope)

    def prove(
        self,
        name: str,
        service: Service,
        listing: Sequence[RecordSet],
        scope: ZoneScope | None = None,
    ) -> Proof:
        """Whether Route 53 can answer users of bound pools an unlawful region, and how."""
        return prove_records(name, service, listing, scope)

    def is_same_for_proof(self, one: RecordSet, other: RecordSet) -> bool:
        """Whether two record sets differ at most in the number of their weight."""
        return (
            one.rest == other.rest
            and one.name == other.name
            and one.type == other.type
            and one.set_identifier == other.set_identifier
            and one.health_check_id == other.health_check_id
            and (one.weight is None) is (other.weight is None)
        )

    def destinations(self, resources: Leaves) -> Mapping[Position, Destination]:
        """Where each weighted A record leads."""
        return destinations(resources)

    def health_check_ids(self, resources: Leaves) -> Mapping[Position, tuple[str, ...]]:
        """The ids of the health checks on each position's records."""
        found = {
            position: tuple(dict.fromkeys(t.health_check_id for t in twins if t.health_check_id))
            for position, twins in resources.items()
        }
        return {position: ids for position, ids in found.items() if ids}

    def shares(self, states: Mapping[str, LeverState]) -> dict[str, float]:
        """`weight / sum(weights)`; equal where all weights are 0, as Route 53 answers then."""
        weights = [state.weight for state in states.values()]
        total = sum(weights)
        if total == 0:
            return {region: 1 / len(states) for region in states}
        return dict(zip(states, [weight / total for weight in weights], strict=True))

    def with_fail_open(self, shares: Shares, reached: Collection[str]) -> dict[str, float]:
        """At least an equal share for every region: users of the closed type reach all of them."""
        most = {region: max(share, 1 / len(shares)) for region, share in shares.items()}
        return normalised(most)

    def states(
        self, service: Service, before: Mapping[str, LeverState], after: Shares
    ) -> dict[str, LeverState]:
        """Weights that change as few records as possible."""
        shares = {region: share for region, share in after.items() if region in before}
        return {
            region: LeverState(weight)
            for region, weight in weights_for_shares(before, shares).items()
        }

    def writes(self, change: Change, resources: tuple[RecordSet, ...]) -> tuple[WeightChange, ...]:
        """One write per twin that has another weight."""
        weight = change.after.weight
        return tuple(WeightChange(leaf, weight) for leaf in resources if leaf.weight != weight)

    def steps(
        self, writes: WritesByChange[WeightChange], urgent: Collection[PoolName]
    ) -> list[WriteStep[WeightChange]]:
        """One batch, or as many as Route 53's limits require, urgent pools in the first."""
        return pack_batches(writes, urgent)

    def split_step(self, step: WriteStep[WeightChange]) -> Sequence[WriteStep[WeightChange]]:
        """One step per pool, if there are several: a bad record then blocks its own pool only."""
        pools = list(changes_by_pool(step.writes_by_change).values())
        return [WriteStep(changes) for changes in pools] if len(pools) > 1 else ()

    def open_parts(
        self, pool: Mapping[str, tuple[RecordSet, ...]], writes: Iterable[WeightChange]
    ) -> OpenParts:
        """By record type."""
        written = {_key(write.record): write.weight for write in writes}
        return {
            region: {leaf.type: bool(written.get(_key(leaf), leaf.weight)) for leaf in twins}
            for region, twins in pool.items()
        }

    def _open_parts_now(self, leaves: Leaves, name: PoolName, service: Service) -> OpenParts:
        return self.open_parts(of_pool(leaves, name, service.pools[name[1]].regions), ())


ROUTE53 = Route53()


def _key(record: RecordSet) -> tuple[str, str, str | None]:
    return record.name, record.type, record.set_identifier


def _faults(service: Service, pool_name: str, pool: Pool, groups: RecordGroups) -> Iterable[str]:
    name = _lever_settings(service).leaf_name(pool_name)
    for type_, listed in zip(_TWINS, _twins(service, pool_name, groups), strict=True):
        for region in pool.regions:
            if region not in listed:
                yield f"weighted record {name} {type_} {region} is missing"
            elif listed[region].weight is None:
                yield f"record {name} {type_} {region} is not weighted"
        for identifier in sorted(str(i) for i in listed if i not in pool.regions):
            law = f"; pool {pool_name} may only be served from {', '.join(pool.regions)}"
            yield f"weighted record {name} {type_} {identifier} should not exist{law}"


def _notices(leaves: Leaves) -> Iterable[str]:
    return [
        f"weighted record {twin.name} {twin.type} {position.region} has no health check: "
        "Route 53 takes it for always healthy"
        for position, twins in leaves.items()
        for twin in twins
        if twin.health_check_id is None
    ]


def _twins(
    service: Service, pool_name: str, groups: RecordGroups
) -> tuple[Mapping[str | None, RecordSet], ...]:
    """The pool's A and its AAAA records by SetIdentifier, unlawful ones included."""
    name = _lever_settings(service).leaf_name(pool_name)
    return tuple([groups.get((name, type_), {}) for type_ in _TWINS])


def _lever_settings(service: Service) -> Route53Lever:
    assert service.levers.route53 is not None
    return service.levers.route53
