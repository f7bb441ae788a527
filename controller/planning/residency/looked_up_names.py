"""The names of a zone at which a service's records and its residency proof look."""

from __future__ import annotations

from controller.model.configuration import Route53Lever, Service
from controller.planning.residency.answer_regions import TYPES, AnswerRegions
from controller.planning.residency.route53_answers import Zone


def reachable_names(zone: Zone, name: str, type_: str) -> tuple[str, ...]:
    """The name and every name in the zone to which its aliases and CNAMEs can lead."""
    found = {name: None}
    unvisited = [name]
    while unvisited:
        for record in zone.records_at(unvisited.pop(), type_):
            target = zone.next_name(record, type_)
            if target is not None and target not in found:
                found[target] = None
                unvisited.append(target)
    return tuple(found)


def look_up(zone: Zone, service: Service, lever: Route53Lever) -> set[str]:
    """Look up every name at which `prove_records` and the observation of the service look.

    `zone.looked_at` and `zone.unread` have them afterwards. Returned are those that decide where
    users go: the weighted records' names and, if a pool is bound, the service's name and all names
    to which aliases and CNAMEs lead from there, existing or not.
    """
    leading = {lever.leaf_name(pool) for pool in service.pools}
    if not is_bound(service):
        for name in (lever.name, *leading):
            zone.records_at(name, TYPES[0])
        return leading
    AnswerRegions(zone, service, lever)
    for type_ in TYPES:
        for name in reachable_names(zone, lever.name, type_):
            leading |= {name, *_cname_targets(zone, name, type_)}
    return leading


def _cname_targets(zone: Zone, name: str, type_: str) -> set[str]:
    return {
        record.target
        for record in zone.records_at(name, type_)
        if record.target is not None and not record.is_alias
    }


def is_bound(service: Service) -> bool:
    """Whether users of the service may only be served from some regions."""
    return any(pool.residency is not None for pool in service.pools.values())
