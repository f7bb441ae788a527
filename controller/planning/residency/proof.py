"""The residency proof: users of a bound pool can only reach its lawful regions, or a list of leaks.

Behind Route 53 every combination of failures and drains is covered by
`planning.residency.tree_walk`, with the rules of `planning.residency.route53_answers`.
`planning.residency.answer_regions` finds the region of an answer; an unknown region is a leak, too.

Behind an accelerator no search is needed. When the three nearest groups have nothing healthy of
positive weight, a random endpoint of the nearest group gets the traffic, dials and weights ignored
(Global Accelerator Developer Guide, *How failover works for unhealthy endpoints*), and any group is
the nearest to some users. So every endpoint of every group is reachable.

Amazon publishes no table of the countries of each continent that we know of. So a country is looked
for in every continent that has a record. That can only report a leak too many, and only where the
country's own record is missing or can be unhealthy. Where a *user* is cannot be proven at all: see
`PROOF_LIMITS`. Worked example: `planning.residency.tree_walk`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from controller.model.configuration import Pool, Route53Lever, Service
from controller.model.levers import EndpointGroup, Leak, RecordSet
from controller.planning.residency.answer_regions import TYPES, AnswerRegions
from controller.planning.residency.looked_up_names import reachable_names
from controller.planning.residency.route53_answers import (
    Location,
    Zone,
    by_precedence,
    is_geolocation,
)
from controller.planning.residency.tree_walk import AnswerPath, answer_paths, required_failures
from controller.planning.residency.zone_listings import ZoneScope

PROOF_LIMITS = (
    "DNS cannot prove where a user is: resolvers without client subnet, public resolvers and VPNs "
    "hide it, so the application must check the user's country itself and answer 451 or redirect",
    "DNS does not say where an address is: it is taken to be where its weighted record's "
    "SetIdentifier says, unless a record <region>.<service> or the name of an AWS resource says "
    "otherwise",
)
"""What no proof about records or endpoints can show."""

_SHOWN = 4
_STANDBY = "a record of weight 0 is a standby, not off"
_FAILS_OPEN = (
    "an accelerator fails open to a random endpoint of the nearest group, dials and weights "
    "ignored, and this group is the nearest to some users"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The result for one service's bound pools."""

    leaks: Mapping[str, tuple[Leak, ...]]
    """Bound pool to its leaks; a pool with an empty tuple is proven."""
    notices: tuple[str, ...] = ()
    """Geolocation records of bound pools for areas that the settings do not name, as text."""


def prove_records(
    service_name: str,
    service: Service,
    records: Iterable[RecordSet],
    scope: ZoneScope | None = None,
) -> Proof:
    """The proof for a service behind Route 53, from the record sets of its zone.

    `scope`: what the records show of the zone; None: all of it. Where the proof needs a name that
    was not read, no bound pool of the service is proven: the name may lead anywhere.
    """
    lever = service.levers.route53
    assert lever is not None
    bound = _bound_pools(service)
    if not bound:
        return Proof({})
    zone = Zone(lever.hosted_zone_id, records, scope)
    leaks = {
        # A CNAME answers for every type: its leak is listed once.
        name: tuple(dict.fromkeys(_PoolProof(zone, service_name, service, name).leaks()))
        for name in bound
    }
    notices = tuple(dict.fromkeys(_undeclared_areas(zone, lever, bound)))
    unread = zone.unread
    return Proof(
        {
            name: (*found, *(_unread_leak(service_name, name, bound[name], n) for n in unread))
            for name, found in leaks.items()
        },
        notices,
    )


def prove_groups(service_name: str, service: Service, groups: Iterable[EndpointGroup]) -> Proof:
    """The proof for a service behind an accelerator, from all its endpoint groups."""
    lever = service.levers.accelerator
    assert lever is not None
    pool = service.pools[lever.pool]
    if pool.residency is None:
        return Proof({})
    unlawful = [g for g in groups if g.endpoints and g.region not in pool.regions]
    leaks = tuple(_group_leak(service_name, lever.pool, pool, g) for g in unlawful)
    return Proof({lever.pool: leaks})


def describe_leak(leak: Leak) -> str:
    """A leak as one line of text."""
    if leak.unread is not None:
        return f"not proven: {leak.unread} was not read from AWS yet, so it may lead anywhere"
    first, *more = leak.geographies
    users = f"{first} and {len(more)} more" if more else first
    place = leak.reached or "a place of unknown region"
    path = " → ".join(leak.path)
    return f"users of {users} can reach {place} {_condition(leak)}: {path}, because {leak.why}"


def _condition(leak: Leak) -> str:
    """What must have failed or been drained, as text."""
    failed = f"once {_first_few(leak.failed)} failed" if leak.failed else "at once"
    if not leak.drained:
        return failed
    are = "is" if len(leak.drained) == 1 else "are"
    return f"{failed} (at weight 0 only when {_first_few(leak.drained)} {are} drained or failed)"


