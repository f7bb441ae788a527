"""Route 53: weighted records of one hosted zone.

The tree is the record plan's: weighted records `<pool>.<name>`, one A and one AAAA record (twins)
or only one of them per lawful region, with SetIdentifier = region and a health check on each. A
record that is missing, unlawful or extra is a fault (`record_tree`): it is reported and never
repaired by creating or deleting. Twins of unequal weights that stand there at the start keep their
ratio (`part_weights`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from controller.model.configuration import Route53Lever, Service
from controller.model.decision import PoolName, Shares
from controller.model.levers import (
    CarriedWeights,
    Change,
    LeverKind,
    LeverState,
    Observed,
    PartWeights,
    Position,
    RecordSet,
    WeightChange,
)
from controller.planning.guards.all_closed import OpenParts, fail_open_regions
from controller.planning.levers.batches import changes_by_pool, pack_batches
from controller.planning.levers.lever import (
    NO_WEIGHTS,
    NONE_CARRIED,
    Lever,
    Resources,
    of_pool,
)
from controller.planning.levers.part_weights import is_even, part_weight, position_weights
from controller.planning.levers.record_tree import (
    PoolRecords,
    RecordGroups,
    tree_faults,
    twins_of,
    unsteered_notices,
    unsteered_shares,
)
from controller.planning.levers.twin_weights import (
    learned_ratios,
    ratios_when_open,
    standing_weights,
    unknown_ratios,
)
from controller.planning.levers.weights import weights_for_shares
from controller.planning.levers.write_steps import WritesByChange, WriteStep
from controller.planning.levers.zone_scope import narrowed, unread_names, with_others
from controller.planning.residency.destinations import Destination, destinations
from controller.planning.residency.proof import Proof, prove_records
from controller.planning.residency.zone_listings import ZoneScope
from controller.planning.shares import normalised

Leaves = Resources[RecordSet]
"""Position to its existing weighted records, A before AAAA."""


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
            twins = twins_of(_lever_settings(service).leaf_name(pool_name), index)
            for region in pool.regions:
                found = [group.get(region) for group in twins]
                leaves[Position(name, pool_name, region)] = tuple(
                    [leaf for leaf in found if leaf is not None and leaf.weight is not None]
                )
        return leaves

    def learn(
        self,
        service: Service,
        resources: Leaves,
        known: CarriedWeights,
        is_new: Callable[[Position], bool],
    ) -> dict[Position, PartWeights]:
        """Ratios of twins that are unequal when first seen; a later change of one is drift."""
        return learned_ratios(resources, known, _lever_settings(service).weights, is_new)

    def open_weights(
        self, service: Service, resources: Leaves, known: CarriedWeights
    ) -> dict[Position, PartWeights]:
        """Ratios that are known or stated; missing for twins that are equal."""
        return ratios_when_open(resources, known, _lever_settings(service).weights)

    def observe(
        self,
        name: str,
        service: Service,
        index: RecordGroups,
        resources: Leaves,
        at: float,
        known: CarriedWeights = NONE_CARRIED,
    ) -> Observed:
        """States, faults, notices and closed record types of the service's leaves."""
        states: dict[Position, LeverState] = {}
        parts: dict[Position, tuple[LeverState, ...]] = {}
        ratios = self.open_weights(service, resources, known)
        for position, twins in resources.items():
            weights = {twin.weight or 0 for twin in twins}
            if ratio := ratios.get(position):
                weights = set(position_weights(standing_weights(twins), ratio).values())
            if weights:
                states[position] = LeverState(max(weights))
            if len(weights) > 1:
                parts[position] = tuple(map(LeverState, sorted(weights, reverse=True)))
        trees = [_pool_records(service, pool_name) for pool_name in service.pools]
        faults = {tree.pool: found for tree in trees if (found := tuple(tree_faults(tree, index)))}
        unsteered = {
            Position(name, tree.pool, region): shares
            for tree in trees
            for region, shares in unsteered_shares(tree, index).items()
        }
        reached = frozenset(
            Position(name, pool_name, region)
            # A type that is closed everywhere makes regions unequal that are open by the other.
            for pool_name in dict.fromkeys(position.pool for position in parts)
            for region in fail_open_regions(
                self._open_parts_now(resources, (name, pool_name), service)
            )
        )
        notices = dict.fromkeys(text for tree in trees for text in unsteered_notices(tree, index))
        return Observed(
            at,
            states,
            frozenset(parts),
            faults,
            (*_notices(resources), *notices, *_ratio_notices(resources, ratios)),
            parts=parts,
            failing_open=reached,
            unsteered=unsteered,
            ratios={position: ratio for position, ratio in ratios.items() if not is_even(ratio)},
            unknown_weights=_unknown(name, unknown_ratios(resources, known, ratios)),
        )

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
        self,
        service: Service,
        before: Mapping[str, LeverState],
        after: Shares,
        when_open: Mapping[str, int],
    ) -> dict[str, LeverState]:
        """Weights that change as few records as possible."""
        shares = {region: share for region, share in after.items() if region in before}
        return {
            region: LeverState(weight)
            for region, weight in weights_for_shares(before, shares).items()
        }

    def writes(
        self,
        change: Change,
        resources: tuple[RecordSet, ...],
        weights: PartWeights = NO_WEIGHTS,
    ) -> tuple[WeightChange, ...]:
        """One write per twin that has another weight."""
        wanted = [
            (leaf, part_weight(change.after.weight, weights, leaf.type)) for leaf in resources
        ]
        return tuple(WeightChange(leaf, weight) for leaf, weight in wanted if leaf.weight != weight)

    def key(self, resource: RecordSet) -> Hashable:
        """Name, type and SetIdentifier."""
        return _key(resource)

    def before(self, write: WeightChange) -> RecordSet:
        """The record that the write deletes."""
        return write.record

    def after(self, write: WeightChange, listed: RecordSet) -> RecordSet:
        """The record that the write created: all else is as it compared."""
        return replace(write.record, weight=write.weight)

    def has_same_state(self, one: RecordSet, other: RecordSet) -> bool:
        """Whether both have the same weight."""
        return one.weight == other.weight

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


def _pool_records(service: Service, pool_name: str) -> PoolRecords:
    lever = _lever_settings(service)
    regions = service.pools[pool_name].regions
    return PoolRecords(pool_name, regions, lever.leaf_name(pool_name), lever.name)


def _notices(leaves: Leaves) -> Iterable[str]:
    return [
        f"weighted record {twin.name} {twin.type} {position.region} has no health check: "
        "Route 53 takes it for always healthy"
        for position, twins in leaves.items()
        for twin in twins
        if twin.health_check_id is None
    ]


def _ratio_notices(leaves: Leaves, ratios: Mapping[Position, PartWeights]) -> Iterable[str]:
    return [
        f"weighted records {leaves[position][0].name} {position.region} have unequal weights: "
        f"{', '.join(f'{type_} {weight}' for type_, weight in ratio.items())}; their ratio is kept"
        for position, ratio in ratios.items()
        if not is_even(ratio)
    ]


def _unknown(name: str, positions: Iterable[Position]) -> dict[Position, str]:
    """Position to what sets its ratio, as text."""
    return {
        p: f"weighted records {p.pool} {p.region} are at 0, the ratio of their weights was never "
        "seen, and the pool's other regions differ in theirs: no ratio is guessed. State it in the "
        f"settings (services.{name}.levers.route53.weights.{p.pool}.{p.region}: {{A: …, AAAA: …}})"
        for p in positions
    }


def _lever_settings(service: Service) -> Route53Lever:
    assert service.levers.route53 is not None
    return service.levers.route53
