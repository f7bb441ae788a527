"""Every answer that Route 53 could ever give at a location, whatever fails and whatever is drained.

An exhaustive search over choices instead of states. The walk follows every choice that some state
allows, and collects what that state requires: signals that must be up (health checks, and targets
outside the zone) and records that must be unhealthy. This is exact:

- Weights are free. In a group without precedence a record is chosen in some state exactly if it is
  healthy (let its weight alone be positive) or no record of the group is healthy. So there are two
  branches for each record, and weights need no trying.
- In a group with precedence (geolocation, failover) a record is chosen exactly if it is healthy and
  those before it are not, or if it is the first and none is healthy.
- A record is healthy if its own check is up and, where it evaluates its target, one record there is
  healthy: signals joined by *and* and *or*, never by *not* (a monotone formula). So its minimal
  sets of signals can be listed, one for each path below it, and taking further signals down never
  makes a record healthy. If any state makes some records unhealthy while others are healthy, then
  so does one in which a minimal set for each of the others is up and nothing else.

The tests compare it with a brute-force search over every state of small trees.

Worked example: DE is answered from eu, everything else from us; both aliases evaluate their
target's health. The walk finds a second answer for DE: when check-eu fails, geolocation falls
outward to the default record. For users bound to eu that is a leak.

>>> import json
>>> from controller.model.levers import RecordSet
>>> def alias(country, target):
...     to = {"HostedZoneId": "Z1", "DNSName": target, "EvaluateTargetHealth": True}
...     rest = {"GeoLocation": {"CountryCode": country}, "AliasTarget": to}
...     return RecordSet("shop.test.", "A", country, None, None, json.dumps(rest))
>>> def address(name, value, check):
...     rest = {"ResourceRecords": [{"Value": value}]}
...     return RecordSet(name, "A", None, None, check, json.dumps(rest))
>>> zone = Zone("Z1", [
...     alias("DE", "eu.shop.test."), address("eu.shop.test.", "192.0.2.1", "check-eu"),
...     alias("*", "us.shop.test."), address("us.shop.test.", "192.0.2.3", "check-us"),
... ])
>>> for path in answer_paths(zone, "shop.test.", "A", Location(country="DE")):
...     print(path.answer.values, "once these fail:", sorted(required_failures(zone, path)))
('192.0.2.1',) once these fail: []
('192.0.2.3',) once these fail: ['check-eu']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from controller.planning.residency.route53_answers import (
    AnswerRecord,
    Location,
    Zone,
    by_precedence,
)

Signals = frozenset[str]


class WalkStep(NamedTuple):
    """One record on the path to an answer, and why it is chosen from its group."""

    record: AnswerRecord
    why: str
    """Empty for the normal choice: first in precedence, or by weight."""
    siblings: tuple[AnswerRecord, ...] = ()
    """The rest of its weighted group: while its own weight is 0, none of these may serve."""


@dataclass(frozen=True, slots=True)
class AnswerPath:
    """The records from a name to one answer, and the state that the path requires."""

    steps: tuple[WalkStep, ...] = ()
    up: Signals = frozenset()
    """Signals that must be up."""
    unhealthy: tuple[AnswerRecord, ...] = ()
    """Records that must be unhealthy."""

    @property
    def answer(self) -> AnswerRecord:
        """The record that is answered, the path's last."""
        return self.steps[-1].record


class _Choice(NamedTuple):
    step: WalkStep
    must_be_healthy: bool
    unhealthy: tuple[AnswerRecord, ...]


def answer_paths(zone: Zone, name: str, type_: str, where: Location) -> tuple[AnswerPath, ...]:
    """One path to every record that can be answered in any state, with the fewest failures."""
    walk = _Walk(zone, type_, where)
    walk.visit(name, AnswerPath(), ())
    return tuple(walk.best.values())


def required_failures(zone: Zone, path: AnswerPath) -> Signals:
    """A minimal set of signals that must be down for the path to be taken; all others may be up."""
    signals = {signal for record in path.unhealthy for signal in _signals(zone, record)}
    up = set(path.up)
    for signal in sorted(signals - up):
        up.add(signal)
        if any(zone.is_healthy(record, up.__contains__) for record in path.unhealthy):
            up.discard(signal)
    return frozenset(signals - up)


