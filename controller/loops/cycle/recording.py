"""Keeps the decisions worth keeping, and adds to them what becomes known later.

A store that fails or hangs never stops deciding: a record is waited for `_MOMENT_S` at most, and
not at all while another is known to hang. What is not stored by then waits in memory and is stored
in its turn; of too many (`waiting_drafts`) the oldest are given up.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from controller import __version__
from controller.loops.cycle.unsaved_records import UnsavedRecord, UnsavedRecords
from controller.model.decision import Decision, DecisionRecord, Snapshot, TimelineEvent, WriteResult
from controller.model.errors import StateUnavailableError
from controller.model.health import Verdict
from controller.model.levers import OutcomeStatus
from controller.model.overrides import Override
from controller.planning.account.alternatives import rejected_alternatives
from controller.planning.account.decision_changes import (
    DecisionSignature,
    decision_signature,
    expected_effect,
    has_changed,
    override_authors,
    triggers,
    write_outcomes,
)
from controller.planning.account.decision_summary import reduced_to_summary
from controller.planning.account.evidence import Evidence
from controller.ports import Clock, DecisionRecords

_log = structlog.get_logger("recording")
RecordListener = Callable[[DecisionRecord], None]
_OPEN_RECORDS = 100
"""Records that may still change; older ones have long been measured or given up."""
_OPEN_SHARES = 50_000
"""Shares in all of them that moved or would move; at some 100 bytes each they take 5 MB."""
_MOMENT_S = 1.0
"""How long the cycles behind a record wait to be told while it is being stored."""


class Recording:
    """Writes decision records."""

    def __init__(
        self, store: DecisionRecords, clock: Clock, listeners: Iterable[RecordListener] = ()
    ) -> None:
        """`listeners` are told of every kept record of which more became known."""
        self._store = store
        self._clock = clock
        self._listeners = tuple(listeners)
        self._open: OrderedDict[int, DecisionRecord] = OrderedDict()
        self._waiting = UnsavedRecords()
        self._storing: asyncio.Task[None] | None = None
        """What stores those that wait, or did so last."""
        self._is_late = False
        """Whether it was waited for in vain."""
        self._stored: tuple[UnsavedRecord, DecisionRecord] | None = None
        """The draft stored last, and its record."""
        self._hindrance = ""
        self._signature: DecisionSignature | None = None
        self._outcomes: tuple[tuple[str, str], ...] = ()
        self._notes: tuple[str, ...] = ()
        self._before: Decision | None = None
        self._overrides: tuple[Override, ...] = ()

    @property
    def hindered(self) -> str | None:
        """Why decisions wait to be kept, and how many; None while none does."""
        if not self._waiting or not self._hindrance:
            return None
        count = len(self._waiting)
        waiting = "1 decision waits" if count == 1 else f"{count} decisions wait"
        return f"{self._hindrance}; {waiting} to be kept"

    def note(self, text: str) -> None:
        """Have the next decision kept, whatever it says, with this among what set it off."""
        self._notes = (*self._notes, text)

    def draft(
        self,
        cycle: int,
        snapshot: Snapshot,
        decision: Decision,
        written: tuple[WriteResult, ...],
    ) -> UnsavedRecord | None:
        """A record of the decision if it or its outcome differs from the one before it; else None.

        To be called as soon as the outcomes are known, since it notes when that was.
        """
        before, overrides = self._before, self._overrides
        self._before, self._overrides = decision, snapshot.overrides
        notes, self._notes = self._notes, ()
        if not self._is_new(decision, snapshot, written) and not notes:
            return None
        evidence = Evidence(snapshot, decision)
        record = DecisionRecord(
            id=0,
            at=self._wall_at(snapshot.now),
            cycle=cycle,
            mode=snapshot.settings.mode,
            trigger=(*notes, *triggers(before, decision, overrides, snapshot.overrides)),
            regions=decision.regions,
            plans=decision.plans,
            written=written,
            timeline=self._timeline(snapshot, decision, written),
            expected_effect=expected_effect(evidence),
            authors=override_authors(decision, overrides, snapshot.overrides),
            rejected=rejected_alternatives(snapshot, decision),
            version=__version__,
        )
        return UnsavedRecord(record, evidence)

    async def keep(self, draft: UnsavedRecord | None) -> DecisionRecord | None:
        """Store what was drafted, and whatever waits; the draft's record with its id.

        None without a draft, and while the store fails or hangs: then the record waits, and is
        stored in its turn.
        """
        if draft is not None:
            self._waiting.append(draft)
        if not self._waiting:
            return None
        await self._store_soon()
        if draft is None:
            return None
        if self._stored is not None and self._stored[0] is draft:
            return self._stored[1]
        self._wait_longer()
        _log.error(
            "record_not_durable",
            error=self._hindrance or "a mistake of ours",
            trigger=draft.record.trigger,
        )
        return None

    async def end(self) -> None:
        """Give up what is being stored."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)

    async def add_moment(self, record_id: int, moment: TimelineEvent) -> None:
        """Add one point to a record's timeline."""
        record = self._open.get(record_id)
        if record is not None:
            await self._update(replace(record, timeline=(*record.timeline, moment)))

    async def add_effect(self, record_id: int, text: str) -> None:
        """Add one line to what was measured after a decision."""
        record = self._open.get(record_id)
        if record is not None:
            measured = "\n".join(part for part in (record.measured_effect, text) if part)
            await self._update(replace(record, measured_effect=measured))

    def _is_new(
        self, decision: Decision, snapshot: Snapshot, written: tuple[WriteResult, ...]
    ) -> bool:
        """Whether it differs from the last one, or AWS applied something.

        Without a write nothing is known of outcomes.
        """
        before, self._signature = self._signature, decision_signature(decision, snapshot.overrides)
        known = self._outcomes
        if written:
            self._outcomes = write_outcomes(written)
        is_applied = any(one.outcome.status is OutcomeStatus.APPLIED for one in written)
        return is_applied or has_changed(before, self._signature) or self._outcomes != known

    def _wait_longer(self) -> None:
        """The newest was not stored at once: it takes less memory, or the oldest give way."""
        lost = self._waiting.pack_newest()
        if lost:
            _log.error("record_given_up", records=lost, waiting=len(self._waiting))

    async def _store_soon(self) -> None:
        """Have stored what waits, within a moment or behind."""
        storing = self._storing
        if storing is None or storing.done():
            storing = self._storing = asyncio.create_task(  # noqa: TID251 - `end` gives it up
                self._store_waiting(), name="storing records"
            )
            self._is_late = False
        elif self._is_late:
            return
        await asyncio.wait({storing}, timeout=_MOMENT_S)
        if not storing.done():
            self._is_late = True
            self._hindrance = f"no answer within {_MOMENT_S:g} s"

    async def _store_waiting(self) -> None:
        """Store the records that wait, oldest first, until one cannot be."""
        while self._waiting:
            draft = self._waiting.first()
            try:
                stored = await self._store.add_record(draft.record, draft.evidence)
            except StateUnavailableError as error:
                self._hindrance = str(error)
                return
            except Exception:
                _log.exception("record_given_up", trigger=draft.record.trigger)
            else:
                self._keep_open(stored)
                self._stored = draft, stored
            self._waiting.remove(draft)
        self._hindrance = ""

    def _keep_open(self, stored: DecisionRecord) -> None:
        self._open[stored.id] = reduced_to_summary(stored)
        shares = sum(map(_moved_shares, self._open.values()))
        while len(self._open) > _OPEN_RECORDS or (shares > _OPEN_SHARES and len(self._open) > 1):
            _, closed = self._open.popitem(last=False)
            shares -= _moved_shares(closed)

    async def _update(self, record: DecisionRecord) -> None:
        self._open[record.id] = record
        for listener in self._listeners:
            listener(record)
        try:
            await self._store.update_record(record)
        except StateUnavailableError as error:
            _log.error("record_not_durable", error=str(error), decision_id=record.id)

    def _timeline(
        self, snapshot: Snapshot, decision: Decision, written: tuple[WriteResult, ...]
    ) -> tuple[TimelineEvent, ...]:
        moments = []
        for name, at in self._detection(snapshot, decision):
            moments.append(TimelineEvent(name, self._wall_at(at)))
        moments.append(TimelineEvent("decided", self._wall_at(snapshot.now)))
        answers = [
            TimelineEvent(w.outcome.status.value, at, f"{w.lever} {w.target}".strip())
            for w, at in zip(written, self._answered_at(written), strict=True)
        ]
        return (*moments, *sorted(answers, key=lambda moment: moment.at))

    def _answered_at(self, written: tuple[WriteResult, ...]) -> list[datetime]:
        """When each write was answered: of one target one after the other, all targets at once, and
        the last answer came just now."""
        took_s: dict[str, float] = defaultdict(float)
        ended_s = []
        for one in written:
            took_s[one.target] += one.outcome.took_s
            ended_s.append(took_s[one.target])
        now, longest_s = self._clock.wall(), max(ended_s, default=0.0)
        return [now - timedelta(seconds=longest_s - one) for one in ended_s]

    def _detection(self, snapshot: Snapshot, decision: Decision) -> list[tuple[str, float]]:
        """When the first probe failed, and when that became a verdict, of regions leaving now."""
        leaving = {
            (plan.service, rule.region)
            for plan in decision.plans
            if plan.changes
            for rule in plan.rules
            if rule.name == "region_down" and plan.before[rule.region] > 0
        }
        required = {
            endpoint
            for endpoint, noun in snapshot.settings.endpoints()
            if noun.required and (endpoint.service, endpoint.region) in leaving
        }
        down = [
            state
            for opinions in snapshot.health.values()
            for endpoint, state in opinions.items()
            if endpoint in required and state.verdict is Verdict.DOWN
        ]
        failed = [s.first_failure_at for s in down if s.first_failure_at is not None]
        if not failed:
            return []
        return [("first_failure", min(failed)), ("detected", max(s.since for s in down))]

    def _wall_at(self, at: float) -> datetime:
        """Wall-clock time of a monotonic one, for people."""
        return self._clock.wall() - timedelta(seconds=self._clock.monotonic() - at)


def _moved_shares(record: DecisionRecord) -> int:
    return sum(3 * len(plan.before) + len(plan.held) for plan in record.plans)
