"""Hosted zones and their changes: Route 53's control plane for records.

Follows the API reference: *CreateHostedZone*, *ListHostedZones*, *ListHostedZonesByName*,
*DeleteHostedZone*, *ChangeResourceRecordSets*, *ListResourceRecordSets*, *GetChange*. Listings
show a change at once; DNS answers show it when its status is INSYNC. Ids follow from the
CallerReference (see identifiers.py). Not emulated: private zones, delegation sets, DNSSEC, query
logging, tags, real registration of the name servers.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from controller.sandbox.emulator.http.wire_messages import (
    AwsError,
    Operation,
    Params,
    Result,
    not_emulated,
    present,
)
from controller.sandbox.emulator.identifiers import zone_id
from controller.sandbox.emulator.propagation import Propagation
from controller.sandbox.emulator.route53.change_batches import apply_changes, changes_from_params
from controller.sandbox.emulator.route53.paging import bare_id, first_page, page_by_id
from controller.sandbox.emulator.route53.records import (
    RecordSet,
    ZoneRecords,
    normal_name,
    record_to_result,
    sort_key,
)

NAME_SERVERS = tuple(f"ns-{number}.route53.sandbox.test." for number in range(1, 5))
RECORDS_PER_PAGE = 300
ZONES_PER_PAGE = 100
_API_PATH = "https://route53.amazonaws.com/2013-04-01"


@dataclass(frozen=True, slots=True)
class HostedZone:
    """One public hosted zone; `records` is None before it is served and after it is deleted."""

    id: str
    name: str
    caller_reference: str
    comment: str | None
    records: Propagation[ZoneRecords | None] = field(compare=False)


@dataclass(frozen=True, slots=True)
class SubmittedChange:
    """One accepted batch: INSYNC from `due` (seconds on the store's clock) on."""

    id: str
    submitted_at: float
    due: float
    comment: str | None


class ZoneStore:
    """All hosted zones, with the operations of the API as methods of the same names."""

    def __init__(
        self,
        clock: Callable[[], float],
        insync_after_s: float,
        check_exists: Callable[[str], bool],
    ) -> None:
        """`clock` gives seconds since 1970; `check_exists` says whether a health check exists."""
        self._clock = clock
        self._insync_after_s = insync_after_s
        self._check_exists = check_exists
        self._zones: dict[str, HostedZone] = {}
        self._changes: dict[str, SubmittedChange] = {}
        self._numbers = count(1)

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The operations of the API that are emulated here, by their names."""
        return {
            "CreateHostedZone": self.create_hosted_zone,
            "GetHostedZone": self.get_hosted_zone,
            "ListHostedZones": self.list_hosted_zones,
            "ListHostedZonesByName": self.list_hosted_zones_by_name,
            "DeleteHostedZone": self.delete_hosted_zone,
            "ChangeResourceRecordSets": self.change_resource_record_sets,
            "ListResourceRecordSets": self.list_resource_record_sets,
            "GetChange": self.get_change,
        }

    def served_zones(self) -> Mapping[str, ZoneRecords]:
        """The records of DNS answers now, by zone id: without PENDING changes."""
        now = self._clock()
        served = ((zone.id, zone.records.served(now)) for zone in self._zones.values())
        return {id_: records for id_, records in served if records is not None}

    def listed_zones(self) -> Mapping[str, ZoneRecords]:
        """The records that the API lists, by zone id: with PENDING changes."""
        listed = ((zone.id, zone.records.latest) for zone in self._zones.values())
        return {id_: records for id_, records in listed if records is not None}

    def is_settled(self, id_: str) -> bool:
        """Whether no change of this zone is PENDING; also if there is no such zone."""
        zone = self._zones.get(bare_id(id_))
        return zone is None or zone.records.is_settled(self._clock())

    def create_hosted_zone(self, params: Params) -> Result:
        """A new zone with its SOA and NS records; a known CallerReference is refused."""
        reference, name = params["CallerReference"], normal_name(params["Name"])
        if any(zone.caller_reference == reference for zone in self._zones.values()):
            message = f"A hosted zone has already been created with reference {reference}"
            raise AwsError("HostedZoneAlreadyExists", message)
        if "VPC" in params:
            raise not_emulated("a private hosted zone")
        comment = params.get("HostedZoneConfig", {}).get("Comment")
        zone = HostedZone(zone_id(reference), name, reference, comment, Propagation(None))
        self._zones[zone.id] = zone
        change = self._publish(zone, ZoneRecords(name, _apex(name)), None)
        return self._zone_result(zone) | {
            "ChangeInfo": change,
            "Location": f"{_API_PATH}/hostedzone/{zone.id}",
        }

    def get_hosted_zone(self, params: Params) -> Result:
        """One zone with its name servers."""
        return self._zone_result(self._existing(params["Id"])[0])

    def list_hosted_zones(self, params: Params) -> Result:
        """Zones in the order of their ids, in pages that begin at `Marker`."""
        page, members = page_by_id(self._existing_zones(), params, ZONES_PER_PAGE)
        return {"HostedZones": [_zone_members(zone) for zone in page], **members}

    def list_hosted_zones_by_name(self, params: Params) -> Result:
        """Zones ordered by name with labels reversed, in pages that begin at `DNSName`."""

        def key(name: str, id_: str) -> tuple[str, str]:
            return sort_key(name, "", "")[0], id_

        start = ("", "")
        if "DNSName" in params:
            start = key(normal_name(params["DNSName"]), bare_id(params.get("HostedZoneId", "")))
        zones = sorted(self._existing_zones(), key=lambda zone: key(zone.name, zone.id))
        remaining = [zone for zone in zones if key(zone.name, zone.id) >= start]
        page, following, size = first_page(remaining, params, ZONES_PER_PAGE)
        return {
            "HostedZones": [_zone_members(zone) for zone in page],
            "DNSName": params.get("DNSName"),
            "HostedZoneId": params.get("HostedZoneId"),
            "IsTruncated": following is not None,
            "NextDNSName": following and following.name,
            "NextHostedZoneId": following and following.id,
            "MaxItems": str(size),
        }

    def delete_hosted_zone(self, params: Params) -> Result:
        """Delete a zone that contains only its SOA and NS records."""
        zone, records = self._existing(params["Id"])
        if set(records.groups) != {(zone.name, "SOA"), (zone.name, "NS")}:
            message = "The specified hosted zone contains non-required resource record sets"
            raise AwsError("HostedZoneNotEmpty", f"{message} and so cannot be deleted.")
        return {"ChangeInfo": self._publish(zone, None, None)}

    def change_resource_record_sets(self, params: Params) -> Result:
        """Apply a batch, completely or not at all."""
        zone, records = self._existing(params["HostedZoneId"])
        batch = params["ChangeBatch"]
        changes = changes_from_params(batch["Changes"])
        changed = apply_changes(zone.id, records, changes, self._check_exists)
        return {"ChangeInfo": self._publish(zone, changed, batch.get("Comment"))}

    def list_resource_record_sets(self, params: Params) -> Result:
        """One page of a zone's records, PENDING changes included."""
        _, records = self._existing(params["HostedZoneId"])
        first = bisect_left(records.ordered, (_start_of(params),))
        page, following, size = first_page(records.ordered[first:], params, RECORDS_PER_PAGE)
        result: Result = {
            "ResourceRecordSets": [record_to_result(record) for _, record in page],
            "IsTruncated": following is not None,
            "MaxItems": str(size),
        }
        if following is not None:
            _, record = following
            result["NextRecordName"] = record.name
            result["NextRecordType"] = record.type
            result["NextRecordIdentifier"] = record.set_identifier
        return result

    def get_change(self, params: Params) -> Result:
        """The status of a change: PENDING or INSYNC."""
        change = self._changes.get(bare_id(params["Id"]))
        if change is None:
            message = f"Could not find resource with ID: {bare_id(params['Id'])}"
            raise AwsError("NoSuchChange", message)
        return {"ChangeInfo": self._change_result(change)}

    def _existing_zones(self) -> list[HostedZone]:
        return [zone for zone in self._zones.values() if zone.records.latest is not None]

    def _existing(self, id_: str) -> tuple[HostedZone, ZoneRecords]:
        zone = self._zones.get(bare_id(id_))
        records = zone.records.latest if zone else None
        if zone is None or records is None:
            raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {bare_id(id_)}")
        return zone, records

    def _publish(
        self, zone: HostedZone, records: ZoneRecords | None, comment: str | None
    ) -> Result:
        now = self._clock()
        id_ = f"C{next(self._numbers):013d}"
        change = SubmittedChange(id_, now, now + self._insync_after_s, comment)
        self._changes[id_] = change
        zone.records.publish(records, change.due)
        return self._change_result(change)

    def _change_result(self, change: SubmittedChange) -> Result:
        members = {
            "Id": f"/change/{change.id}",
            "Status": "INSYNC" if change.due <= self._clock() else "PENDING",
            "SubmittedAt": datetime.fromtimestamp(change.submitted_at, UTC),
            "Comment": change.comment,
        }
        return present(members)

    def _zone_result(self, zone: HostedZone) -> Result:
        return {
            "HostedZone": _zone_members(zone),
            "DelegationSet": {"NameServers": list(NAME_SERVERS)},
        }


def _zone_members(zone: HostedZone) -> Result:
    records = zone.records.latest
    return {
        "Id": f"/hostedzone/{zone.id}",
        "Name": zone.name,
        "CallerReference": zone.caller_reference,
        "Config": present({"PrivateZone": False, "Comment": zone.comment}),
        "ResourceRecordSetCount": sum(map(len, records.groups.values())) if records else 0,
    }


def _apex(name: str) -> Mapping[tuple[str, str], tuple[RecordSet, ...]]:
    soa = f"{NAME_SERVERS[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
    return {
        (name, "NS"): (RecordSet(name, "NS", ttl_s=172_800, values=NAME_SERVERS),),
        (name, "SOA"): (RecordSet(name, "SOA", ttl_s=900, values=(soa,)),),
    }


def _start_of(params: Params) -> tuple[str, str, str]:
    name = params.get("StartRecordName")
    kind, identifier = params.get("StartRecordType"), params.get("StartRecordIdentifier")
    if (kind and not name) or (identifier and not kind):
        message = "StartRecordType needs StartRecordName, StartRecordIdentifier needs both"
        raise AwsError("InvalidInput", f"Invalid request: {message}")
    return sort_key(normal_name(name), kind or "", identifier or "") if name else ("", "", "")
