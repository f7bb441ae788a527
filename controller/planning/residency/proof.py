"""Proves that no answer and no endpoint of a bound pool can leave its lawful regions, or shows how.

Every combination of failed regions and drains is covered, by `residency_walk`, with the rules of
`answers`. Behind an accelerator nothing needs trying: when nothing healthy of positive weight is
found in the three nearest groups, a random endpoint of the nearest group gets the traffic, dials
and weights ignored (Global Accelerator Developer Guide, *How failover works for unhealthy
endpoints*), and any group is nearest to somebody. So every endpoint of every group is reachable.

Which region an answer leads to is told by `residency_regions`; what it cannot tell is a leak, too.

We know of no table from Amazon of the countries of each continent. So a country is looked for in
every continent that has a record: that can only show a leak too many, and only where the country's
own record is missing or can be unhealthy. Where a *user* is cannot be proven at all: see
`PROOF_LIMITS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from controller.model.configuration import Pool, Route53Lever, Service
from controller.model.levers import EndpointGroup, Leak, RecordSet
from controller.planning.residency.answer_regions import TYPES, AnswerRegions
from controller.planning.residency.route53_answers import (
    Location,
    Zone,
    by_precedence,
    is_geolocation,
)
from controller.planning.residency.tree_walk import AnswerPath, answer_paths, required_failures

PROOF_LIMITS = (
    "DNS cannot prove where a user is: resolvers without client subnet, public resolvers and VPNs "
    "hide it, so the application must check the user's country itself and answer 451 or redirect",
    "DNS does not say where an address is: it is taken to be where its weighted record's "
    "SetIdentifier says, unless a record <region>.<service> or the name of an AWS resource says "
    "otherwise",
)
"""What no proof about records or endpoints can say."""

_SHOWN = 4
_STANDBY = "a record of weight 0 is a standby, not off"
_FAILS_OPEN = (
    "an accelerator fails open to a random endpoint of the nearest group, dials and weights "
    "ignored, and this group is the nearest to some users"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of one service's bound pools."""

    leaks: Mapping[str, tuple[Leak, ...]]
    """Bound pool to its leaks; empty: proven."""
    notices: tuple[str, ...] = ()
    """Geographies that a bound pool answers although its settings do not name them."""


def prove_records(service_name: str, service: Service, records: Iterable[RecordSet]) -> Proof:
    """What Route 53 could answer the users of the service's bound pools."""
    lever = service.levers.route53
    assert lever is not None
    bound = _bound(service)
    if not bound:
        return Proof({})
    zone = Zone(lever.hosted_zone_id, records)
    leaks = {
        # A CNAME answers for every type, and leaks once.
        name: tuple(dict.fromkeys(_Search(zone, service_name, service, name).leaks()))
        for name in bound
    }
    return Proof(leaks, tuple(dict.fromkeys(_over_covered(zone, lever, bound))))


def prove_groups(service_name: str, service: Service, groups: Iterable[EndpointGroup]) -> Proof:
    """What an accelerator could send the users of its pool to, if that is bound."""
    lever = service.levers.accelerator
    assert lever is not None
    pool = service.pools[lever.pool]
    if pool.residency is None:
        return Proof({})
    unlawful = [g for g in groups if g.endpoints and g.region not in pool.regions]
    leaks = tuple(_behind_accelerator(service_name, lever.pool, pool, g) for g in unlawful)
    return Proof({lever.pool: leaks})


def describe_leak(leak: Leak) -> str:
    """A leak in one line, for people."""
    first, *more = leak.geographies
    who = f"{first} and {len(more)} more" if more else first
    where = leak.reached or "a place of unknown region"
    path = " → ".join(leak.path)
    return f"users of {who} can reach {where} {_when(leak)}: {path}, because {leak.why}"


def _when(leak: Leak) -> str:
    """What must have happened first."""
    failed = f"once {_some(leak.failed)} failed" if leak.failed else "at once"
    if not leak.drained:
        return failed
    are = "is" if len(leak.drained) == 1 else "are"
    return f"{failed} (at weight 0 only when {_some(leak.drained)} {are} drained or failed)"


