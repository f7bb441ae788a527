"""A model of Route 53: what it answers for a name, by the record sets of one hosted zone.

Written from Amazon's documentation; each rule names its page of the Route 53 Developer Guide:

- healthy: *How Amazon Route 53 chooses records when health checking is configured*. A record
  without a health check and without an evaluated target is always healthy; an alias that evaluates
  its target's health needs one healthy record there, and its own check as well if it has one
  (*What happens when you associate a health check with an alias record?*).
- nothing healthy: the same page. When no record of a group is healthy, all of them count as
  healthy.
- weights: the same page and *Weighted routing*. Weights of 0 serve when no record of a positive
  weight is healthy; all weights 0 mean equal chances.
- geolocation: *Geolocation routing*. The smallest area with a healthy record wins, outward from the
  subdivision over country and continent to `*`; without any there is no answer.
- failover: *Active-passive failover*. The secondary record serves while the primary is unhealthy.
- aliases: *Choosing between alias and non-alias records*. Route 53 answers with the target's own
  records, chosen by their own policy. An alias never leaves its zone but to an AWS resource.
- wildcards: *DNS domain name format*. `*.name` answers names below it that do not exist.
- delegation: *Routing traffic for subdomains*. An NS record set below the zone's own name
  delegates everything at and below its name to those name servers, whose answers are unknown.

The record plan does not use the other policies (latency, multivalue, CIDR, geoproximity). For these
the model allows any healthy record, which includes everything that they really answer.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.model.levers import RecordSet
from controller.planning.residency.zone_listings import ZoneScope

IsUp = Callable[[str], bool]
"""Signal to whether it is up: a health check's id, or `target_signal` of an AWS resource."""

DEFAULT_AREA = "default"
DELEGATION = "NS"
"""Type of the records that delegate to other name servers."""
_ANSWERING = ("A", "AAAA", "HTTPS", "CNAME")
_PRIMARY = "PRIMARY"
_WILDCARD = "\\052."
"""Route 53's spelling of the label `*` in listings, with its dot."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where Route 53 believes a user to be, by its own codes; None where it does not know."""

    country: str | None = None
    continent: str | None = None
    subdivision: str | None = None

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas that contain it, smallest first, spelled as in a pool's geographies."""
        named = (
            self.subdivision and f"subdivision:{self.country}-{self.subdivision}",
            self.country and f"country:{self.country}",
            self.continent and f"continent:{self.continent}",
        )
        return (*(area for area in named if area), DEFAULT_AREA)


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """The properties of a record set on which answers depend."""

    name: str
    type: str
    set_identifier: str | None
    weight: int | None
    health_check_id: str | None
    area: str | None
    """Where a geolocation record applies: `country:DE`, `continent:EU`, `default`…"""
    is_primary: bool | None
    """Whether it is the primary record of a failover pair; None: it has another policy."""
    values: tuple[str, ...]
    target: str | None
    """The name that an alias or CNAME leads to; None: it has values."""
    is_alias: bool
    is_local: bool
    """Whether it is an alias to a name in its own zone."""
    evaluates_target_health: bool
    """Alias setting: healthy only while the target is."""

    @property
    def target_signal(self) -> str:
        """The signal for the health of a target outside the zone, which no API shows."""
        return f"target {self.target}"

    @property
    def label(self) -> str:
        """Text for a path: name, type, and area or SetIdentifier."""
        return " ".join(
            part for part in (self.name, self.type, self.area or self.set_identifier) if part
        )


class Zone:
    """The record sets of one hosted zone, found by name and type.

    With a `scope` they are those of a reading that does not know every name. A name that it does
    not know has no record here, and is in `unread` once it was looked up: what it answers is
    unknown.
    """

    def __init__(
        self, zone_id: str, records: Iterable[RecordSet], scope: ZoneScope | None = None
    ) -> None:
        self._scope = scope
        self._asked = set[str]()
        found: dict[tuple[str, str], list[AnswerRecord]] = defaultdict(list)
        self._names: set[str] = set()
        self._apexes = set[str]()
        for record in records:
            found[record.name, record.type].append(_record(zone_id, record))
            self._add_names(record.name)
            if record.type == "SOA":
                self._apexes.add(record.name)
        self._groups = {key: tuple(group) for key, group in found.items()}
        self._delegated = {name for name, type_ in found if type_ == DELEGATION}
        self._delegated -= self._apexes

    @property
    def apex(self) -> str:
        """The zone's own name; empty where its SOA record is not among the records."""
        return next(iter(self._apexes)) if len(self._apexes) == 1 else ""

    @property
    def asked(self) -> frozenset[str]:
        """The names that were looked up so far."""
        return frozenset(self._asked)

    @property
    def looked_at(self) -> frozenset[str]:
        """Every name on whose records the answers so far depend.

        Beside the names that were looked up, these are the names above them, which may be
        delegated, and the wildcards that answer for those that do not exist.
        """
        found = set(self._asked)
        for name in self._asked:
            is_missing = name not in self._names and self._knows(name)
            above = name
            while above := above.partition(".")[2]:
                found.add(above)
                if is_missing:
                    found.add(_WILDCARD + above)
        return frozenset(found)

    @property
    def unread(self) -> tuple[str, ...]:
        """Those of them that the scope does not know, sorted."""
        if self._scope is None:
            return ()
        return tuple(sorted(name for name in self.looked_at if not self._knows(name)))

    def has_answers(self, name: str) -> bool:
        """Whether a query for a server can be answered, or is delegated, by records of the name."""
        return any((name, type_) in self._groups for type_ in _ANSWERING) or name in self._delegated

    def records_at(self, name: str, type_: str) -> tuple[AnswerRecord, ...]:
        """The records that answer for a name and type; a CNAME answers for every type."""
        self._asked.add(name)
        for cut in self._delegated:
            if name == cut or name.endswith(f".{cut}"):
                return self._groups[cut, DELEGATION]
        if name in self._names:
            return self._listed(name, type_)
        above = name
        while above := above.partition(".")[2]:
            if found := self._listed(_WILDCARD + above, type_):
                return found
        return ()

    def next_name(self, record: AnswerRecord, type_: str) -> str | None:
        """The name in this zone to which the record leads; None: the record itself is answered."""
        if record.target is None:
            return None
        if record.is_alias:
            return record.target if record.is_local else None
        return record.target if self.records_at(record.target, type_) else None

    def is_healthy(self, record: AnswerRecord, is_up: IsUp, visited: tuple[str, ...] = ()) -> bool:
        """Whether Route 53 counts the record as healthy; aliases in a circle are unhealthy."""
        if record.health_check_id is not None and not is_up(record.health_check_id):
            return False
        if not record.evaluates_target_health or record.target is None:
            return True
        if not record.is_local:
            return is_up(record.target_signal)
        return record.target not in visited and any(
            self.is_healthy(target, is_up, (*visited, record.target))
            for target in self.records_at(record.target, record.type)
        )

    def _knows(self, name: str) -> bool:
        return self._scope is None or self._scope.knows(name)

    def _listed(self, name: str, type_: str) -> tuple[AnswerRecord, ...]:
        return self._groups.get((name, type_)) or self._groups.get((name, "CNAME"), ())

    def _add_names(self, name: str) -> None:
        """A name also exists when another name exists below it (RFC 4592, empty non-terminal)."""
        while name and name not in self._names:
            self._names.add(name)
            name = name.partition(".")[2]


