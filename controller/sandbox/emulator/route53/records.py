"""Record sets and hosted zones as values: names, routing policies, order.

Follows the API reference's *ResourceRecordSet* and *ListResourceRecordSets* (sort order) and the
developer guide's *DNS domain name format*. A zone's records are immutable; a change makes new
ones. Emulated policies: simple, weighted, geolocation by continent or country, and aliases. Refused
as not emulated: latency, failover, multivalue, CIDR, geoproximity, traffic policies, US states.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from controller.sandbox.emulator.http.wire_messages import Params, Result, not_emulated, present

GroupKey = tuple[str, str]  # name and type
_CODE = re.compile(r"\\([0-3][0-7]{2})")
_DOT = f"{ord('.'):03o}"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.\\")
_NOT_EMULATED = (
    "Region",
    "Failover",
    "MultiValueAnswer",
    "CidrRoutingConfig",
    "GeoProximityLocation",
    "TrafficPolicyInstanceId",
)


@dataclass(frozen=True, slots=True)
class Geography:
    """The area of a geolocation record: a continent, a country, or country `*` (all others)."""

    continent: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """A pointer to another record of the zone, or to an AWS resource's name."""

    zone_id: str
    name: str
    evaluate_target_health: bool


@dataclass(frozen=True, slots=True)
class RecordSet:
    """One resource record set. Invariant: `(alias is None) == (len(values) > 0)`."""

    name: str
    type: str
    set_identifier: str | None = None
    weight: int | None = None
    geography: Geography | None = None
    ttl_s: int | None = None
    values: tuple[str, ...] = ()
    alias: Alias | None = None
    health_check_id: str | None = None

    @property
    def policy(self) -> str:
        """The routing policy; one name and type may not mix two of them."""
        if self.weight is not None:
            return "weighted"
        return "simple" if self.geography is None else "geolocation"

    @property
    def label(self) -> str:
        """The name of this set in Route 53's messages."""
        identifier = f", set-identifier='{self.set_identifier}'" if self.set_identifier else ""
        return f"[name='{self.name}', type='{self.type}'{identifier}]"

    def same_as(self, other: "RecordSet") -> bool:
        """Whether all properties are equal; the order of values does not matter."""
        return _unordered(self) == _unordered(other)


@dataclass(frozen=True)
class ZoneRecords:
    """All record sets of one hosted zone; indexes are built on first use."""

    zone_name: str
    groups: Mapping[GroupKey, tuple[RecordSet, ...]] = field(default_factory=dict)

    @cached_property
    def ordered(self) -> tuple[tuple[tuple[str, str, str], RecordSet], ...]:
        """All record sets with their sort keys, in the order in which Route 53 lists them."""
        every = (record for group in self.groups.values() for record in group)
        keyed = ((sort_key(r.name, r.type, r.set_identifier or ""), r) for r in every)
        return tuple(sorted(keyed, key=lambda pair: pair[0]))

    @cached_property
    def names(self) -> frozenset[str]:
        """All existing names, including those that exist only because of a name below them."""
        found = {self.zone_name}
        for name, _ in self.groups:
            while name not in found:
                found.add(name)
                name = name.partition(".")[2]
        return frozenset(found)

    def group(self, name: str, record_type: str) -> tuple[RecordSet, ...]:
        """The record sets of one name and type; may be empty."""
        return self.groups.get((name, record_type), ())

    def contains(self, name: str) -> bool:
        """Whether `name` is the zone's name or below it."""
        return name == self.zone_name or name.endswith("." + self.zone_name)


def normal_name(name: str) -> str:
    r"""The name as Route 53 stores it: lower case, final dot, other characters as `\ooo`."""
    lowered = name.lower().rstrip(".") + "."
    return "".join(c if c in _PLAIN else f"\\{ord(c):03o}" for c in lowered)


def sort_key(name: str, record_type: str, set_identifier: str) -> tuple[str, str, str]:
    r"""The sort key of a record set in a listing.

    Names compare with reversed labels and a trailing dot (`com.example.www.`), in ASCII order of
    their characters: `*` (listed as `\052`) and `-` sort before the dot. A dot within a label stays
    a code, or the label would be two.
    """
    labels = _CODE.sub(_character, name.rstrip(".")).split(".")
    return ".".join(reversed(labels)) + ".", record_type, set_identifier


def _character(code: re.Match[str]) -> str:
    return code[0] if code[1] == _DOT else chr(int(code[1], 8))


def record_from_params(params: Params) -> RecordSet:
    """The record set of a client's request. Raises AwsError (501) for what is not emulated."""
    for member in _NOT_EMULATED:
        if member in params:
            raise not_emulated(f"record member {member}")
    alias = params.get("AliasTarget")
    place = params.get("GeoLocation")
    if place and "SubdivisionCode" in place:
        raise not_emulated("geolocation by SubdivisionCode")
    return RecordSet(
        name=normal_name(params["Name"]),
        type=params["Type"],
        set_identifier=params.get("SetIdentifier"),
        weight=params.get("Weight"),
        geography=place and Geography(place.get("ContinentCode"), place.get("CountryCode")),
        ttl_s=params.get("TTL"),
        values=tuple(value["Value"] for value in params.get("ResourceRecords", ())),
        alias=alias and _alias(alias),
        health_check_id=params.get("HealthCheckId"),
    )


def record_to_result(record: RecordSet) -> Result:
    """The record set in the API's format."""
    geography, alias = record.geography, record.alias
    members = {
        "Name": record.name,
        "Type": record.type,
        "SetIdentifier": record.set_identifier,
        "Weight": record.weight,
        "GeoLocation": geography
        and present({"ContinentCode": geography.continent, "CountryCode": geography.country}),
        "TTL": record.ttl_s,
        "ResourceRecords": [{"Value": value} for value in record.values] or None,
        "AliasTarget": alias
        and {
            "HostedZoneId": alias.zone_id,
            "DNSName": alias.name,
            "EvaluateTargetHealth": alias.evaluate_target_health,
        },
        "HealthCheckId": record.health_check_id,
    }
    return present(members)


def _alias(params: Params) -> Alias:
    name = normal_name(params["DNSName"])
    return Alias(params["HostedZoneId"], name, params["EvaluateTargetHealth"])


def _unordered(record: RecordSet) -> tuple[object, ...]:
    return (
        (record.name, record.type, record.set_identifier, record.weight, record.geography),
        (record.ttl_s, frozenset(record.values), record.alias, record.health_check_id),
    )
