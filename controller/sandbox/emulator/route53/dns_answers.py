"""Route 53's DNS answers: a pure choice from records, health and the client's location.

Follows the developer guide: *How Amazon Route 53 chooses records when health checking is
configured* (also for groups with zero weights), *Weighted routing*, *Geolocation routing*, *Values
specific for alias records* (Evaluate target health; an alias has its target's TTL). The choice
is exposed as candidates with exact probabilities, from which one is drawn. Not emulated: wildcard
names, following a CNAME, delegation below a zone, the health of an accelerator as an alias target
(always healthy).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import Literal

from controller.sandbox.emulator.geography import Location
from controller.sandbox.emulator.route53.change_batches import ACCELERATOR_ZONE_ID
from controller.sandbox.emulator.route53.records import RecordSet, ZoneRecords

ACCELERATOR_DOMAIN = "awsglobalaccelerator.com."
ACCELERATOR_TTL_S = 60  # undocumented; the addresses never change
_LONGEST_ALIAS_CHAIN = 8

ResponseCode = Literal["NOERROR", "NXDOMAIN", "REFUSED"]


@dataclass(frozen=True, slots=True)
class View:
    """The input of an answer, apart from the question and chance."""

    zones: Mapping[str, ZoneRecords]  # by zone id, what is INSYNC
    healthy: Callable[[str], bool]  # by health check id
    accelerator_addresses: Callable[[str], tuple[str, ...]]  # by DNS name; empty when unknown


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record set that may be answered, never an alias: `0 <= probability <= 1`."""

    record: RecordSet
    probability: Fraction


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    `soa`: set in a negative answer. `tailored`: whether it depends on the client's location.
    """

    code: ResponseCode
    record: RecordSet | None = None
    soa: RecordSet | None = None
    tailored: bool = False


def resolve(
    view: View, name: str, record_type: str, location: Location | None, rng: Random
) -> Answer:
    """The answer to one question; drawn at random if several records may be answered."""
    zone = zone_of(view, name)
    if zone is None:
        return _accelerator_answer(view, name, record_type)
    tailored = any(record.geography for record in zone.group(name, record_type))
    found = candidates(view, zone, name, record_type, location)
    if not found and record_type != "CNAME":
        found = candidates(view, zone, name, "CNAME", location)
    if found:
        return Answer("NOERROR", _draw(found, rng), None, tailored)
    soa = zone.group(zone.zone_name, "SOA")[0]
    return Answer("NOERROR" if name in zone.names else "NXDOMAIN", None, soa, tailored)


def zone_of(view: View, name: str) -> ZoneRecords | None:
    """The most specific served zone that contains a name."""
    holding = [zone for zone in view.zones.values() if zone.contains(name)]
    return max(holding, key=lambda zone: len(zone.zone_name), default=None)


def candidates(
    view: View, zone: ZoneRecords, name: str, record_type: str, location: Location | None
) -> list[Candidate]:
    """The record sets that may be answered for a name and type: `sum(probability) == 1`.

    Empty if there is no such record, or none for this location.
    """
    return _Chooser(view, zone, record_type, location).choose(name)


class _Chooser:
    """Follows the aliases of one zone for one question."""

    def __init__(
        self, view: View, zone: ZoneRecords, record_type: str, location: Location | None
    ) -> None:
        self._view = view
        self._zone = zone
        self._type = record_type
        self._location = location

    def choose(self, name: str, depth: int = 0) -> list[Candidate]:
        """The candidates of a name: chosen by its group's policy, aliases followed."""
        group = self._zone.group(name, self._type)
        if not group or depth > _LONGEST_ALIAS_CHAIN:
            return []
        if group[0].policy == "weighted":
            chances = self._by_weight(group, depth)
        elif group[0].policy == "geolocation":
            chances = [(record, Fraction(1)) for record in self._by_location(group, depth)]
        else:
            chances = [(group[0], Fraction(1))]
        return [
            replace(candidate, probability=candidate.probability * chance)
            for record, chance in chances
            for candidate in self._follow(record, depth)
        ]

    def _follow(self, record: RecordSet, depth: int) -> list[Candidate]:
        if record.alias is None:
            return [Candidate(record, Fraction(1))]
        if record.alias.zone_id == ACCELERATOR_ZONE_ID:
            target = accelerator_record(self._view, record.alias.name, self._type)
            return [] if target is None else [Candidate(target, Fraction(1))]
        return self.choose(record.alias.name, depth + 1)

    def _by_weight(
        self, group: Sequence[RecordSet], depth: int
    ) -> list[tuple[RecordSet, Fraction]]:
        """Healthy records with weight > 0; else healthy ones with weight 0; else as if all were."""
        non_zero = [record for record in group if record.weight]
        zero = [record for record in group if not record.weight]
        chosen = (
            [record for record in non_zero if self._is_healthy(record, depth)]
            or [record for record in zero if self._is_healthy(record, depth)]
            or non_zero
            or zero
        )
        total = sum(record.weight or 0 for record in chosen)
        if total == 0:
            return [(record, Fraction(1, len(chosen))) for record in chosen]
        return [(record, Fraction(record.weight or 0, total)) for record in chosen]

    def _by_location(self, group: Sequence[RecordSet], depth: int) -> list[RecordSet]:
        """The record of the smallest healthy area with the location; if none is healthy, the
        smallest."""
        matching = [record for record in group if self._area(record) is not None]
        matching.sort(key=lambda record: self._area(record) or 0)
        healthy = [record for record in matching if self._is_healthy(record, depth)]
        return (healthy or matching)[:1]

    def _area(self, record: RecordSet) -> int | None:
        """The size of the record's area: 0 country, 1 continent, 2 world; None: not in it."""
        place, location = record.geography, self._location
        if place is None:
            return None
        if place.country == "*":
            return 2
        if location is None:
            return None
        if place.country == location.country:
            return 0
        return 1 if place.continent == location.continent else None

    def _is_healthy(self, record: RecordSet, depth: int) -> bool:
        """Whether the record's check passes, if it has one, and its target if that is evaluated."""
        check_id = record.health_check_id
        if check_id is not None and not self._view.healthy(check_id):
            return False
        alias = record.alias
        if alias is None or not alias.evaluate_target_health:
            return True
        if alias.zone_id == ACCELERATOR_ZONE_ID or depth > _LONGEST_ALIAS_CHAIN:
            return True
        targets = self._zone.group(alias.name, self._type)
        return any(self._is_healthy(target, depth + 1) for target in targets)


def accelerator_record(view: View, name: str, record_type: str) -> RecordSet | None:
    """The accelerator's addresses as a record; None if it is unknown or the type is not A."""
    addresses = view.accelerator_addresses(name) if record_type == "A" else ()
    if not addresses:
        return None
    return RecordSet(name, record_type, ttl_s=ACCELERATOR_TTL_S, values=addresses)


def _accelerator_answer(view: View, name: str, record_type: str) -> Answer:
    if not name.endswith("." + ACCELERATOR_DOMAIN):
        return Answer("REFUSED")
    if not view.accelerator_addresses(name):
        return Answer("NXDOMAIN")
    return Answer("NOERROR", accelerator_record(view, name, record_type))


def _draw(found: Sequence[Candidate], rng: Random) -> RecordSet:
    weights = [float(candidate.probability) for candidate in found]
    return rng.choices([candidate.record for candidate in found], weights)[0]
