"""What has to be listed of a zone again and again, and what it is enough to know from time to time.

A zone may hold many records of others. What is steered lies together in Route 53's order: a
service's name and all names below it are one run. Where that run holds much else, as a service at
the zone's own name does, its names are runs of their own. The cheapest choice is taken by the last
whole listing, whose order is Route 53's. When that costs as many pages as the whole zone does, the
whole zone is listed.

Listed again and again: the weighted records' names and, if a pool is bound, every name to which
aliases and CNAMEs lead from the service's name, whether it exists or not, wildcards and delegations
that answer for one of these; the service's name itself where all fits in `CALM_PAGES`; and the
unsteered names `<region>.<name>` where they cost no page more. Known from the last whole listing:
all other names at which a proof looks, such as wildcards that do not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from controller.model.configuration import Route53Lever, Service
from controller.model.levers import RecordSet
from controller.planning.levers.run_walk import PAGE_SIZE, ListedZone, pages_of
from controller.planning.residency.looked_up_names import is_bound, look_up
from controller.planning.residency.route53_answers import Zone
from controller.planning.residency.zone_listings import Run, ZoneScope, is_below

CALM_PAGES = 2
"""Pages up to which a reading takes in the names of bound services, beside what is steered."""


def narrowed(
    zone_id: str,
    services: Collection[Service],
    records: Sequence[RecordSet],
    page_size: int = PAGE_SIZE,
) -> tuple[Sequence[RecordSet], ZoneScope | None]:
    """What the next readings of a zone list for these services, by a listing of the whole zone.

    With the record sets that such a reading would show now. None: all of the zone, which takes no
    more pages, or has none of the services' names.
    """
    whole_pages = pages_of(len(records), page_size)
    if whole_pages == 1:
        return records, None
    listed, zone = ListedZone(records, page_size), Zone(zone_id, records)
    required = _required(zone, services)
    runs = _cheapest_runs(listed, required, _optional(zone, required), services)
    listing = listed.list_runs(runs)
    if not 0 < listing.pages < whole_pages:
        return records, None
    others = {n for n in zone.looked_at if not any(run.holds(n) for run in runs)}
    seen = listed.list_runs([Run(name) for name in sorted(others)]).records
    scope = ZoneScope(
        tuple(runs),
        frozenset(others),
        tuple(r for r in seen if not any(run.holds(r.name) for run in runs)),
        zone.apex,
        whole_pages,
    )
    return with_others(listing.records, scope), scope


def with_others(listed: Sequence[RecordSet], scope: ZoneScope) -> tuple[RecordSet, ...]:
    """The record sets of a listing of the scope's runs, and those known from the whole listing."""
    again = {_key(record) for record in listed}
    others = (record for record in scope.records if _key(record) not in again)
    return (*dict.fromkeys(listed), *others)


def unread_names(
    zone_id: str,
    services: Collection[Service],
    records: Iterable[RecordSet],
    scope: ZoneScope,
) -> tuple[str, ...]:
    """The names at which the services' proofs look and that the scope does not know."""
    zone = Zone(zone_id, records, scope)
    for service in services:
        look_up(zone, service, _lever_of(service))
    return zone.unread


def _required(zone: Zone, services: Collection[Service]) -> set[str]:
    """The names that every reading must show."""
    found = set[str]()
    for service in services:
        lever = _lever_of(service)
        found |= look_up(zone, service, lever) - {lever.name}
    found |= {name for name in zone.looked_at - zone.asked if zone.has_answers(name)}
    return {
        name for name in found if not zone.apex or name == zone.apex or is_below(name, zone.apex)
    }


def _optional(zone: Zone, required: set[str]) -> set[str]:
    """The names that a reading shows where they cost no page."""
    return {name for name in zone.asked - required if zone.has_answers(name)}


def _cheapest_runs(
    listed: ListedZone, required: set[str], optional: set[str], services: Collection[Service]
) -> list[Run]:
    """The runs with the fewest pages; of these, the ones that show the most names."""
    runs = _in_order(listed, map(Run, required))
    pages = listed.list_runs(runs).pages
    names = _service_names(services)
    bound = [_lever_of(service).name for service in services if is_bound(service)]
    for more, allowed in (
        *((Run(name, with_names_below=True), 0) for name in names),
        *((Run(name), CALM_PAGES) for name in bound if name in listed.places),
        *((Run(name), 0) for name in sorted(optional)),
    ):
        attempt = _in_order(listed, _with(more, runs))
        cost = listed.list_runs(attempt).pages
        if cost <= max(pages, allowed):
            runs, pages = attempt, cost
    return runs


def _with(more: Run, runs: list[Run]) -> list[Run]:
    """The runs and one more, without any that another one holds."""
    held_by = [run for run in runs if run.with_names_below or not more.with_names_below]
    if any(run.holds(more.name) for run in held_by):
        return runs
    return [*_not_in(more, runs), more]


def _not_in(more: Run, runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if not more.holds(run.name)]


def _in_order(listed: ListedZone, runs: Iterable[Run]) -> list[Run]:
    """The runs in Route 53's order; those of names that do not exist at the end."""
    last = len(listed.places)
    return sorted(runs, key=lambda run: (listed.places.get(run.name, last), run.name))


def _service_names(services: Collection[Service]) -> list[str]:
    """The services' names, those above others first."""
    names = {_lever_of(service).name for service in services}
    return sorted(names, key=lambda name: (name.count("."), name))


def _lever_of(service: Service) -> Route53Lever:
    assert service.levers.route53 is not None
    return service.levers.route53


def _key(record: RecordSet) -> tuple[str, str, str | None]:
    return record.name, record.type, record.set_identifier
