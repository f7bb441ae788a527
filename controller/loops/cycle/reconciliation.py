"""The reconciliation loop: the only path from what is known to what is written to AWS.

One cycle, always the same steps, one at a time:

1. observe: read the levers again where the last reading is too old or known to be stale
2. gather: put everything known into one `Snapshot`
3. decide: `planning.decision.decide`, pure
4. act: carry out the changes, and note their outcomes
5. record: store a decision that differs from the last, and call the listeners; in the background
   of the next cycle, if the disk is slow

Every wait in a cycle is bounded, whatever hangs: an emergency waits for the cycle before it, for
`cycle.min_gap_s`, and for its own cycle. Readings are awaited for `observation.READ_WAIT_S`, writes
for `pending_writes.URGENT_WAIT_S` once another cycle is requested, the disk for
`expectations._DISK_WAIT_S` and not again while it is known to hang. Each then continues in the
background. So does recording, whose queue drops the oldest cycle rather than stop the newest. A
reload holds the cycle lock only while it awaits nothing.

Every pool is held (`state_unread`) until the orders and freezes of an earlier process were read,
and what it set levers to: one of those orders may forbid a change.
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
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
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
_MIN_BACKOFF_S = 0.25
_MAX_BACKOFF_S = 10.0
_MAX_UNRECORDED = 50
"""Cycles that may wait to be recorded; of more, the oldest is dropped."""
_IDLE_S = 3600.0
_PAUSE_WITHIN_S = 5.0
"""How long a pause waits for cycles to be recorded."""


@dataclass(frozen=True, slots=True)
class CycleReport:
    """Everything that one cycle observed, decided and wrote."""

    cycle: int
    snapshot: Snapshot
    decision: Decision
    written: tuple[WriteResult, ...]
    record: DecisionRecord | None
    """None if it says nothing new or could not be stored, and always None in `latest`."""
    took_s: float
    backoff_s: float = 0.0
    """Seconds until what was not applied is tried again; 0 if all was applied."""
    ended_at: float = 0.0
    """When the outcomes were known, monotonic seconds."""


Listener = Callable[[CycleReport], None]
"""Called with the report of each cycle once it is recorded."""


class Reconciliation:
    """Runs a cycle on every wake-up and in every period; `latest` is the last one's report."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        clock: Clock,
        snapshots: SnapshotBuilder,
        actuation: Actuation,
        recording: Recording,
        wakeup: WakeUp,
        listeners: Iterable[Listener] = (),
    ) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self._snapshots = snapshots
        self._sources = snapshots.sources
        self._actuation = actuation
        self._recording = recording
        self._wakeup = wakeup
        self._listeners = tuple(listeners)
        self._cycle = 0
        self._backoff_s = _MIN_BACKOFF_S
        self._unrecorded: deque[tuple[CycleReport, UnsavedRecord | None]] = deque()
        self._recording_wakeup = WakeUp()
        """Wakes `_record_cycles`."""
        self._all_recorded = asyncio.Event()
        """Set while no cycle waits to be recorded or is being recorded."""
        self._all_recorded.set()
        self._cycle_ended = asyncio.Event()
        """Set when the cycle under way, or the next one, has ended; each cycle has its own."""
        self._cycle_lock = asyncio.Lock()
        """Held by the cycle under way, or by a caller that keeps cycles out."""
        self.latest: CycleReport | None = None

    async def run(self) -> None:
        """Reconcile until cancelled. A cycle that fails unexpectedly is logged and tried again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._record_cycles())
            await self._run_cycles()

    async def run_next(self, wait_s: float) -> bool:
        """Wake the loop; whether a cycle that had not begun yet ended within `wait_s` seconds."""
        awaited = self._cycle + 1
        try:
            async with asyncio.timeout(wait_s):
                while self.latest is None or self.latest.cycle < awaited:
                    self._wakeup.notify()
                    await self._cycle_ended.wait()
        except TimeoutError:
            return False
        return True

    @property
    def unrecorded(self) -> str | None:
        """Why decisions wait to be stored; None if none does."""
        return self._recording.waiting_reason

    async def reconcile(self) -> CycleReport:
        """Run one cycle, record it and call the listeners."""
        async with self._cycle_lock:
            return await self._record_cycle(*await self._run_cycle())

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Run the block between two cycles, when all cycles so far are recorded.

        The next cycle waits until the block ends, which must await nothing that can hang. Raises
        StateUnavailableError when cycles still wait to be recorded after `_PAUSE_WITHIN_S`.
        """
        await self._acquire_between_cycles()
        try:
            yield
        finally:
            self._cycle_lock.release()

    async def _acquire_between_cycles(self) -> None:
        """Acquire the cycle lock when no cycle waits to be recorded; it waits without the lock."""
        try:
            async with asyncio.timeout(_PAUSE_WITHIN_S):
                while True:
                    await self._all_recorded.wait()
                    await self._cycle_lock.acquire()
                    if self._all_recorded.is_set():
                        return
                    self._cycle_lock.release()
        except TimeoutError:
            count = len(self._unrecorded)
            detail = f"{counted(count, 'cycle')} could not be recorded in {_PAUSE_WITHIN_S:g} s"
            raise StateUnavailableError(detail) from None

    async def _run_cycles(self) -> None:
        while True:
            try:
                async with self._cycle_lock:
                    report, unsaved = await self._run_cycle()
                    self._queue_for_recording(report, unsaved)
            except Exception:
                _log.exception("cycle_failed", cycle=self._cycle, retry_s=self._backoff_s)
                await self._clock.sleep(self._next_backoff_s())
                continue
            await self._clock.sleep(self._active_settings.settings.cycle.min_gap_s)
            await self._wakeup.wait(self._wait_s(report))

    def _queue_for_recording(self, report: CycleReport, unsaved: UnsavedRecord | None) -> None:
        """Let `_record_cycles` record it."""
        self._unrecorded.append((report, unsaved))
        if len(self._unrecorded) > _MAX_UNRECORDED:
            lost, _ = self._unrecorded.popleft()
            _log.error("cycle_not_recorded", cycle=lost.cycle, waiting=_MAX_UNRECORDED)
        self._all_recorded.clear()
        self._recording_wakeup.notify()

    async def _record_cycles(self) -> None:
        """Record cycles in their order, beside the next ones, which need not wait for the disk."""
        while True:
            while self._unrecorded:
                report, unsaved = self._unrecorded.popleft()
                try:
                    await self._record_cycle(report, unsaved)
                except Exception:
                    _log.exception("recording_failed", cycle=report.cycle)
            self._all_recorded.set()
            await self._recording_wakeup.wait(_IDLE_S)

    async def _run_cycle(self) -> tuple[CycleReport, UnsavedRecord | None]:
        self._cycle += 1
        started = self._clock.monotonic()
        with structlog.contextvars.bound_contextvars(cycle=self._cycle):
            max_age_s = self._active_settings.settings.cycle.observed_max_age_s
            await self._sources.observation.refresh(max_age_s)
            self._sources.observation.learn_weights(self._sources.expectations.all.__contains__)
            snapshot = self._snapshots.build(self._sources.overrides.active())
            decision = decide(snapshot)
            written = await self._actuation.carry_out(decision)
            unsaved = self._new_record(snapshot, decision, written)
            await self._update_memory(snapshot, decision, written)
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
        self._cycle_ended.set()
        self._cycle_ended = asyncio.Event()
        return self.latest, unsaved

    def _new_record(
        self, snapshot: Snapshot, decision: Decision, written: tuple[WriteResult, ...]
    ) -> UnsavedRecord | None:
        """The decision's record; None, too, where a mistake of this program prevents it: the cycle
        goes on without a record."""
        try:
            return self._recording.new_record(self._cycle, snapshot, decision, written)
        except Exception:
            _log.exception("record_not_drafted")
            return None

    async def _record_cycle(
        self, report: CycleReport, unsaved: UnsavedRecord | None
    ) -> CycleReport:
        with structlog.contextvars.bound_contextvars(cycle=report.cycle):
            record = await self._recording.save(unsaved)
            report = replace(report, record=record)
            with structlog.contextvars.bound_contextvars(
                **({"decision_id": record.id} if record else {})
            ):
                self._notify_listeners(report)
        return report

    async def _update_memory(
        self, snapshot: Snapshot, decision: Decision, written: tuple[WriteResult, ...]
    ) -> None:
        """Keep what the next cycle needs: memory, expectations, and whether probes are believed."""
        was_isolated = snapshot.memory.isolated_since is not None
        if was_isolated and decision.memory.isolated_since is None:
            self._sources.probing.reset()
        self._snapshots.memory = after_cycle(decision, written, snapshot.now)
        if not snapshot.unread:
            seen = accepted_states(snapshot, decision, applied_positions(written))
            await self._sources.expectations.accept_observed(seen)

    def _wait_s(self, report: CycleReport) -> float:
        """Seconds until the next cycle without a wake-up; 0 after writes, which are read back."""
        if report.backoff_s > 0:
            return report.backoff_s
        if report.written:
            return 0.0
        due = self._active_settings.settings.cycle.period_s
        if report.decision.wake_at is not None:
            due = min(due, report.decision.wake_at - self._clock.monotonic())
        return max(0.0, due)

    def _backoff_after(self, written: Iterable[WriteResult]) -> float:
        if any(w.outcome.status is not OutcomeStatus.APPLIED for w in written):
            return self._next_backoff_s()
        self._backoff_s = _MIN_BACKOFF_S
        return 0.0

    def _next_backoff_s(self) -> float:
        """Seconds to wait after a failure: exponential back-off, 0.25, 0.5, 1 … 10 s."""
        backoff_s = self._backoff_s
        self._backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)
        return backoff_s

    def _notify_listeners(self, report: CycleReport) -> None:
        for listener in self._listeners:
            listener(report)