class _PoolProof:
    """The leaks of one bound pool in one zone."""

    def __init__(self, zone: Zone, service_name: str, service: Service, pool_name: str) -> None:
        lever = service.levers.route53
        assert lever is not None
        self._zone = zone
        self._service = service_name
        self._pool_name = pool_name
        self._pool = service.pools[pool_name]
        self._lever = lever
        self._regions = AnswerRegions(zone, service, lever)

    def leaks(self) -> Iterator[Leak]:
        """All leaks; geographies that the zone answers alike share theirs."""
        for type_ in TYPES:
            groups: dict[object, list[tuple[str, Location]]] = defaultdict(list)
            names = reachable_names(self._zone, self._lever.name, type_)
            for geography, where in self._locations(names, type_):
                key = tuple(_answer_key(self._zone, n, type_, where) for n in names)
                groups[key].append((geography, where))
            for users in groups.values():
                geographies = tuple(dict.fromkeys(geography for geography, _ in users))
                for path in answer_paths(self._zone, self._lever.name, type_, users[0][1]):
                    yield from self._leaks_of(path, geographies)

    def _locations(self, names: Iterable[str], type_: str) -> Iterator[tuple[str, Location]]:
        """Every location that Route 53 may assume for users of the pool.

        Locations that the zone does not distinguish appear once.
        """
        areas = {
            r.area for n in names for r in self._zone.records_at(n, type_) if r.area is not None
        }
        continents = sorted(a.partition(":")[2] for a in areas if a.startswith("continent:"))
        for geography in self._pool.geographies:
            kind, _, code = geography.partition(":")
            if kind == "country":
                inside = f"subdivision:{code}-"
                parts = sorted(a.removeprefix(inside) for a in areas if a.startswith(inside))
                for continent, part in product((None, *continents), (None, *parts)):
                    yield geography, Location(code, continent, part)
            else:
                yield geography, Location(continent=code or None)

    def _leaks_of(self, path: AnswerPath, geographies: tuple[str, ...]) -> Iterator[Leak]:
        for region, destination in self._regions.regions_of(path.answer):
            if region in self._pool.regions:
                continue
            failed = required_failures(self._zone, path)
            yield Leak(
                service=self._service,
                pool=self._pool_name,
                geographies=geographies,
                reached=region,
                failed=tuple(sorted(set(map(self._regions.region_or_signal, failed)))),
                drained=_drained_siblings(self._zone, path, failed),
                path=(*(step.record.label for step in path.steps), destination),
                why=_why(path, region, self._pool),
                astray=self._own_leaf_on(path),
            )

    def _own_leaf_on(self, path: AnswerPath) -> str | None:
        """The lawful region whose leaf is on the path; None: none is."""
        name, lawful = self._lever.leaf_name(self._pool_name), self._pool.regions
        leaves = (step.record.set_identifier for step in path.steps if step.record.name == name)
        return next((region for region in leaves if region in lawful), None)


def _group_leak(service: str, pool_name: str, pool: Pool, group: EndpointGroup) -> Leak:
    return Leak(
        service=service,
        pool=pool_name,
        geographies=pool.geographies,
        reached=group.region,
        failed=(),
        drained=pool.regions,
        path=(group.arn, ", ".join(endpoint.endpoint_id for endpoint in group.endpoints)),
        why=f"{_unlawful(group.region, pool)}; {_FAILS_OPEN}",
    )


def _unread_leak(service: str, pool_name: str, pool: Pool, name: str) -> Leak:
    return Leak(
        service=service,
        pool=pool_name,
        geographies=pool.geographies,
        reached=None,
        failed=(),
        drained=(),
        path=(name,),
        why=f"{name} was not read, so what it answers is unknown",
        unread=name,
    )


def _bound_pools(service: Service) -> dict[str, Pool]:
    return {name: pool for name, pool in service.pools.items() if pool.residency is not None}


def _answer_key(zone: Zone, name: str, type_: str, where: Location) -> object:
    """A key, equal for locations that a name answers alike except for the records' areas."""
    group = zone.records_at(name, type_)
    if not is_geolocation(group):
        return None
    found = by_precedence(group, where) or []
    for index, record in enumerate(found):
        if record.health_check_id is None and not record.evaluates_target_health:
            found = found[: index + 1]  # always healthy, so records after it are never answered
            break
    same = [
        (
            (r.area or "").partition(":")[0],
            r.health_check_id,
            r.evaluates_target_health,
            r.target,
            r.is_alias,
            r.values,
        )
        for r in found
    ]
    return tuple(same)


def _drained_siblings(zone: Zone, path: AnswerPath, failed: Iterable[str]) -> tuple[str, ...]:
    """SetIdentifiers of weighted siblings on the path that stay healthy under these failures."""
    down = frozenset(failed)
    serving = {
        str(sibling.set_identifier)
        for step in path.steps
        for sibling in step.siblings
        if zone.is_healthy(sibling, lambda signal: signal not in down)
    }
    return tuple(sorted(serving))


def _why(path: AnswerPath, region: str | None, pool: Pool) -> str:
    reasons = [step.why for step in path.steps if step.why]
    if any(step.record.weight is not None for step in path.steps):
        reasons.append(_STANDBY)
    return "; ".join([_unlawful(region, pool), *reasons])


def _unlawful(region: str | None, pool: Pool) -> str:
    lawful = f"{pool.residency} users may only be served from {_first_few(pool.regions)}"
    return lawful if region is not None else f"nothing tells which region that is, and {lawful}"


def _first_few(names: Sequence[str]) -> str:
    """The first few names, and how many more there are, as text."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _undeclared_areas(zone: Zone, lever: Route53Lever, bound: Mapping[str, Pool]) -> Iterator[str]:
    """Geolocation records of bound pools for areas that the settings do not name, as text."""
    for (pool_name, pool), type_ in product(bound.items(), TYPES):
        for record in zone.records_at(lever.name, type_):
            if record.area is None or record.target != lever.leaf_name(pool_name):
                continue
            if record.area not in pool.geographies:
                wider = (
                    ": to Route 53 continent EU also holds RU, TR and GB"
                    if record.area == "continent:EU"
                    else ""
                )
                yield (
                    f"{record.label} is answered by pool {pool_name}, which is bound to "
                    f"{pool.residency} and does not name {record.area}{wider}"
                )
