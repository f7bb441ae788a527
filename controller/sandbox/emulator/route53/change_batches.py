"""Change batches: Route 53 applies all of a batch, or nothing and reports every reason at once.

Follows the API reference's *ChangeResourceRecordSets* and *ResourceRecordSet* (rules per member)
and the developer guide's *Quotas* (batch limits; an UPSERT counts twice). Messages are those that
clients have reported. Changes are checked in their order, so an alias must come after its target.
That the TTLs of a weighted group agree is checked at the end of the batch, so that one batch can
change them together. Not emulated: PriorRequestNotComplete (except as a fault), 100 records for one
name and policy.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dns import exception as dns_exception
from dns import rdata

from controller.sandbox.emulator.http.wire_messages import AwsError, Params, not_emulated
from controller.sandbox.emulator.route53.records import (
    Alias,
    GroupKey,
    RecordSet,
    ZoneRecords,
    record_from_params,
)

ACCELERATOR_ZONE_ID = "Z2BJ6XQ5FK7U4H"  # API reference, *AliasTarget*: Global Accelerator
MAX_RECORDS = 1_000
MAX_CHARACTERS = 32_000

Action = Literal["CREATE", "UPSERT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Change:
    """One element of a batch."""

    action: Action
    record: RecordSet


def changes_from_params(elements: Sequence[Params]) -> tuple[Change, ...]:
    """The changes of a client's batch. Raises InvalidInput for missing or contradictory members."""
    changes = tuple(
        Change(element["Action"], record_from_params(element["ResourceRecordSet"]))
        for element in elements
    )
    for change in changes:
        _refuse_contradiction(change)
    _refuse_large(changes)
    return changes


def apply_changes(
    zone_id: str,
    records: ZoneRecords,
    changes: Sequence[Change],
    check_exists: Callable[[str], bool],
) -> ZoneRecords:
    """The zone's records after the whole batch; `records` is not altered.

    Raises NoSuchHealthCheck, or InvalidChangeBatch with one message for each fault.
    """
    for change in changes:
        check_id = change.record.health_check_id
        if check_id is not None and not check_exists(check_id):
            raise AwsError("NoSuchHealthCheck", f"No health check exists with ID {check_id}", 404)
    draft = _Draft(zone_id, records)
    for change in changes:
        draft.apply(change)
    draft.finish()
    if draft.faults:
        raise AwsError("InvalidChangeBatch", f"[{', '.join(draft.faults)}]")
    return ZoneRecords(records.zone_name, draft.groups)


class _Draft:
    """A copy of the zone to which a batch is applied."""

    def __init__(self, zone_id: str, records: ZoneRecords) -> None:
        self.zone_id = zone_id
        self.zone = records
        self.groups = dict(records.groups)
        self.faults: list[str] = []
        self._touched: dict[GroupKey, RecordSet] = {}
        self._kinds: defaultdict[str, set[str]] = defaultdict(set)
        """Name to the types of its record sets: a search for each change takes too long in a zone
        of thousands."""
        for name, kind in self.groups:
            self._kinds[name].add(kind)

    def apply(self, change: Change) -> None:
        """Apply one change, or note its faults."""
        record = change.record
        key = (record.name, record.type)
        group = self.groups.get(key, ())
        others = tuple(r for r in group if r.set_identifier != record.set_identifier)
        current = next((r for r in group if r.set_identifier == record.set_identifier), None)
        faults = list(self._faults(change, current, others))
        self.faults += faults
        if faults:
            return
        remaining = others if change.action == "DELETE" else (*others, record)
        self._touched[key] = record
        if remaining:
            self.groups[key] = remaining
            self._kinds[record.name].add(record.type)
        else:
            del self.groups[key]
            self._kinds[record.name].discard(record.type)

    def finish(self) -> None:
        """Note the faults of the zone as a whole after the last change."""
        for key, record in self._touched.items():
            times = {r.ttl_s for r in self.groups.get(key, ()) if r.weight is not None} - {None}
            if len(times) > 1:
                self.faults.append(
                    f"RRSet with DNS name {record.name} and type {record.type}, SetIdentifier "
                    f"{record.set_identifier} cannot be created as weighted sets must contain the "
                    "same TTL."
                )
        for kind in ("SOA", "NS"):
            if not self.groups.get((self.zone.zone_name, kind)):
                self.faults.append(f"A HostedZone must contain an {kind} record at its apex.")

    def _faults(
        self, change: Change, current: RecordSet | None, others: Sequence[RecordSet]
    ) -> Iterator[str]:
        record = change.record
        if not self.zone.contains(record.name):
            yield (
                f"RRSet with DNS name {record.name} is not permitted in zone {self.zone.zone_name}"
            )
        elif change.action == "DELETE":
            yield from _delete_faults(record, current)
        else:
            if change.action == "CREATE" and current is not None:
                yield f"Tried to create resource record set {record.label} but it already exists"
            yield from _group_faults(record, others)
            yield from _value_faults(record)
            yield from self._cname_faults(record)
            if record.alias is not None:
                yield from self._alias_faults(record, record.alias)

    def _cname_faults(self, record: RecordSet) -> Iterator[str]:
        zone = self.zone.zone_name
        if record.type == "CNAME" and record.name == zone:
            yield f"RRSet of type CNAME with DNS name {record.name} is not permitted at apex"
        neighbours = self._kinds[record.name]
        wrong = (kind for kind in neighbours if (kind == "CNAME") != (record.type == "CNAME"))
        if any(wrong):
            yield (
                f"RRSet of type {record.type} with DNS name {record.name} is not permitted as it "
                f"conflicts with other records with the same DNS name in zone {zone}"
            )

    def _alias_faults(self, record: RecordSet, alias: Alias) -> Iterator[str]:
        tried = (
            f"Tried to create an alias that targets {alias.name}, type {record.type} in zone "
            f"{alias.zone_id}, but"
        )
        if alias.zone_id == ACCELERATOR_ZONE_ID:
            if not alias.name.endswith(".awsglobalaccelerator.com."):
                yield f"{tried} the alias target name does not lie within the target zone"
        elif alias.zone_id != self.zone_id:
            raise not_emulated(f"an alias into zone {alias.zone_id}")
        elif not self.zone.contains(alias.name):
            yield f"{tried} the alias target name does not lie within the target zone"
        elif alias.name == record.name:
            yield f"{tried} that is the alias itself"
        elif (alias.name, record.type) not in self.groups:
            yield f"{tried} that target was not found"


