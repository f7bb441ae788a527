"""A pool's records in a hosted zone: what is wrong with them, and which of them are not steered.

Steered are weighted A and AAAA records whose SetIdentifier is their region. A pool has both types
or one of them. A record is missing where the pool's other regions have its type. Where no record is
as it should be, a fault says what stands there instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from controller.model.levers import RecordSet
from controller.planning.shares import percent

STEERED_TYPES = ("A", "AAAA")
_STANDING_TYPES = (*STEERED_TYPES, "CNAME")
"""Types that answer for addresses, and so stand where the steered ones should."""
_GUIDING_TYPES = ("HTTPS", "SVCB", "SRV", "NAPTR", "MX")
"""Types that lead users to hosts or addresses (RFC 9460: `ipv4hint`), and that are not steered."""
_POLICIES = {
    "Region": "latency",
    "Failover": "failover",
    "GeoLocation": "geolocation",
    "MultiValueAnswer": "multivalue answer",
    "CidrRoutingConfig": "IP-based",
    "GeoProximityLocation": "geoproximity",
}
"""Member of a record set that is not weighted to its routing policy."""
_MOST_NAMED = 5
"""Identifiers that a fault names; there may be a hundred."""

RecordGroups = Mapping[tuple[str, str], Mapping[str | None, RecordSet]]
"""Name and type to SetIdentifier to record set."""


class PoolRecords(NamedTuple):
    """Where the records of one pool stand."""

    pool: str
    regions: tuple[str, ...]
    """The lawful regions, in the settings' order."""
    name: str
    """DNS name of the pool's weighted records."""
    service_name: str
    """DNS name of the service."""


def twins_of(
    name: str, groups: RecordGroups
) -> tuple[Mapping[str | None, RecordSet], Mapping[str | None, RecordSet]]:
    """The A and the AAAA records of a name by SetIdentifier, unlawful ones included."""
    return groups.get((name, "A"), {}), groups.get((name, "AAAA"), {})


def tree_faults(records: PoolRecords, groups: RecordGroups) -> Iterator[str]:
    """What is missing, extra, not weighted or something else altogether, and what to do."""
    found = dict(zip(STEERED_TYPES, twins_of(records.name, groups), strict=True))
    used = [type_ for type_, group in found.items() if _is_used(records.regions, group)]
    if not used:
        yield _other_tree(records, groups)
        return
    for type_ in used:
        yield from _faults_of_type(records, type_, found[type_])
    for type_ in STEERED_TYPES:
        if type_ not in used:
            yield from _extra(records, type_, found[type_])


def unsteered_notices(records: PoolRecords, groups: RecordGroups) -> Iterator[str]:
    """The guiding records of other types at the pool's and the service's name, one text each."""
    for name in (records.name, records.service_name):
        for type_ in _GUIDING_TYPES:
            group = groups.get((name, type_))
            if group:
                yield _unsteered_notice(records, name, type_, group)


def unsteered_shares(records: PoolRecords, groups: RecordGroups) -> dict[str, dict[str, float]]:
    """Region to the types that are not steered to its share of their answers, above 0.

    By weights: the shares of a type add up to at most 1. Route 53 takes weights that are all zero
    for equal ones.
    """
    found: dict[str, dict[str, float]] = {}
    for type_ in _GUIDING_TYPES:
        group = groups.get((records.name, type_), {})
        for region, share in _weighted_shares(group).items():
            if region in records.regions and share > 0:
                found.setdefault(region, {})[type_] = share
    return found


def unsteered_text(shares: Mapping[str, float]) -> str:
    """A position's answers that are not steered: `33.3 % of HTTPS answers`."""
    return " and ".join(f"{percent(share)} of {type_} answers" for type_, share in shares.items())


def policy_of(record: RecordSet) -> str:
    """The record's routing policy, as the Route 53 console calls it, in lower case."""
    if record.weight is not None:
        return "weighted"
    rest = json.loads(record.rest)
    return next((policy for member, policy in _POLICIES.items() if member in rest), "simple")


def _is_used(regions: Iterable[str], group: Mapping[str | None, RecordSet]) -> bool:
    """Whether some region has a weighted record among these."""
    return any(region in group and group[region].weight is not None for region in regions)


def _faults_of_type(
    records: PoolRecords, type_: str, group: Mapping[str | None, RecordSet]
) -> Iterator[str]:
    for region in records.regions:
        what = f"{records.name} {type_} {region}"
        if region not in group:
            yield f"weighted record {what} is missing"
        elif group[region].weight is None:
            yield f"record {what} is not weighted: it is a {policy_of(group[region])} record"
    yield from _extra(records, type_, group)


def _extra(
    records: PoolRecords, type_: str, group: Mapping[str | None, RecordSet]
) -> Iterator[str]:
    """Records of identifiers that are no lawful region."""
    law = f"pool {records.pool} may only be served from {', '.join(records.regions)}"
    for identifier in sorted(str(i) for i in group if i not in records.regions):
        yield f"weighted record {records.name} {type_} {identifier} should not exist; {law}"


def _other_tree(records: PoolRecords, groups: RecordGroups) -> str:
    """The fault of a pool without any record as it should be."""
    here = _standing(records.name, groups)
    if here:
        found = f"at {records.name} {here}"
    else:
        above = _standing(records.service_name, groups).partition(" ")[2]
        found = f"nothing stands at {records.name}"
        found += f", and at {records.service_name} {above}" if above else ""
    wanted = f"weighted A and AAAA records with SetIdentifier {', '.join(records.regions)}"
    return (
        f"{found}; steered are only {wanted}, of both types or of one: create these, or name "
        "another zone or name in levers.route53"
    )


def _standing(name: str, groups: RecordGroups) -> str:
    """What stands at a name: `stand weighted CNAME records (eu-west-1, us-east-1)`; or nothing."""
    types_by_policy: dict[str, list[str]] = {}
    identifiers: set[str] = set()
    count = 0
    for type_ in _STANDING_TYPES:
        for record in groups.get((name, type_), {}).values():
            count += 1
            types = types_by_policy.setdefault(policy_of(record), [])
            types += [type_] if type_ not in types else []
            identifiers |= {record.set_identifier} if record.set_identifier else set()
    if not count:
        return ""
    kinds = " and ".join(
        f"{policy} {' and '.join(types)}" for policy, types in types_by_policy.items()
    )
    named = f" ({_listed(sorted(identifiers))})" if identifiers else ""
    return f"stands a {kinds} record{named}" if count == 1 else f"stand {kinds} records{named}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _unsteered_notice(
    records: PoolRecords, name: str, type_: str, group: Mapping[str | None, RecordSet]
) -> str:
    shares = {
        region: share
        for region, share in _weighted_shares(group).items()
        if region in records.regions
    }
    parts = ", ".join(f"{region} {percent(share)}" for region, share in shares.items())
    answers = f"their answers lead to {parts}" if parts else "their answers stay as they are"
    return (
        f"{type_} records of {name} are not steered: {answers}, whatever is drained; change them "
        "by hand, or remove them"
    )


def _weighted_shares(group: Mapping[str | None, RecordSet]) -> dict[str, float]:
    """SetIdentifier to the share of the type's answers; empty where they are not weighted."""
    weights = {str(i): record.weight for i, record in group.items() if record.weight is not None}
    total = sum(weights.values())
    if not total:
        return {identifier: 1 / len(weights) for identifier in weights}
    return {identifier: weight / total for identifier, weight in weights.items()}
