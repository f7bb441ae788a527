"""What Route 53 answers for a name, by the record sets of one hosted zone.

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
- delegation: *Routing traffic for subdomains*. An NS record set below the zone's own name hands
  everything at and below its name to those name servers: it stands for whatever they may answer.

Of the policies that the record plan does not use (latency, multivalue, CIDR, geoproximity) any
healthy record may be answered: at least as much as they really allow.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.model.levers import RecordSet

IsUp = Callable[[str], bool]
"""Whether a signal is well: a health check's id, or `external` of an alias to an AWS resource."""

DEFAULT_AREA = "default"
DELEGATION = "NS"
"""Type of the records that stand for what other name servers answer."""
_PRIMARY = "PRIMARY"
_WILDCARD = "\\052."
"""How Route 53 lists the label `*`."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where Route 53 takes a user to be: by its own codes; None where it does not know."""

    country: str | None = None
    continent: str | None = None
    subdivision: str | None = None

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas that contain it, smallest first, named as in a pool's geographies."""
        named = (
            self.subdivision and f"subdivision:{self.country}-{self.subdivision}",
            self.country and f"country:{self.country}",
            self.continent and f"continent:{self.continent}",
        )
        return (*(area for area in named if area), DEFAULT_AREA)


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """A record set, as far as answers depend on it."""

    name: str
    type: str
    set_identifier: str | None
    weight: int | None
    check: str | None
    area: str | None
    """Where a geolocation record applies: `country:DE`, `continent:EU`, `default`…"""
    is_primary: bool | None
    """Whether it comes first by failover; None: it has another policy."""
    values: tuple[str, ...]
    target: str | None
    """The name an alias or CNAME leads to."""
    is_alias: bool
    is_local: bool
    """Whether it is an alias to a name in its own zone."""
    evaluates: bool

    @property
    def external(self) -> str:
        """The signal that is the health of a target outside the zone, which no API shows."""
        return f"target {self.target}"

    @property
    def label(self) -> str:
        """The record in a path: its name, type, and what tells it from its group."""
        return " ".join(
            part for part in (self.name, self.type, self.area or self.set_identifier) if part
        )


class Zone:
    """The record sets of one hosted zone, by name and type."""

    def __init__(self, zone_id: str, records: Iterable[RecordSet]) -> None:
        found: dict[tuple[str, str], list[AnswerRecord]] = defaultdict(list)
        self._names: set[str] = set()
        apex = set[str]()
        for record in records:
            found[record.name, record.type].append(_record(zone_id, record))
            self._add_names(record.name)
            if record.type == "SOA":
                apex.add(record.name)
        self._groups = {key: tuple(group) for key, group in found.items()}
        self._delegated = {name for name, type_ in found if type_ == DELEGATION} - apex

    def group(self, name: str, type_: str) -> tuple[AnswerRecord, ...]:
        """The records that answer for a name and type; a CNAME answers for every type."""
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

    def follow(self, record: AnswerRecord, type_: str) -> str | None:
        """The name in this zone that is asked for instead; None: the record itself is answered."""
        if record.target is None:
            return None
        if record.is_alias:
            return record.target if record.is_local else None
        return record.target if self.group(record.target, type_) else None

    def is_healthy(self, record: AnswerRecord, is_up: IsUp, passed: tuple[str, ...] = ()) -> bool:
        """Whether Route 53 counts the record as healthy; aliases in a circle are not."""
        if record.check is not None and not is_up(record.check):
            return False
        if not record.evaluates or record.target is None:
            return True
        if not record.is_local:
            return is_up(record.external)
        return record.target not in passed and any(
            self.is_healthy(one, is_up, (*passed, record.target))
            for one in self.group(record.target, record.type)
        )

    def _listed(self, name: str, type_: str) -> tuple[AnswerRecord, ...]:
        return self._groups.get((name, type_)) or self._groups.get((name, "CNAME"), ())

    def _add_names(self, name: str) -> None:
        """A name exists, too, when something exists below it."""
        while name and name not in self._names:
            self._names.add(name)
            name = name.partition(".")[2]


def possible_answers(
    zone: Zone,
    name: str,
    type_: str,
    where: Location,
    is_up: IsUp,
    passed: tuple[str, ...] = (),
) -> frozenset[AnswerRecord]:
    """The records that may be answered now; none when there is no answer.

    An alias that leaves the zone stands for itself, one within it for what is answered there.
    Aliases in a circle, back to a name `passed`, give no answer.
    """
    found: set[AnswerRecord] = set()
    for record in _chosen(zone, zone.group(name, type_), where, is_up):
        below = zone.follow(record, type_)
        if below is None:
            found.add(record)
        elif below not in passed:
            found |= possible_answers(zone, below, type_, where, is_up, (*passed, below))
    return frozenset(found)


def by_precedence(group: Sequence[AnswerRecord], where: Location) -> list[AnswerRecord] | None:
    """The records that may be answered at a location, in the order in which a healthy one is
    looked for: smallest area first, or primary before secondary. None: the policy has no order.

    A group never mixes policies.
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


def _chosen(
    zone: Zone, group: Sequence[AnswerRecord], where: Location, is_up: IsUp
) -> Sequence[AnswerRecord]:
    found = by_precedence(group, where)
    if found is not None:
        return ([r for r in found if zone.is_healthy(r, is_up)] or found)[:1]
    healthy = [record for record in group if zone.is_healthy(record, is_up)]
    if all(record.weight is None for record in group):
        return healthy or group
    weighty = [record for record in group if record.weight]
    standby = [record for record in group if not record.weight]
    return (
        [record for record in weighty if record in healthy]
        or [record for record in standby if record in healthy]
        or weighty
        or standby
    )


def _record(zone_id: str, listed: RecordSet) -> AnswerRecord:
    rest: dict[str, Any] = json.loads(listed.rest)
    alias: dict[str, Any] = rest.get("AliasTarget", {})
    place: dict[str, str] = rest.get("GeoLocation", {})
    values = tuple(one["Value"] for one in rest.get("ResourceRecords", ()))
    target = alias["DNSName"] if alias else values[0] if listed.type == "CNAME" else None
    return AnswerRecord(
        name=listed.name,
        type=listed.type,
        set_identifier=listed.set_identifier,
        weight=listed.weight,
        check=listed.health_check_id,
        area=_area(place) if place else None,
        is_primary=rest["Failover"] == _PRIMARY if "Failover" in rest else None,
        values=values,
        target=target and target.lower().rstrip(".") + ".",
        is_alias=bool(alias),
        is_local=alias.get("HostedZoneId") == zone_id,
        evaluates=alias.get("EvaluateTargetHealth", False),
    )


def _area(place: dict[str, str]) -> str:
    if "ContinentCode" in place:
        return f"continent:{place['ContinentCode']}"
    if "SubdivisionCode" in place:
        return f"subdivision:{place['CountryCode']}-{place['SubdivisionCode']}"
    country = place["CountryCode"]
    return DEFAULT_AREA if country == "*" else f"country:{country}"