def _delete_faults(record: RecordSet, current: RecordSet | None) -> Iterator[str]:
    tried = f"Tried to delete resource record set {record.label} but"
    if current is None:
        yield f"{tried} it was not found"
    elif not current.same_as(record):
        yield f"{tried} the values provided do not match the current values"


def _group_faults(record: RecordSet, others: Sequence[RecordSet]) -> Iterator[str]:
    cannot = (
        f"RRSet with DNS name {record.name}, type {record.type}, SetIdentifier "
        f"{record.set_identifier} cannot be created as"
    )
    if record.policy == "simple" and others:
        yield f"{cannot} other RRSets exist with the same name and type."
    elif any(other.policy != record.policy for other in others):
        yield f"{cannot} a non-{record.policy} set exists with the same name and type."
    elif any(record.geography == other.geography for other in others if record.geography):
        yield f"{cannot} a geolocation set for the same location exists."


def _value_faults(record: RecordSet) -> Iterator[str]:
    if record.weight is not None and len(record.values) > 1:
        yield f"A weighted record set takes one value only, {record.label} has several."
    for value in record.values:
        if record.type == "TXT" and not value.startswith('"'):
            problem = "InvalidCharacterString (Value should be enclosed in quotation marks)"
        else:
            problem = _syntax_problem(record.type, value)
        if problem:
            yield f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"


def _syntax_problem(record_type: str, value: str) -> str:
    try:
        rdata.from_text("IN", record_type, value)
    except dns_exception.DNSException as error:
        named = {
            "A": "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)",
            "AAAA": "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)",
        }
        return named.get(record_type, f"{record_type}RRDATAIllegal ({error})")
    return ""


def _refuse_contradiction(change: Change) -> None:
    record = change.record
    problem = _target_problem(record) or _policy_problem(record)
    if problem:
        raise AwsError(
            "InvalidInput",
            f"Invalid request: {problem} in Change with [Action={change.action}, "
            f"Name={record.name}, Type={record.type}, "
            f"SetIdentifier={record.set_identifier or 'null'}]",
        )


def _target_problem(record: RecordSet) -> str:
    if record.alias is None:
        found = "" if record.values and record.ttl_s is not None else "none"
    else:
        found = "more than one" if record.values or record.ttl_s is not None else ""
    expected = "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]"
    return f"{expected}, but found {found}" if found else ""


def _policy_problem(record: RecordSet) -> str:
    if record.weight is not None and record.geography is not None:
        return "Expected exactly one of [Weight, GeoLocation], but found more than one"
    if record.policy == "simple" and record.set_identifier is not None:
        return "Expected exactly one of [Weight, GeoLocation], but found none"
    if record.policy != "simple" and record.set_identifier is None:
        return "Missing field 'SetIdentifier'"
    place = record.geography
    if place is not None and (place.continent is None) == (place.country is None):
        return "Expected exactly one of [ContinentCode, CountryCode]"
    return ""


def _refuse_large(changes: Sequence[Change]) -> None:
    elements = characters = 0
    for change in changes:
        factor = 2 if change.action == "UPSERT" else 1
        elements += factor * max(1, len(change.record.values))
        characters += factor * sum(len(value) for value in change.record.values)
    if elements > MAX_RECORDS:
        raise AwsError("InvalidChangeBatch", f"Number of records limit of {MAX_RECORDS} exceeded.")
    if characters > MAX_CHARACTERS:
        message = f"Number of characters limit of {MAX_CHARACTERS} exceeded."
        raise AwsError("InvalidChangeBatch", message)