def possible_answers(
    zone: Zone,
    name: str,
    type_: str,
    where: Location,
    is_up: IsUp,
    visited: tuple[str, ...] = (),
) -> frozenset[AnswerRecord]:
    """The records that may be answered while `is_up` holds; empty when there is no answer.

    An alias that leaves the zone is an answer; one within it is replaced by its target's answers.
    Aliases in a circle, back to a name in `visited`, give no answer.
    """
    found: set[AnswerRecord] = set()
    for record in _candidates(zone, zone.records_at(name, type_), where, is_up):
        target = zone.next_name(record, type_)
        if target is None:
            found.add(record)
        elif target not in visited:
            found |= possible_answers(zone, target, type_, where, is_up, (*visited, target))
    return frozenset(found)


def by_precedence(group: Sequence[AnswerRecord], where: Location) -> list[AnswerRecord] | None:
    """The group's records for a location by precedence; the first healthy one is answered.

    Smallest area first (geolocation), or primary before secondary (failover). None: the policy has
    no precedence. A group never mixes policies.
    """
    if is_geolocation(group):
        by_area = {record.area: record for record in group}
        return [by_area[area] for area in where.areas if area in by_area]
    if any(record.is_primary is not None for record in group):
        return sorted(group, key=lambda record: not record.is_primary)
    return None


def is_geolocation(group: Sequence[AnswerRecord]) -> bool:
    """Whether a group answers by location."""
    return any(record.area is not None for record in group)


def _candidates(
    zone: Zone, group: Sequence[AnswerRecord], where: Location, is_up: IsUp
) -> Sequence[AnswerRecord]:
    found = by_precedence(group, where)
    if found is not None:
        return ([r for r in found if zone.is_healthy(r, is_up)] or found)[:1]
    healthy = [record for record in group if zone.is_healthy(record, is_up)]
    if all(record.weight is None for record in group):
        return healthy or group
    weighted = [record for record in group if record.weight]
    standby = [record for record in group if not record.weight]
    return (
        [record for record in weighted if record in healthy]
        or [record for record in standby if record in healthy]
        or weighted
        or standby
    )


def _record(zone_id: str, listed: RecordSet) -> AnswerRecord:
    rest: dict[str, Any] = json.loads(listed.rest)
    alias: dict[str, Any] = rest.get("AliasTarget", {})
    location: dict[str, str] = rest.get("GeoLocation", {})
    values = tuple(value["Value"] for value in rest.get("ResourceRecords", ()))
    target = alias["DNSName"] if alias else values[0] if listed.type == "CNAME" else None
    return AnswerRecord(
        name=listed.name,
        type=listed.type,
        set_identifier=listed.set_identifier,
        weight=listed.weight,
        health_check_id=listed.health_check_id,
        area=_area(location) if location else None,
        is_primary=rest["Failover"] == _PRIMARY if "Failover" in rest else None,
        values=values,
        target=target and target.lower().rstrip(".") + ".",
        is_alias=bool(alias),
        is_local=alias.get("HostedZoneId") == zone_id,
        evaluates_target_health=alias.get("EvaluateTargetHealth", False),
    )


def _area(location: dict[str, str]) -> str:
    if "ContinentCode" in location:
        return f"continent:{location['ContinentCode']}"
    if "SubdivisionCode" in location:
        return f"subdivision:{location['CountryCode']}-{location['SubdivisionCode']}"
    country = location["CountryCode"]
    return DEFAULT_AREA if country == "*" else f"country:{country}"
