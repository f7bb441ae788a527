"""Readings of parts of a zone, as the daemon makes them, without AWS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.model.configuration import Service
from controller.model.levers import RecordSet
from controller.planning.levers.run_walk import ListedZone
from controller.planning.levers.zone_scope import narrowed, unread_names, with_others
from controller.planning.residency.proof import Proof, prove_records
from controller.planning.residency.zone_listings import Run, ZoneScope
from tests.planning.levers.aws_order import in_aws_order
from tests.planning.residency.zones import ZONE_ID

NOTHING = ZoneScope((), frozenset(), (), "", 10_000)
"""The scope of a reading that knows no name at all."""


def scope_for(service: Service, records: Iterable[RecordSet]) -> ZoneScope:
    """What a daemon lists after it has read this whole zone.

    Pages of one record set: so small a zone would be listed as a whole.
    """
    zone = in_aws_order(records)
    return narrowed(ZONE_ID, [service], zone, page_size=1)[1] or NOTHING


def reading(
    service: Service, records: Iterable[RecordSet], scope: ZoneScope
) -> tuple[Sequence[RecordSet], ZoneScope]:
    """The runs of a scope, and name by name what they lead to, until nothing is unread."""
    zone = ListedZone(in_aws_order(records))
    known: Sequence[RecordSet] = with_others(zone.list_runs(scope.runs).records, scope)
    while unread := unread_names(ZONE_ID, [service], known, scope):
        unfinished = prove_records("app", service, known, scope)
        assert all(unfinished.leaks.values()), "what is not read must not be taken for proven"
        scope = scope.with_names(unread)
        listed = zone.list_runs([Run(name) for name in unread]).records
        known = (*known, *(record for record in listed if record not in known))
    return known, scope


def proofs_by_parts(service: Service, records: Sequence[RecordSet]) -> tuple[Proof, Proof]:
    """The proof of a reading of runs, and of one that begins without knowing any name."""
    found = []
    for begun in (scope_for(service, records), NOTHING):
        known, scope = reading(service, records, begun)
        found.append(prove_records("app", service, known, scope))
    return found[0], found[1]
