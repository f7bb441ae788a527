"""Our own writes, and which readings of AWS are too old to say anything of them.

A reading counts for a resource only if it began after the answer to our last write there:

- applied: an older reading shows what was written instead. Where AWS's listings settle slowly
  (`Lever.settling_s`), so does a newer one that shows what the write replaced;
- unknown or refused: what stands there is read before it is written again. That wait ends when the
  reading fails, or after the deadline of a call: AWS compares before it writes, and a write of
  unknown outcome may have been lost;
- throttled: nothing was done; what was known of the resource before still holds.

Example: weight 128 is read at 12:00:00 and 0 written; AWS acknowledges at 12:00:05. Readings that
began by then show 0, whenever they end. One that begins at 12:00:06 shows what it shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from controller.model.levers import Outcome, OutcomeStatus
from controller.planning.levers.registry import AnyLever
from controller.planning.levers.write_steps import WriteStep
from controller.ports import Clock

Moment = int
"""A place in the order of answers and of readings' beginnings: a clock may show equal times."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """When a reading began."""

    moment: Moment
    at: float
    """Monotonic seconds."""


@dataclass(frozen=True, slots=True)
class _Applied:
    """The last acknowledged write to a resource."""

    write: Any
    answered: Beginning
    replaced: tuple[Any, ...]
    """What acknowledged writes replaced lately, which listings may still show."""


@dataclass(frozen=True, slots=True)
class _Unread:
    """A resource whose last write was not applied, or perhaps."""

    answered: Beginning
    unknown: Any = None
    """The last write of unknown outcome, which a reading may yet show."""
    is_read: bool = False
    """Whether it was read since, or could not be: another write need not wait."""


class OwnWrites:
    """What we wrote to each target and no reading has shown since."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments = count(1)
        self._applied: defaultdict[str, dict[Hashable, _Applied]] = defaultdict(dict)
        self._unread: defaultdict[str, dict[Hashable, _Unread]] = defaultdict(dict)

    def now(self) -> Beginning:
        """The beginning of a reading that is asked for now."""
        return Beginning(next(self._moments), self._clock.monotonic())

    def note(self, lever: AnyLever, target: str, step: WriteStep[Any], outcome: Outcome) -> None:
        """Take in AWS's answer to a request."""
        answered = self.now()
        for write in step.writes:
            if outcome.status is OutcomeStatus.APPLIED:
                self._note_applied(lever, target, write, answered)
            elif not outcome.throttled:
                self._note_unread(lever, target, write, answered, outcome)

    def unread_until(
        self, lever: AnyLever, target: str, writes: Iterable[Any], within_s: float
    ) -> float | None:
        """Until when these writes wait for a reading, monotonic seconds; None: they need not."""
        unread = self._unread.get(target, {})
        found = (unread.get(lever.key(lever.before(write))) for write in writes)
        ends = [one.answered.at + within_s for one in found if one and not one.is_read]
        return max(ends) if ends and max(ends) > self._clock.monotonic() else None

    def end_waits(self, target: str, began: Beginning) -> bool:
        """Let writes go on that waited for this reading, whole or failed; whether any did."""
        unread = self._unread.get(target, {})
        waiting = [
            key
            for key, one in unread.items()
            if not one.is_read and one.answered.moment < began.moment
        ]
        unread.update({key: replace(unread[key], is_read=True) for key in waiting})
        return bool(waiting)

    def note_reading(
        self, lever: AnyLever, target: str, listing: Sequence[Any], began: Beginning
    ) -> Sequence[Any]:
        """Take in a whole reading: forget what it shows, and return it with `laid_over`."""
        self._take_up_seen(lever, target, listing, began)
        self.end_waits(target, began)
        moment = began.moment
        self._unread[target] = {
            key: one
            for key, one in self._unread[target].items()
            if not one.is_read or (one.unknown is not None and lever.settling_s)
        }
        self._applied[target] = {
            key: one
            for key, one in self._applied[target].items()
            if one.answered.moment > moment or began.at < one.answered.at + lever.settling_s
        }
        return self.laid_over(lever, target, listing, began)

    def laid_over(
        self, lever: AnyLever, target: str, listing: Sequence[Any], began: Beginning
    ) -> Sequence[Any]:
        """A listing with what we wrote in the place of what is older."""
        applied = self._applied.get(target)
        if not applied:
            return listing
        return tuple(_known(lever, applied.get(lever.key(r)), r, began) for r in listing)

    def forget_all_but(self, targets: Container[str]) -> None:
        """Drop what concerns other targets."""
        for kept in (self._applied, self._unread):
            for target in [target for target in kept if target not in targets]:
                del kept[target]

    def _note_applied(self, lever: AnyLever, target: str, write: Any, answered: Beginning) -> None:
        before = lever.before(write)
        key = lever.key(before)
        earlier = self._applied[target].get(key)
        replaced: tuple[Any, ...] = ()
        if earlier is not None and answered.at < earlier.answered.at + lever.settling_s:
            replaced = earlier.replaced
        self._applied[target][key] = _Applied(write, answered, (*replaced, before))
        self._unread[target].pop(key, None)

    def _note_unread(
        self, lever: AnyLever, target: str, write: Any, answered: Beginning, outcome: Outcome
    ) -> None:
        key = lever.key(lever.before(write))
        earlier = self._unread[target].get(key)
        unknown = write if outcome.status is OutcomeStatus.UNKNOWN else earlier and earlier.unknown
        self._unread[target][key] = _Unread(answered, unknown)

    def _take_up_seen(
        self, lever: AnyLever, target: str, listing: Sequence[Any], began: Beginning
    ) -> None:
        """Take writes of unknown outcome that a listing shows for acknowledged by it."""
        unread = self._unread.get(target)
        if not unread:
            return
        for resource in listing:
            one = unread.get(lever.key(resource))
            if one is None or one.unknown is None or one.answered.moment > began.moment:
                continue
            if lever.has_same_state(resource, lever.after(one.unknown, resource)):
                self._note_applied(lever, target, one.unknown, began)


def _known(lever: AnyLever, applied: _Applied | None, listed: Any, began: Beginning) -> Any:
    """A listed resource, or what we wrote there if the listing is older or has not settled."""
    if applied is None:
        return listed
    if began.moment < applied.answered.moment:
        return lever.after(applied.write, listed)
    is_settling = began.at < applied.answered.at + lever.settling_s
    if is_settling and any(lever.has_same_state(listed, old) for old in applied.replaced):
        return lever.after(applied.write, listed)
    return listed
