"""The loop: the only road from what is known to what AWS is told.

One cycle, always the same steps, one at a time:

1. observe: read the levers again where the last reading is too old or known to be stale
2. gather: put everything known into one `Snapshot`
3. decide: `planning.decision.decide`, pure
4. act: carry out the changes and learn their outcomes
5. record: keep what changed, and tell the listeners
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from controller.loops.actuation import Actuation
from controller.loops.expectations import Expectations
from controller.loops.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing import Probing
from controller.loops.recording import Recording
from controller.loops.wake import Bell
from controller.model.configuration import Settings
from controller.model.decision import Decision, DecisionRecord, Memory, Snapshot, Written
from controller.model.levers import OutcomeStatus
from controller.model.overrides import Override
from controller.planning.decision import decide
from controller.planning.memory import after_writing
from controller.ports import Clock

_log = structlog.get_logger("reconciliation")
_FIRST_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 10.0


@dataclass(frozen=True, slots=True)
class CycleReport:
    """Everything one cycle saw and did."""

    cycle: int
    snapshot: Snapshot
    decision: Decision
    written: tuple[Written, ...]
    record: DecisionRecord | None
    took_s: float


Listener = Callable[[CycleReport], None]


class Reconciliation:
    """Runs cycles when the bell rings and every period; `latest` is what the last one found."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        probing: Probing,
        observation: Observation,
        overrides: Overrides,
        expectations: Expectations,
        actuation: Actuation,
        recording: Recording,
        bell: Bell,
        listeners: Iterable[Listener] = (),
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._probing = probing
        self._observation = observation
        self._overrides = overrides
        self._expectations = expectations
        self._actuation = actuation
        self._recording = recording
        self._bell = bell
        self._listeners = tuple(listeners)
        self._memory = Memory()
        self._started_at = clock.monotonic()
        self._cycle = 0
        self._backoff_s = _FIRST_BACKOFF_S
        self.latest: CycleReport | None = None

    async def run(self) -> None:
        """Reconcile until cancelled. A cycle that fails unexpectedly is logged and tried again."""
        while True:
            try:
                report = await self.reconcile()
            except Exception:
                _log.exception("cycle_failed", cycle=self._cycle, retry_s=self._backoff_s)
                await self._clock.sleep(self._next_backoff_s())
                continue
            await self._clock.sleep(self._settings.cycle.min_gap_s)
            await self._bell.wait(self._pause_s(report))

    async def reconcile(self) -> CycleReport:
        """One cycle."""
        self._cycle += 1
        started = self._clock.monotonic()
        with structlog.contextvars.bound_contextvars(cycle=self._cycle):
            await self._observation.refresh(self._settings.cycle.observed_max_age_s)
            snapshot = self._gather()
            decision = decide(snapshot)
            written = await self._actuation.carry_out(decision)
            await self._learn(snapshot, decision, written)
            record = await self._recording.keep(self._cycle, snapshot, decision, written)
            report = CycleReport(
                self._cycle, snapshot, decision, written, record, self._clock.monotonic() - started
            )
            self.latest = report
            self._tell(report)
        return report

    def preview(self, extra: Iterable[Override] = ()) -> Decision:
        """What would be decided now if these overrides were set. Writes nothing."""
        snapshot, added = self._gather(), tuple(extra)
        places = {override.place for override in added}
        kept = tuple(o for o in snapshot.overrides if o.place not in places)
        snapshot = replace(snapshot, overrides=(*kept, *added))
        return decide(snapshot)

    def _gather(self) -> Snapshot:
        return Snapshot(
            now=self._clock.monotonic(),
            started_at=self._started_at,
            settings=self._settings,
            health={self._settings.vantage.name: self._probing.health},
            canaries=self._probing.canaries,
            observed=self._observation.observed(),
            expected=self._expectations.all,
            overrides=self._overrides.active(),
            memory=self._memory,
        )

    async def _learn(
        self, snapshot: Snapshot, decision: Decision, written: tuple[Written, ...]
    ) -> None:
        """Carry over to the next cycle what this one found out."""
        was_isolated = snapshot.memory.isolated_since is not None
        if was_isolated and decision.memory.isolated_since is None:
            self._probing.forget()
        self._memory = decision.memory
        sent = [w for w in written if w.outcome.status is not OutcomeStatus.REFUSED]
        if sent:
            positions = {change.position for w in sent for change in w.changes}
            plans = [p for p in decision.plans if any(c.position in positions for c in p.changes)]
            self._memory = after_writing(self._memory, plans, snapshot.now)
        await self._adopt(snapshot, decision)

    async def _adopt(self, snapshot: Snapshot, decision: Decision) -> None:
        """Accept somebody else's change once its hold is over, if our plan agrees with it."""
        hold_s = self._settings.guards.drift.hold_s
        open_pools = {(p.service, p.pool) for p in decision.plans if p.changes or p.withheld}
        await self._expectations.adopt(
            {
                position: snapshot.observed[position.service].settings[position]
                for position in decision.drift
                if (position.service, position.pool) not in open_pools
                if snapshot.now - decision.memory.drift_since[position] >= hold_s
            }
        )

    def _pause_s(self, report: CycleReport) -> float:
        """Seconds until the next cycle unless the bell rings. What was written is read back."""
        if any(w.outcome.status is not OutcomeStatus.APPLIED for w in report.written):
            return self._next_backoff_s()
        self._backoff_s = _FIRST_BACKOFF_S
        if report.written:
            return 0.0
        due = self._settings.cycle.period_s
        if report.decision.wake_at is not None:
            due = min(due, report.decision.wake_at - self._clock.monotonic())
        return max(0.0, due)

    def _next_backoff_s(self) -> float:
        """How long to wait after a failure; twice as long after each further one in a row."""
        backoff_s = self._backoff_s
        self._backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
        return backoff_s

    def _tell(self, report: CycleReport) -> None:
        for listener in self._listeners:
            listener(report)
