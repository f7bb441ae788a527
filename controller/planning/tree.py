"""What a hosted zone's record sets, or an accelerator's groups, say of a service's positions.

The tree is the one of the record plan: weighted leaves `<pool>.<name>`, A and AAAA twins, one per
lawful region with SetIdentifier = region and a health check on each. A leaf that is missing,
unlawful or extra is a fault: it is reported and never repaired by creating or deleting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.model.configuration import Pool, Service
from controller.model.levers import (
    EndpointGroup,
    GroupChange,
    Observed,
    Position,
    RecordSet,
    Setting,
)
from controller.planning.emptied import Open, failing_open, open_groups, open_leaves

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
    leaves = leaves_in(service_name, service, groups)
    return observe_leaves(service_name, service, groups, leaves, at)


def observe_leaves(
    service_name: str, service: Service, groups: Groups, leaves: Leaves, at: float
) -> Observed:
    """The same of a zone's groups and the service's leaves among them."""
    settings: dict[Position, Setting] = {}
    parts: dict[Position, tuple[Setting, ...]] = {}
    for position, twins in leaves.items():
        weights = {twin.weight or 0 for twin in twins}
        if weights:
            settings[position] = Setting(max(weights))
        if len(weights) > 1:
            parts[position] = tuple(map(Setting, sorted(weights, reverse=True)))
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
    reached = frozenset(
        Position(service_name, pool_name, region)
        # A type that is closed everywhere makes the regions unequal that are open by the other.
        for pool_name in dict.fromkeys(position.pool for position in parts)
        for region in failing_open(_opened(leaves, service_name, service, pool_name))
    )
    return Observed(
        at, settings, frozenset(parts), faults, notices, parts=parts, failing_open=reached
    )


def observe_groups(
    service_name: str, service: Service, groups: tuple[EndpointGroup, ...], at: float
) -> Observed:
    """What Global Accelerator says of a service steered by an accelerator."""
    lever = service.levers.accelerator
    assert lever is not None
    pool = service.pools[lever.pool]
    settings: dict[Position, Setting] = {}
    parts: dict[Position, tuple[Setting, ...]] = {}
    for region in pool.regions:
        found = _settings_of([group for group in groups if group.region == region])
        position = Position(service_name, lever.pool, region)
        if found:
            settings[position] = found[0]
        if len(found) > 1:
            parts[position] = found
    faults = tuple(_group_faults(lever.pool, pool, groups))
    opened = failing_open(open_groups(pool.regions, groups, {})) if parts else ()
    return Observed(
        at,
        settings,
        frozenset(parts),
        {lever.pool: faults} if faults else {},
        parts=parts,
        failing_open=frozenset(Position(service_name, lever.pool, region) for region in opened),
    )


def _opened(
    leaves: Mapping[Position, tuple[RecordSet, ...]], name: str, service: Service, pool: str
) -> Open:
    regions = service.pools[pool].regions
    return open_leaves({r: leaves[Position(name, pool, r)] for r in regions}, {})


def settable(groups: Iterable[EndpointGroup]) -> list[EndpointGroup]:
    """Those groups that can be set: without an endpoint a group serves nobody and is not written.

    All of them where none has an endpoint, so that their refusal says so.
    """
    found = list(groups)
    return [group for group in found if group.endpoints] or found


def is_set(group: EndpointGroup, setting: Setting) -> bool:
    """Whether the group and all its endpoints are set like this."""
    weights = {endpoint.weight for endpoint in group.endpoints}
    return group.dial == setting.dial and weights <= {setting.weight}


def opens(change: GroupChange) -> bool:
    """Whether the write lets more users into some endpoint of the group."""
    after = Setting(change.endpoint_weight, change.dial)
    return any(
        _openness(after) > _openness(Setting(endpoint.weight, change.group.dial))
        for endpoint in change.group.endpoints
    )


def _openness(setting: Setting) -> tuple[bool, float, int]:
    return setting.is_open, setting.dial or 0.0, setting.weight


def _settings_of(groups: Iterable[EndpointGroup]) -> tuple[Setting, ...]:
    """The settings of one region's endpoints, each once, the most open first."""
    found = {
        Setting(weight, group.dial)
        for group in settable(groups)
        for weight in [endpoint.weight for endpoint in group.endpoints] or [0]
    }
    return tuple(sorted(found, key=_openness, reverse=True))


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


def _twins(
    service: Service, pool_name: str, groups: Groups
) -> tuple[Mapping[str | None, RecordSet], ...]:
    """The pool's A and its AAAA leaves, lawful or not."""
    name = _leaf_name(service, pool_name)
    return tuple([groups.get((name, type_), {}) for type_ in _TWINS])


def _leaf_name(service: Service, pool_name: str) -> str:
    assert service.levers.route53 is not None
    return service.levers.route53.leaf_name(pool_name)
