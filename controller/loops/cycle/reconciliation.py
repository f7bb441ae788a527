"""The loop: the only road from what is known to what AWS is told.

One cycle, always the same steps, one at a time:

1. observe: read the levers again where the last reading is too old or known to be stale
2. gather: put everything known into one `Snapshot`
3. decide: `planning.decision.decide`, pure
4. act: carry out the changes and learn their outcomes
5. record: keep what changed, and tell the listeners; behind the next cycle, if the disk is slow

Nothing that a cycle awaits may take long, whatever hangs: an emergency waits for the cycle before
it, for `cycle.min_gap_s`, and for its own. Readings are awaited for `observation.PATIENCE_S`,
writes for `pending_writes.HASTE_S` once the bell has rung, the disk for `expectations._MOMENT_S`
and not again while it is known to hang; each then goes on behind. So does recording, whose queue
drops the oldest cycle rather than stop the newest. A reload takes the turn for what awaits nothing.

Until the orders and freezes of an earlier process were read, and what it set levers to, every pool
is held (`state_unread`): one of those orders may forbid what would be done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.recording import Recording
from controller.loops.cycle.snapshot_builder import SnapshotBuilder, Sources
from controller.loops.cycle.unsaved_records import UnsavedRecord
from controller.loops.levers.actuation import Actuation
from controller.loops.wakeup import WakeUp
from controller.model.decision import Decision, DecisionRecord, Snapshot, WriteResult
from controller.model.errors import StateUnavailableError
from controller.model.levers import OutcomeStatus
from controller.model.plural import counted
from controller.planning.decision import decide
from controller.planning.drift import accepted_states
from controller.planning.memory import after_cycle
from controller.planning.write_results import applied_positions
from controller.ports import Clock

_log = structlog.get_logger("reconciliation")
_FIRST_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 10.0
_UNRECORDED = 50
"""Cycles that may wait to be recorded and told; of more, the oldest is dropped."""
_IDLE_S = 3600.0
_PAUSE_WITHIN_S = 5.0
"""How long a pause waits for cycles to be recorded and told."""


@dataclass(frozen=True, slots=True)
class CycleReport:
    """Everything one cycle saw and did."""

    cycle: int
    snapshot: Snapshot
    decision: Decision
    written: tuple[WriteResult, ...]
    record: DecisionRecord | None
    """None if it was not worth keeping or could not be kept, and in `latest`."""
    took_s: float
    backoff_s: float = 0.0
    """Seconds until what was not applied is tried again; 0 when all was."""
    ended_at: float = 0.0
    """Monotonic seconds; when the outcomes were known."""


Listener = Callable[[CycleReport], None]


class Reconciliation:
    """Runs cycles when the bell rings and every period; `latest` is what the last one found."""

    def __init__(
        self,
        current: ActiveSettings,
        clock: Clock,
        sources: Sources,
        snapshots: SnapshotBuilder,
        actuation: Actuation,
        recording: Recording,
        bell: WakeUp,
        listeners: Iterable[Listener] = (),
    ) -> None:
        self._current = current
        self._clock = clock
        self._sources = sources
        self._snapshots = snapshots
        self._actuation = actuation
        self._recording = recording
        self._bell = bell
        self._listeners = tuple(listeners)
        self._cycle = 0
        self._backoff_s = _FIRST_BACKOFF_S
        self._unrecorded: deque[tuple[CycleReport, UnsavedRecord | None]] = deque()
        self._acted = WakeUp()
        """Rings when there is something to record."""
        self._recorded = asyncio.Event()
        """Set while there is nothing to record, nor being recorded."""
        self._recorded.set()
        self._turn = asyncio.Lock()
        """Held by the cycle under way, or by whoever needs that none is."""
        self.latest: CycleReport | None = None

    async def run(self) -> None:
        """Reconcile until cancelled. A cycle that fails unexpectedly is logged and tried again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._record())
            await self._go_on()

    @property
    def unrecorded(self) -> str | None:
        """Why decisions are not on record yet, if the disk keeps them waiting."""
        return self._recording.hindered

    async def reconcile(self) -> CycleReport:
        """One cycle, recorded and told."""
        async with self._turn:
            return await self._finish(*await self._act())

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Between two cycles, all of them recorded and told; the next waits until the block ends.

        The block must await nothing that can hang. Raises StateUnavailableError when cycles still
        wait to be recorded after `_PAUSE_WITHIN_S`.
        """
        await self._take_turn()
        try:
            yield
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        """Take the turn at a moment when nothing waits to be recorded. Waits without the turn."""
        try:
            async with asyncio.timeout(_PAUSE_WITHIN_S):
                while True:
                    await self._recorded.wait()
                    await self._turn.acquire()
                    if self._recorded.is_set():
                        return
                    self._turn.release()
        except TimeoutError:
            count = len(self._unrecorded)
            detail = f"{counted(count, 'cycle')} could not be recorded in {_PAUSE_WITHIN_S:g} s"
            raise StateUnavailableError(detail) from None

    async def _go_on(self) -> None:
        while True:
            try:
                async with self._turn:
                    report, draft = await self._act()
                    self._hand_over(report, draft)
            except Exception:
                _log.exception("cycle_failed", cycle=self._cycle, retry_s=self._backoff_s)
                await self._clock.sleep(self._next_backoff_s())
                continue
            await self._clock.sleep(self._current.settings.cycle.min_gap_s)
            await self._bell.wait(self._pause_s(report))

    def _hand_over(self, report: CycleReport, draft: UnsavedRecord | None) -> None:
        """Have it recorded and told, behind."""
        self._unrecorded.append((report, draft))
        if len(self._unrecorded) > _UNRECORDED:
            lost, _ = self._unrecorded.popleft()
            _log.error("cycle_not_recorded", cycle=lost.cycle, waiting=_UNRECORDED)
        self._recorded.clear()
        self._acted.ring()

    async def _record(self) -> None:
        """Record and tell cycles in their order, so that the next need not wait for the disk."""
        while True:
            while self._unrecorded:
                report, draft = self._unrecorded.popleft()
                try:
                    await self._finish(report, draft)
                except Exception:
                    _log.exception("recording_failed", cycle=report.cycle)
            self._recorded.set()
            await self._acted.wait(_IDLE_S)

    async def _act(self) -> tuple[CycleReport, UnsavedRecord | None]:
        self._cycle += 1
        started = self._clock.monotonic()
        with structlog.contextvars.bound_contextvars(cycle=self._cycle):
            max_age_s = self._current.settings.cycle.observed_max_age_s
            await self._sources.observation.refresh(max_age_s)
            snapshot = self._snapshots.build()
            decision = decide(snapshot)
            written = await self._actuation.carry_out(decision)
            draft = self._draft(snapshot, decision, written)
            await self._learn(snapshot, decision, written)
        ended_at = self._clock.monotonic()
        self.latest = CycleReport(
            self._cycle,
            snapshot,
            decision,
            written,
            record=None,
            took_s=ended_at - started,
            backoff_s=self._backoff_after(written),
            ended_at=ended_at,
        )
        return self.latest, draft

    def _draft(
        self, snapshot: Snapshot, decision: Decision, written: tuple[WriteResult, ...]
    ) -> UnsavedRecord | None:
        """Its record; a mistake of ours in it keeps nothing from being remembered and told."""
        try:
            return self._recording.draft(self._cycle, snapshot, decision, written)
        except Exception:
            _log.exception("record_not_drafted")
            return None

    async def _finish(self, report: CycleReport, draft: UnsavedRecord | None) -> CycleReport:
        with structlog.contextvars.bound_contextvars(cycle=report.cycle):
            record = await self._recording.keep(draft)
            report = replace(report, record=record)
            with structlog.contextvars.bound_contextvars(
                **({"decision_id": record.id} if record else {})
            ):
                self._tell(report)
        return report

    async def _learn(
        self, snapshot: Snapshot, decision: Decision, written: tuple[WriteResult, ...]
    ) -> None:
        """Carry over to the next cycle what this one found out."""
        was_isolated = snapshot.memory.isolated_since is not None
        if was_isolated and decision.memory.isolated_since is None:
            self._sources.probing.forget()
        self._snapshots.memory = after_cycle(decision, written, snapshot.now)
        if not snapshot.unread:
            seen = accepted_states(snapshot, decision, applied_positions(written))
            await self._sources.expectations.adopt(seen)

    def _pause_s(self, report: CycleReport) -> float:
        """Seconds until the next cycle unless the bell rings. What was written is read back."""
        if report.backoff_s > 0:
            return report.backoff_s
        if report.written:
            return 0.0
        due = self._current.settings.cycle.period_s
        if report.decision.wake_at is not None:
            due = min(due, report.decision.wake_at - self._clock.monotonic())
        return max(0.0, due)

    def _backoff_after(self, written: Iterable[WriteResult]) -> float:
        if any(w.outcome.status is not OutcomeStatus.APPLIED for w in written):
            return self._next_backoff_s()
        self._backoff_s = _FIRST_BACKOFF_S
        return 0.0

    def _next_backoff_s(self) -> float:
        """How long to wait after a failure; twice as long after each further one in a row."""
        backoff_s = self._backoff_s
        self._backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
        return backoff_s

    def _tell(self, report: CycleReport) -> None:
        for listener in self._listeners:
            listener(report)
