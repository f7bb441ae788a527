"""What a hosted zone's record sets, or an accelerator's groups, say of a service's positions.

The tree is the one of the record plan: weighted leaves `<pool>.<name>`, A and AAAA twins, one per
lawful region with SetIdentifier = region and a health check on each. A leaf that is missing,
unlawful or extra is a fault: it is reported and never repaired by creating or deleting.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.model.configuration import Pool, Service
from controller.model.levers import EndpointGroup, Observed, Position, RecordSet, Setting

_TWINS = ("A", "AAAA")


def leaves_of(
    service_name: str, service: Service, records: Iterable[RecordSet]
) -> dict[Position, tuple[RecordSet, ...]]:
    """Position to its existing leaves, A before AAAA; lawful regions only."""
    by_name = _weighted_by_name(records)
    return {
        Position(service_name, pool_name, region): tuple(
            leaf
            for type_ in _TWINS
            if (leaf := by_name.get((_leaf_name(service, pool_name), type_, region))) is not None
        )
        for pool_name, pool in service.pools.items()
        for region in pool.regions
    }


def observe_records(
    service_name: str, service: Service, records: tuple[RecordSet, ...], at: float
) -> Observed:
    """What the zone says of a service steered by Route 53."""
    leaves = leaves_of(service_name, service, records)
    settings = {p: Setting(twins[0].weight or 0) for p, twins in leaves.items() if twins}
    unequal = frozenset(p for p, twins in leaves.items() if len({t.weight for t in twins}) > 1)
    faults = {
        pool_name: found
        for pool_name, pool in service.pools.items()
        if (found := tuple(_faults(service, pool_name, pool, records)))
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


def _faults(
    service: Service, pool_name: str, pool: Pool, records: tuple[RecordSet, ...]
) -> Iterable[str]:
    name = _leaf_name(service, pool_name)
    for type_ in _TWINS:
        listed = {r.set_identifier: r for r in records if r.name == name and r.type == type_}
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


def _weighted_by_name(
    records: Iterable[RecordSet],
) -> dict[tuple[str, str, str | None], RecordSet]:
    return {(r.name, r.type, r.set_identifier): r for r in records if r.weight is not None}


def _leaf_name(service: Service, pool_name: str) -> str:
    assert service.levers.route53 is not None
    return service.levers.route53.leaf_name(pool_name)
