"""Stores a record of each decision that differs from the last, and adds what becomes known later.

A store that fails or hangs never stops decisions: a record is waited for `_STORE_WAIT_S` at most,
and not at all while another is known to hang. What is not stored by then waits in memory and is
stored in its order; of too many (`unsaved_records`) the oldest are dropped.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from controller import __version__
from controller.loops.cycle.unsaved_records import UnsavedRecord, UnsavedRecords
from controller.model.decision import Decision, DecisionRecord, Snapshot, TimelineEvent, WriteResult
from controller.model.encoding import EXACT, as_text
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
"""Called with a stored record when more became known of its decision."""
_MAX_OPEN_RECORDS = 100
"""Records that may still change; the follow-up of older ones has long ended."""
MAX_OPEN_BYTES = 2 * 2**20
"""Bytes of all open records as JSON; in memory they take some three times as much."""
_STORE_WAIT_S = 1.0
"""How long later cycles wait to be recorded while one record is being stored."""


class Recording:
    """The decision records: new, waiting for the store, and open for what becomes known later."""

    def __init__(
        self, store: DecisionRecords, clock: Clock, listeners: Iterable[RecordListener] = ()
    ) -> None:
        self._store = store
        self._clock = clock
        self._listeners = tuple(listeners)
        self._open: OrderedDict[int, _OpenRecord] = OrderedDict()
        self._waiting = UnsavedRecords()
        self._storing: asyncio.Task[None] | None = None
        """The task that stores waiting records; done while none waits."""
        self._is_late = False
        """Whether that task took longer than `_STORE_WAIT_S`."""
        self._stored: tuple[UnsavedRecord, DecisionRecord] | None = None
        """The last one stored, without and with its id."""
        self._store_error = ""
        self._signature: DecisionSignature | None = None
        self._outcomes: tuple[tuple[str, str], ...] = ()
        self._notes: tuple[str, ...] = ()
        self._before: Decision | None = None
        self._overrides: tuple[Override, ...] = ()

    @property
    def waiting_reason(self) -> str | None:
        """Why decisions wait to be stored, and how many; None while none does."""
        if not self._waiting or not self._store_error:
            return None
        count = len(self._waiting)
        waiting = "1 decision waits" if count == 1 else f"{count} decisions wait"
        return f"{self._store_error}; {waiting} to be kept"

    def add_trigger(self, text: str) -> None:
        """Record the next decision even if it differs in nothing, with this text as a trigger."""
        self._notes = (*self._notes, text)

    def new_record(
        self,
        cycle: int,
        snapshot: Snapshot,
        decision: Decision,
        written: tuple[WriteResult, ...],
    ) -> UnsavedRecord | None:
        """A record of the decision if it or its outcome differs from the one before it; else None.

        Call it as soon as the outcomes are known: it takes their time from the clock.
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

    async def save(self, unsaved: UnsavedRecord | None) -> DecisionRecord | None:
        """Store a new record and those that wait; the result is the new one with its id.

        None without a new record, and while the store fails or hangs: then the record waits.
        """
        if unsaved is not None:
            self._waiting.append(unsaved)
        if not self._waiting:
            return None
        await self._store_within_wait()
        if unsaved is None:
            return None
        if self._stored is not None and self._stored[0] is unsaved:
            return self._stored[1]
        self._pack_waiting()
        _log.error(
            "record_not_durable",
            error=self._store_error or "a mistake of ours",
            trigger=unsaved.record.trigger,
        )
        return None

    async def end(self) -> None:
        """Cancel what is being stored."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)

    async def add_event(self, record_id: int, event: TimelineEvent) -> None:
        """Add one event to a record's timeline."""
        found = self._open.get(record_id)
        if found is not None:
            record = found.record
            await self._update(replace(record, timeline=(*record.timeline, event)))

    async def add_effect(self, record_id: int, text: str) -> None:
        """Add one line to the measured effect of a decision."""
        found = self._open.get(record_id)
        if found is not None:
            record = found.record
            measured = "\n".join(part for part in (record.measured_effect, text) if part)
            await self._update(replace(record, measured_effect=measured))

    def _is_new(
        self, decision: Decision, snapshot: Snapshot, written: tuple[WriteResult, ...]
    ) -> bool:
        """Whether it differs from the last one, or AWS applied something.

        A decision without writes leaves the outcomes as they were.
        """
        before, self._signature = self._signature, decision_signature(decision, snapshot.overrides)
        known = self._outcomes
        if written:
            self._outcomes = write_outcomes(written)
        is_applied = any(one.outcome.status is OutcomeStatus.APPLIED for one in written)
        return is_applied or has_changed(before, self._signature) or self._outcomes != known

    def _pack_waiting(self) -> None:
        """Compress the newest, which was not stored at once, and drop the oldest if need be."""
        lost = self._waiting.pack_newest()
        if lost:
            _log.error("record_given_up", records=lost, waiting=len(self._waiting))

    async def _store_within_wait(self) -> None:
        """Store what waits: within `_STORE_WAIT_S`, or further on in the background."""
        storing = self._storing
        if storing is None or storing.done():
            storing = self._storing = asyncio.create_task(  # noqa: TID251 - `end` cancels it
                self._store_waiting(), name="storing records"
            )
            self._is_late = False
        elif self._is_late:
            return
        await asyncio.wait({storing}, timeout=_STORE_WAIT_S)
        if not storing.done():
            self._is_late = True
            self._store_error = f"no answer within {_STORE_WAIT_S:g} s"

    async def _store_waiting(self) -> None:
        """Store the records that wait, oldest first, until one cannot be."""
        while self._waiting:
            unsaved = self._waiting.first()
            try:
                stored = await self._store.add_record(unsaved.record, unsaved.evidence)
            except StateUnavailableError as error:
                self._store_error = str(error)
                return
            except Exception:
                _log.exception("record_given_up", trigger=unsaved.record.trigger)
            else:
                self._keep_open(stored)
                self._stored = unsaved, stored
            self._waiting.remove(unsaved)
        self._store_error = ""

    def _keep_open(self, stored: DecisionRecord) -> None:
        self._open[stored.id] = _OpenRecord.of(reduced_to_summary(stored))
        size = sum(found.size for found in self._open.values())
        while len(self._open) > _MAX_OPEN_RECORDS or (
            size > MAX_OPEN_BYTES and len(self._open) > 1
        ):
            _, closed = self._open.popitem(last=False)
            size -= closed.size

    async def _update(self, record: DecisionRecord) -> None:
        self._open[record.id] = _OpenRecord.of(record)
        for listener in self._listeners:
            listener(record)
        try:
            await self._store.update_record(record)
        except StateUnavailableError as error:
            _log.error("record_not_durable", error=str(error), decision_id=record.id)

    def _timeline(
        self, snapshot: Snapshot, decision: Decision, written: tuple[WriteResult, ...]
    ) -> tuple[TimelineEvent, ...]:
        events = []
        for name, at in self._detection(snapshot, decision):
            events.append(TimelineEvent(name, self._wall_at(at)))
        events.append(TimelineEvent("decided", self._wall_at(snapshot.now)))
        answers = [
            TimelineEvent(w.outcome.status.value, at, f"{w.lever} {w.target}".strip())
            for w, at in zip(written, self._answered_at(written), strict=True)
        ]
        return (*events, *sorted(answers, key=lambda event: event.at))

    def _answered_at(self, written: tuple[WriteResult, ...]) -> list[datetime]:
        """When each write was answered, reckoned back from now, when the last answer came.

        Targets are written at the same time, the writes to one target one after the other. Example:
        writes to A took 1 s and 2 s, to B 2 s. They were answered 2 s ago, now, and 1 s ago.
        """
        took_s: dict[str, float] = defaultdict(float)
        ended_s = []
        for result in written:
            took_s[result.target] += result.outcome.took_s
            ended_s.append(took_s[result.target])
        now, longest_s = self._clock.wall(), max(ended_s, default=0.0)
        return [now - timedelta(seconds=longest_s - after_s) for after_s in ended_s]

    def _detection(self, snapshot: Snapshot, decision: Decision) -> list[tuple[str, float]]:
        """When the first probe failed and when that became a verdict, of regions that are drained
        now because they are down."""
        leaving = {
            (plan.service, rule.region)
            for plan in decision.plans
            if plan.changes
            for rule in plan.rules
            if rule.name == "region_down" and plan.before[rule.region] > 0
        }
        required = {
            endpoint
            for endpoint, configured in snapshot.settings.endpoints()
            if configured.required and (endpoint.service, endpoint.region) in leaving
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
        """The wall-clock time of a monotonic one, for users to read."""
        return self._clock.wall() - timedelta(seconds=self._clock.monotonic() - at)


class _OpenRecord(NamedTuple):
    """A record that may still change, and its bytes as JSON."""

    record: DecisionRecord
    size: int

    @classmethod
    def of(cls, record: DecisionRecord) -> _OpenRecord:
        """The record with its size."""
        return cls(record, len(as_text(EXACT(record)).encode()))
