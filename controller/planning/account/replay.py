"""A recorded decision made again: from what it was made of, by the program that runs now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controller.model.decision import Decision, PoolPlan, Snapshot
from controller.model.decoding import UnreadableError, in_present_form
from controller.model.encoding import as_text
from controller.planning.account.earlier_forms import (
    decision_in_present_form,
    settings_in_present_form,
    snapshot_in_present_form,
)
from controller.planning.account.evidence import (
    Evidence,
    RecordedEvidence,
    canonical_text,
    encode_evidence,
    read_snapshot,
)
from controller.planning.decision import decide

ABSENT = "nothing"
"""What stands for a member that is not there."""
_EMPTY = ("{}", "[]", "null", "false", '""')


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place in which two documents differ."""

    place: str
    """Names from the outside in, with dots; a pool's plan is named by its pool."""
    recorded: str
    """As JSON, or `nothing`."""
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of deciding again."""

    decision_id: int
    version: str
    """Of the program that decided."""
    replayed_by: str
    """Version of the program that decided again."""
    differences: tuple[Mismatch, ...]
    """Between the recorded decision and this one; empty when they are equal byte for byte."""
    unread: tuple[Mismatch, ...]
    """What the snapshot holds and this version does not know, or fills with a default."""
    plans: tuple[PoolPlan, ...]
    """As decided again."""

    @property
    def same_version(self) -> bool:
        """Whether the same program decided, so that any difference is a fault."""
        return self.version == self.replayed_by

    @property
    def faithful(self) -> bool:
        """Whether nothing differs that must not."""
        unread = [one for one in self.unread if not _was_added(one)]
        return not (self.same_version and (self.differences or unread))


def replay(exhibit: RecordedEvidence, version: str) -> Replay:
    """Decide again; `version` is that of this program. Raises UnreadableError."""
    text = exhibit.evidence
    snapshot = read_snapshot(text)
    decision = _decided(snapshot, text.decision)
    again = encode_evidence(Evidence(snapshot, decision))
    settings, started_at = snapshot.settings, snapshot.started_at

    def lifted_snapshot(data: object) -> object:
        return snapshot_in_present_form(data, settings)

    def lifted_decision(data: object) -> object:
        return decision_in_present_form(data, settings, started_at)

    return Replay(
        exhibit.decision_id,
        exhibit.version,
        version,
        tuple(
            one
            for one in _differences(text.decision, canonical_text(decision), lifted=lifted_decision)
            if not _was_added(one)
        ),
        (
            *_differences(
                text.settings, again.settings, "settings", lifted=settings_in_present_form
            ),
            *_differences(text.snapshot, again.snapshot, "snapshot", lifted=lifted_snapshot),
        ),
        decision.plans,
    )


def _was_added(one: Mismatch) -> bool:
    """Whether it is a member that came after the recording, and is empty: that says nothing."""
    return one.recorded == ABSENT and one.replayed in _EMPTY


def _decided(snapshot: Snapshot, recorded: str) -> Decision:
    """Deciding never fails on what a daemon knows; on an edited file it may.

    A service that could not be decided about when it was recorded cannot be now, and no file was
    edited for it.
    """
    contradiction = "settings and snapshot contradict each other"
    try:
        decision = decide(snapshot)
    except (LookupError, ValueError, ArithmeticError, AssertionError) as error:
        raise UnreadableError(f"{contradiction}: {error!r}") from error
    new = decision.undecided.keys() - json.loads(recorded).get("undecided", {}).keys()
    if new:
        raise UnreadableError(f"{contradiction}: {decision.undecided[min(new)]}")
    return decision


def _differences(
    recorded: str,
    replayed: str,
    where: str = "",
    lifted: Callable[[object], object] = lambda data: data,
) -> tuple[Mismatch, ...]:
    """`lifted` brings what an earlier version wrote into today's form."""
    if recorded == replayed:
        return ()
    one, other = (lifted(in_present_form(json.loads(text))) for text in (recorded, replayed))
    return tuple(_between(where, one, other))


def _between(where: str, one: object, other: object) -> Iterator[Mismatch]:
    if isinstance(one, dict) and isinstance(other, dict):
        yield from _members(where, one, other)
        if list(one) != list(other) and one.keys() == other.keys():
            yield Mismatch(f"order in {where}", ", ".join(one), ", ".join(other))
    elif isinstance(one, list) and isinstance(other, list):
        yield from _members(where, _named(one), _named(other))
    elif as_text(one) != as_text(other):
        yield Mismatch(where, as_text(one), as_text(other))


def _members(where: str, one: dict[str, object], other: dict[str, object]) -> Iterator[Mismatch]:
    for name in dict.fromkeys((*one, *other)):
        place = f"{where}{name}" if name.startswith("[") else ".".join(filter(None, (where, name)))
        if name not in other:
            yield Mismatch(place, as_text(one[name]), ABSENT)
        elif name not in one:
            yield Mismatch(place, ABSENT, as_text(other[name]))
        else:
            yield from _between(place, one[name], other[name])


def _named(items: list[object]) -> dict[str, object]:
    """Members of a list by their numbers, plans by their pools."""
    return {f"[{_name(item) or number}]": item for number, item in enumerate(items)}


def _name(item: object) -> str:
    if isinstance(item, dict) and {"service", "pool", "rules"} <= item.keys():
        return f"{item['service']}/{item['pool']}"
    return ""
