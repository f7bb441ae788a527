"""Replay: a recorded decision made again from its snapshot, by the present program."""

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
"""Text for a missing member."""
_EMPTY = ("{}", "[]", "null", "false", '""')


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place where two documents differ."""

    place: str
    """Path of names with dots, from the outermost; a pool's plan is named by its pool."""
    recorded: str
    """As JSON, or `nothing`."""
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of a replay."""

    decision_id: int
    version: str
    """Version of the program that decided."""
    replayed_by: str
    """Version of the program that replayed."""
    differences: tuple[Mismatch, ...]
    """Between the recorded decision and the new one; empty when they are equal byte for byte."""
    unread: tuple[Mismatch, ...]
    """Members of the snapshot that this version does not know, or fills with a default."""
    plans: tuple[PoolPlan, ...]
    """The plans of the new decision."""

    @property
    def same_version(self) -> bool:
        """Whether the same version decided, so that any difference is an error."""
        return self.version == self.replayed_by

    @property
    def faithful(self) -> bool:
        """False where the same version decides differently."""
        unread = [one for one in self.unread if not _was_added(one)]
        return not (self.same_version and (self.differences or unread))


def replay(recorded: RecordedEvidence, version: str) -> Replay:
    """The replay by this program, of this `version`. Raises UnreadableError."""
    text = recorded.evidence
    snapshot = read_snapshot(text)
    decision = _decided(snapshot, text.decision)
    again = encode_evidence(Evidence(snapshot, decision))
    settings, started_at = snapshot.settings, snapshot.started_at

    def present_snapshot(data: object) -> object:
        return snapshot_in_present_form(data, settings)

    def present_decision(data: object) -> object:
        return decision_in_present_form(data, settings, started_at)

    return Replay(
        recorded.decision_id,
        recorded.version,
        version,
        tuple(
            one
            for one in _differences(
                text.decision, canonical_text(decision), to_present=present_decision
            )
            if not _was_added(one)
        ),
        (
            *_differences(
                text.settings, again.settings, "settings", to_present=settings_in_present_form
            ),
            *_differences(text.snapshot, again.snapshot, "snapshot", to_present=present_snapshot),
        ),
        decision.plans,
    )


def _was_added(one: Mismatch) -> bool:
    """Whether it was added to the format after the recording: an empty member, or a setting.

    Settings are recorded with every key, so one that is absent did not exist; it has its default.
    """
    is_setting = one.place.startswith("settings.")
    return one.recorded == ABSENT and (is_setting or one.replayed in _EMPTY)


def _decided(snapshot: Snapshot, recorded: str) -> Decision:
    """The decision again. Raises UnreadableError where it fails, as on an edited file.

    A service that was undecided in the recording may be undecided again.
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
    to_present: Callable[[object], object] = lambda data: data,
) -> tuple[Mismatch, ...]:
    """`to_present` converts what an earlier version wrote into the present form."""
    if recorded == replayed:
        return ()
    one, other = (to_present(in_present_form(json.loads(text))) for text in (recorded, replayed))
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
    """The members of a list by number, plans by pool."""
    return {f"[{_name(item) or number}]": item for number, item in enumerate(items)}


def _name(item: object) -> str:
    if isinstance(item, dict) and {"service", "pool", "rules"} <= item.keys():
        return f"{item['service']}/{item['pool']}"
    return ""