class _Search:
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
        """Users whom the zone treats alike share their leaks."""
        for type_ in TYPES:
            alike: dict[object, list[tuple[str, Location]]] = defaultdict(list)
            names = _names_below(self._zone, self._lever.name, type_)
            for geography, where in self._locations(names, type_):
                key = tuple(_treatment(self._zone, n, type_, where) for n in names)
                alike[key].append((geography, where))
            for users in alike.values():
                geographies = tuple(dict.fromkeys(geography for geography, _ in users))
                for route in answer_paths(self._zone, self._lever.name, type_, users[0][1]):
                    yield from self._judge(route, geographies)

    def _locations(self, names: Iterable[str], type_: str) -> Iterator[tuple[str, Location]]:
        """Wherever Route 53 may take the pool's users to be, as far as the zone tells apart."""
        areas = {r.area for n in names for r in self._zone.group(n, type_) if r.area is not None}
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

    def _judge(self, route: AnswerPath, geographies: tuple[str, ...]) -> Iterator[Leak]:
        for region, how in self._regions.of(route.end):
            if region in self._pool.regions:
                continue
            failed = required_failures(self._zone, route)
            yield Leak(
                service=self._service,
                pool=self._pool_name,
                geographies=geographies,
                reached=region,
                failed=tuple(sorted(set(map(self._regions.of_signal, failed)))),
                drained=_drained(self._zone, route, failed),
                path=(*(step.record.label for step in route.steps), how),
                why=_why(route, region, self._pool),
                astray=self._leaf_on(route),
            )

    def _leaf_on(self, route: AnswerPath) -> str | None:
        """The lawful region whose leaf the route takes."""
        name, lawful = self._lever.leaf_name(self._pool_name), self._pool.regions
        leaves = (step.record.set_identifier for step in route.steps if step.record.name == name)
        return next((region for region in leaves if region in lawful), None)


def _behind_accelerator(service: str, pool_name: str, pool: Pool, group: EndpointGroup) -> Leak:
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


def _bound(service: Service) -> dict[str, Pool]:
    return {name: pool for name, pool in service.pools.items() if pool.residency is not None}


def _names_below(zone: Zone, name: str, type_: str) -> tuple[str, ...]:
    """The name and every name in the zone that its aliases can lead to."""
    found = {name: None}
    open_names = [name]
    while open_names:
        for record in zone.group(open_names.pop(), type_):
            below = zone.follow(record, type_)
            if below is not None and below not in found:
                found[below] = None
                open_names.append(below)
    return tuple(found)


def _treatment(zone: Zone, name: str, type_: str, where: Location) -> object:
    """What is the same for two locations that a name answers alike, but for the records' areas."""
    group = zone.group(name, type_)
    if not is_geolocation(group):
        return None
    found = by_precedence(group, where) or []
    for index, record in enumerate(found):
        if record.check is None and not record.evaluates:
            found = found[: index + 1]  # always healthy: nothing falls outward past it
            break
    same = [
        ((r.area or "").partition(":")[0], r.check, r.evaluates, r.target, r.is_alias, r.values)
        for r in found
    ]
    return tuple(same)


def _drained(zone: Zone, route: AnswerPath, failed: Iterable[str]) -> tuple[str, ...]:
    """The rest of every weighted group on the way that the failures leave healthy."""
    down = frozenset(failed)
    serving = {
        str(other.set_identifier)
        for step in route.steps
        for other in step.others
        if zone.is_healthy(other, lambda signal: signal not in down)
    }
    return tuple(sorted(serving))


def _why(route: AnswerPath, region: str | None, pool: Pool) -> str:
    reasons = [step.why for step in route.steps if step.why]
    if any(step.record.weight is not None for step in route.steps):
        reasons.append(_STANDBY)
    return "; ".join([_unlawful(region, pool), *reasons])


def _unlawful(region: str | None, pool: Pool) -> str:
    lawful = f"{pool.residency} users may only be served from {_some(pool.regions)}"
    return lawful if region is not None else f"nothing tells which region that is, and {lawful}"


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _over_covered(zone: Zone, lever: Route53Lever, bound: Mapping[str, Pool]) -> Iterator[str]:
    """Geolocation records that give a bound pool to more people than the settings do."""
    for (pool_name, pool), type_ in product(bound.items(), TYPES):
        for record in zone.group(lever.name, type_):
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
