"""Everything that Route 53 could ever answer: whatever fails, whatever is drained.

Instead of trying every state the walk follows every choice that some state allows, and remembers
what that state must look like: the signals (health checks, and targets outside the zone) that must
be up, and the records that must be unhealthy. This is exact:

- Weights are free. In a group without locations a record is chosen in some state exactly if it is
  healthy (then let its weight alone be positive) or no record of the group is healthy. So two
  branches for each record say all there is to say, and weights need no trying.
- Where a policy has an order (geolocation, failover) a record is chosen exactly if it is healthy
  and those before it are not, or if it is the first and none that apply are healthy.
- A record is healthy if its own check is up and, where it evaluates its target, one record there is
  healthy: signals joined by *and* and *or*, never by *not*. So the least sets of signals that make
  it healthy can be listed (one for each path below it), and taking further signals down never makes
  a record healthy. If any state makes these records unhealthy while those are healthy, then so does
  one in which one such least set for each healthy record is up and nothing else.

The test oracle tries every state of small trees one by one.
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
    """One record on the way to an answer, and why it rather than the others of its group."""

    record: AnswerRecord
    why: str
    """Empty for the everyday choice."""
    others: tuple[AnswerRecord, ...] = ()
    """The rest of its weighted group: while its own weight is 0, none of these may serve."""


@dataclass(frozen=True, slots=True)
class AnswerPath:
    """A way to one answer, and what must hold for it to be taken."""

    steps: tuple[WalkStep, ...] = ()
    up: Signals = frozenset()
    """Signals that must be up."""
    dark: tuple[AnswerRecord, ...] = ()
    """Records that must be unhealthy."""

    @property
    def end(self) -> AnswerRecord:
        """The record that is answered."""
        return self.steps[-1].record


class _Choice(NamedTuple):
    step: WalkStep
    must_be_healthy: bool
    dark: tuple[AnswerRecord, ...]


def answer_paths(zone: Zone, name: str, type_: str, where: Location) -> tuple[AnswerPath, ...]:
    """One route to every record that can be answered in any state, with the least unhealthy."""
    walk = _Walk(zone, type_, where)
    walk.go(name, AnswerPath(), ())
    return tuple(walk.best.values())


def required_failures(zone: Zone, route: AnswerPath) -> Signals:
    """The least that must be down for the route to be taken; its other signals may be up."""
    signals = {one for record in route.dark for one in _signals(zone, record)}
    up = set(route.up)
    for signal in sorted(signals - up):
        up.add(signal)
        if any(zone.is_healthy(record, up.__contains__) for record in route.dark):
            up.discard(signal)
    return frozenset(signals - up)


class _Walk:
    """One question's way through a zone, every branch of it."""

    def __init__(self, zone: Zone, type_: str, where: Location) -> None:
        self._zone = zone
        self._type = type_
        self._where = where
        self._been: set[tuple[str, Signals, frozenset[AnswerRecord], frozenset[str]]] = set()
        self._dark: dict[tuple[int, Signals], bool] = {}
        """By the record's identity, which is quicker to look up than all that it says."""
        self.best: dict[AnswerRecord, AnswerPath] = {}

    def go(self, name: str, route: AnswerPath, passed: tuple[str, ...]) -> None:
        """Follow every choice at a name that the route leaves open."""
        place = (name, route.up, frozenset(route.dark), frozenset(passed))
        if place in self._been:
            return
        self._been.add(place)
        for choice in self._choices(self._zone.group(name, self._type)):
            for way in self._ways(choice):
                taken = replace(
                    route,
                    steps=(*route.steps, choice.step),
                    up=route.up | way,
                    dark=(*route.dark, *choice.dark),
                )
                if all(self._is_dark(record, taken.up) for record in taken.dark):
                    self._follow(choice.step.record, taken, passed)

    def _is_dark(self, record: AnswerRecord, up: Signals) -> bool:
        key = (id(record), up)
        if key not in self._dark:
            self._dark[key] = not self._zone.is_healthy(record, up.__contains__)
        return self._dark[key]

    def _choices(self, group: Sequence[AnswerRecord]) -> Iterator[_Choice]:
        found = by_precedence(group, self._where)
        return _by_weight(group) if found is None else _by_rank(found, self._where)

    def _ways(self, choice: _Choice) -> Iterable[Signals]:
        if not choice.must_be_healthy:
            return (frozenset(),)
        return dict.fromkeys(_least_up(self._zone, choice.step.record))

    def _follow(self, record: AnswerRecord, route: AnswerPath, passed: tuple[str, ...]) -> None:
        below = self._zone.follow(record, self._type)
        if below is not None:
            if below not in passed:
                self.go(below, route, (*passed, below))
            return
        known = self.best.get(record)
        if known is None or len(route.dark) < len(known.dark):
            self.best[record] = route


def _by_rank(found: Sequence[AnswerRecord], where: Location) -> Iterator[_Choice]:
    for index, record in enumerate(found):
        earlier = tuple(found[:index])
        yield _Choice(WalkStep(record, _why_not_earlier(record, earlier, where)), True, earlier)
    if found:
        first = "primary" if found[0].area is None else "smallest area's"
        why = f"no record is healthy, so the {first} is answered as if it were"
        yield _Choice(WalkStep(found[0], why), False, tuple(found))


def _why_not_earlier(record: AnswerRecord, earlier: Sequence[AnswerRecord], where: Location) -> str:
    if record.area is None:
        return f"the primary record of {record.name} is unhealthy" if earlier else ""
    if earlier:
        past = ", ".join(str(one.area) for one in earlier)
        return f"the record of {past} is unhealthy, and geolocation falls outward to {record.area}"
    if record.area != where.areas[0]:
        return f"{where.areas[0]} has no record, and geolocation falls outward to {record.area}"
    return ""


def _by_weight(group: Sequence[AnswerRecord]) -> Iterator[_Choice]:
    if len(group) == 1:
        yield _Choice(WalkStep(group[0], ""), False, ())
        return
    for record in group:
        others = tuple(one for one in group if one != record) if record.weight is not None else ()
        yield _Choice(WalkStep(record, "", others), True, ())
        why = f"nothing at {record.name} is healthy, so everything there counts as healthy"
        yield _Choice(WalkStep(record, why, others), False, tuple(group))


def _least_up(zone: Zone, record: AnswerRecord, passed: tuple[str, ...] = ()) -> Iterator[Signals]:
    """Sets of signals that make a record healthy; every set that does contains one of these."""
    own = frozenset[str]() if record.check is None else frozenset({record.check})
    if not record.evaluates or record.target is None:
        yield own
    elif not record.is_local:
        yield own | {record.external}
    elif record.target not in passed:
        for target in zone.group(record.target, record.type):
            for way in _least_up(zone, target, (*passed, record.target)):
                yield own | way


def _signals(zone: Zone, record: AnswerRecord) -> set[str]:
    """Everything that the record's health depends on."""
    return {signal for way in _least_up(zone, record) for signal in way} | (
        {record.check} if record.check is not None else set()
    )
