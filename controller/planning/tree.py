"""What a hosted zone's record sets, or an accelerator's groups, say of a service's positions.

The tree is the one of the record plan: weighted leaves `<pool>.<name>`, A and AAAA twins, one per
lawful region with SetIdentifier = region and a health check on each. A leaf that is missing,
unlawful or extra is a fault: it is reported and never repaired by creating or deleting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.model.configuration import Pool, Service
from controller.model.levers import EndpointGroup, Observed, Position, RecordSet, Setting

_TWINS = ("A", "AAAA")

Leaves = Mapping[Position, tuple[RecordSet, ...]]
"""Position to its existing leaves, A before AAAA."""
Groups = Mapping[tuple[str, str], Mapping[str | None, RecordSet]]
"""Name and type to SetIdentifier to record set: a zone's groups of records, each found at once."""


def grouped(records: Iterable[RecordSet]) -> Groups:
    """The record sets of a zone by name and type."""
    groups: dict[tuple[str, str], dict[str | None, RecordSet]] = {}
    for record in records:
        groups.setdefault((record.name, record.type), {})[record.set_identifier] = record
    return groups


def leaves_of(
    service_name: str, service: Service, records: Iterable[RecordSet]
) -> dict[Position, tuple[RecordSet, ...]]:
    """Position to its existing leaves, A before AAAA; lawful regions only."""
    return leaves_in(service_name, service, grouped(records))


def leaves_in(
    service_name: str, service: Service, groups: Groups
) -> dict[Position, tuple[RecordSet, ...]]:
    """The same of a zone's groups."""
    leaves: dict[Position, tuple[RecordSet, ...]] = {}
    for pool_name, pool in service.pools.items():
        twins = _twins(service, pool_name, groups)
        for region in pool.regions:
            found = [group.get(region) for group in twins]
            leaves[Position(service_name, pool_name, region)] = tuple(
                [leaf for leaf in found if leaf is not None and leaf.weight is not None]
            )
    return leaves


def observe_records(
    service_name: str, service: Service, records: Iterable[RecordSet], at: float
) -> Observed:
    """What the zone says of a service steered by Route 53."""
    groups = grouped(records)
    return observe_leaves(service, groups, leaves_in(service_name, service, groups), at)


def observe_leaves(service: Service, groups: Groups, leaves: Leaves, at: float) -> Observed:
    """The same of a zone's groups and the service's leaves among them."""
    settings = {p: Setting(twins[0].weight or 0) for p, twins in leaves.items() if twins}
    unequal = frozenset(p for p, twins in leaves.items() if len({t.weight for t in twins}) > 1)
    faults = {
        pool_name: found
        for pool_name, pool in service.pools.items()
        if (found := tuple(_faults(service, pool_name, pool, groups)))
    }
    notices = tuple(
        f"leaf {twin.name} {twin.type} {position.region} has no health check: Route 53 takes it "
        "for always healthy"
        for position, twins in leaves.items()
        for twin in twins
        if twin.health_check_id is None
    )
    return Observed(at, settings, unequal, faults, notices)


def observe_groups(
    service_name: str, service: Service, groups: tuple[EndpointGroup, ...], at: float
) -> Observed:
    """What Global Accelerator says of a service steered by an accelerator."""
    lever = service.levers.accelerator
    assert lever is not None
    pool = service.pools[lever.pool]
    settings: dict[Position, Setting] = {}
    unequal: set[Position] = set()
    for region in pool.regions:
        mine = [group for group in groups if group.region == region]
        if not mine:
            continue
        position = Position(service_name, lever.pool, region)
        weights = {endpoint.weight for group in mine for endpoint in group.endpoints}
        dials = {group.dial for group in mine}
        # What serves most counts: a region is not out before every listener says so.
        settings[position] = Setting(max(weights, default=0), max(dials))
        if len(weights) > 1 or len(dials) > 1:
            unequal.add(position)
    faults = tuple(_group_faults(lever.pool, pool, groups))
    return Observed(at, settings, frozenset(unequal), {lever.pool: faults} if faults else {})


def listener_of(group: EndpointGroup) -> str:
    """ARN of the listener that the group stands behind, the beginning of the group's own."""
    listener, found, _ = group.arn.partition("/endpoint-group/")
    return listener if found else ""


def _faults(service: Service, pool_name: str, pool: Pool, groups: Groups) -> Iterable[str]:
    name = _leaf_name(service, pool_name)
    for type_, listed in zip(_TWINS, _twins(service, pool_name, groups), strict=True):
        for region in pool.regions:
            if region not in listed:
                yield f"leaf {name} {type_} {region} is missing"
            elif listed[region].weight is None:
                yield f"record {name} {type_} {region} is not weighted"
        for identifier in sorted(str(i) for i in listed if i not in pool.regions):
            law = f"; pool {pool_name} may only be served from {', '.join(pool.regions)}"
            yield f"leaf {name} {type_} {identifier} should not exist{law}"


def _group_faults(pool_name: str, pool: Pool, groups: tuple[EndpointGroup, ...]) -> Iterable[str]:
    listeners = dict.fromkeys(listener_of(group) for group in groups)
    for region in pool.regions:
        mine = [group for group in groups if group.region == region]
        lacking = [one for one in listeners if one not in map(listener_of, mine)]
        if not mine:
            yield f"endpoint group {region} is missing"
            continue
        yield from (f"endpoint group {region} is missing at {listener}" for listener in lacking)
        if not all(group.endpoints for group in mine):
            yield f"endpoint group {region} has no endpoint"
    for region in sorted({group.region for group in groups}.difference(pool.regions)):
        law = f"; pool {pool_name} may only be served from {', '.join(pool.regions)}"
        yield f"endpoint group {region} should not exist{law}"


def _twins(
    service: Service, pool_name: str, groups: Groups
) -> tuple[Mapping[str | None, RecordSet], ...]:
    """The pool's A and its AAAA leaves, lawful or not."""
    name = _leaf_name(service, pool_name)
    return tuple([groups.get((name, type_), {}) for type_ in _TWINS])


def _leaf_name(service: Service, pool_name: str) -> str:
    assert service.levers.route53 is not None
    return service.levers.route53.leaf_name(pool_name)