class _Walk:
    """The walk of one query through a zone, with every branch of it."""

    def __init__(self, zone: Zone, type_: str, where: Location) -> None:
        self._zone = zone
        self._type = type_
        self._where = where
        self._visited: set[tuple[str, Signals, frozenset[AnswerRecord], frozenset[str]]] = set()
        self._unhealthy: dict[tuple[int, Signals], bool] = {}
        """By the record's identity, which is faster to look up than the whole record."""
        self.best: dict[AnswerRecord, AnswerPath] = {}

    def visit(self, name: str, path: AnswerPath, ancestors: tuple[str, ...]) -> None:
        """Follow every choice at a name that the path allows; `ancestors`: names before it."""
        state = (name, path.up, frozenset(path.unhealthy), frozenset(ancestors))
        if state in self._visited:
            return
        self._visited.add(state)
        for choice in self._choices(self._zone.records_at(name, self._type)):
            for up in self._minimal_signals(choice):
                extended = replace(
                    path,
                    steps=(*path.steps, choice.step),
                    up=path.up | up,
                    unhealthy=(*path.unhealthy, *choice.unhealthy),
                )
                if all(self._is_unhealthy(record, extended.up) for record in extended.unhealthy):
                    self._follow(choice.step.record, extended, ancestors)

    def _is_unhealthy(self, record: AnswerRecord, up: Signals) -> bool:
        key = (id(record), up)
        if key not in self._unhealthy:
            self._unhealthy[key] = not self._zone.is_healthy(record, up.__contains__)
        return self._unhealthy[key]

    def _choices(self, group: Sequence[AnswerRecord]) -> Iterator[_Choice]:
        ranked = by_precedence(group, self._where)
        if ranked is None:
            return _choices_by_weight(group)
        return _choices_by_precedence(ranked, self._where)

    def _minimal_signals(self, choice: _Choice) -> Iterable[Signals]:
        if not choice.must_be_healthy:
            return (frozenset(),)
        return dict.fromkeys(_minimal_healthy(self._zone, choice.step.record))

    def _follow(self, record: AnswerRecord, path: AnswerPath, ancestors: tuple[str, ...]) -> None:
        target = self._zone.next_name(record, self._type)
        if target is not None:
            if target not in ancestors:
                self.visit(target, path, (*ancestors, target))
            return
        best = self.best.get(record)
        if best is None or len(path.unhealthy) < len(best.unhealthy):
            self.best[record] = path


def _choices_by_precedence(ranked: Sequence[AnswerRecord], where: Location) -> Iterator[_Choice]:
    for index, record in enumerate(ranked):
        earlier = tuple(ranked[:index])
        yield _Choice(WalkStep(record, _why_not_earlier(record, earlier, where)), True, earlier)
    if ranked:
        first = "primary" if ranked[0].area is None else "smallest area's"
        why = f"no record is healthy, so the {first} is answered as if it were"
        yield _Choice(WalkStep(ranked[0], why), False, tuple(ranked))


def _why_not_earlier(record: AnswerRecord, earlier: Sequence[AnswerRecord], where: Location) -> str:
    if record.area is None:
        return f"the primary record of {record.name} is unhealthy" if earlier else ""
    if earlier:
        areas = ", ".join(str(skipped.area) for skipped in earlier)
        return f"the record of {areas} is unhealthy, and geolocation falls outward to {record.area}"
    if record.area != where.areas[0]:
        return f"{where.areas[0]} has no record, and geolocation falls outward to {record.area}"
    return ""


def _choices_by_weight(group: Sequence[AnswerRecord]) -> Iterator[_Choice]:
    if len(group) == 1:
        yield _Choice(WalkStep(group[0], ""), False, ())
        return
    for record in group:
        siblings = tuple(r for r in group if r != record) if record.weight is not None else ()
        yield _Choice(WalkStep(record, "", siblings), True, ())
        why = f"nothing at {record.name} is healthy, so everything there counts as healthy"
        yield _Choice(WalkStep(record, why, siblings), False, tuple(group))


def _minimal_healthy(
    zone: Zone, record: AnswerRecord, ancestors: tuple[str, ...] = ()
) -> Iterator[Signals]:
    """The minimal sets of signals that make a record healthy; every set that does contains one."""
    own = frozenset[str]()
    if record.health_check_id is not None:
        own = frozenset({record.health_check_id})
    if not record.evaluates_target_health or record.target is None:
        yield own
    elif not record.is_local:
        yield own | {record.target_signal}
    elif record.target not in ancestors:
        for target in zone.records_at(record.target, record.type):
            for signals in _minimal_healthy(zone, target, (*ancestors, record.target)):
                yield own | signals


def _signals(zone: Zone, record: AnswerRecord) -> set[str]:
    """Every signal on which the record's health depends."""
    own = {record.health_check_id} if record.health_check_id is not None else set()
    return {signal for signals in _minimal_healthy(zone, record) for signal in signals} | own
