"""Writes a decision to AWS, and reports the outcome of each write.

The lever decides how changes are split into requests (`planning.levers`): Route 53 takes one atomic
batch for each hosted zone, Global Accelerator one endpoint group at a time, groups that open before
groups that close. A request that AWS refuses is split further and sent again in parts, so that one
bad record blocks its own pool only. What was refused is sent apart and last in later cycles, too,
until it is applied, because a cycle may have time for its first request only. After a throttled
request the rest waits for the next cycle where the lever says so.

Zones and accelerators are written at the same time: one that hangs delays no other's drain, nor the
next cycle (`loops.levers.pending_writes`). The intent is stored first, so that after a crash the
next process does not take our own write for drift.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable
from typing import Any

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.lever_ports import LeverPorts
from controller.loops.levers.observation import Observation
from controller.loops.levers.pending_writes import PendingWrites, StepResults, WriteSeries
from controller.loops.levers.write_guard import WriteGuard
from controller.loops.wakeup import WakeUp
from controller.model.decision import Decision, PoolName, WriteResult
from controller.model.levers import Change, Outcome, OutcomeStatus, Position
from controller.planning.levers.lever import NO_WEIGHTS
from controller.planning.levers.registry import LEVERS, AnyLever, lever_of
from controller.planning.levers.write_steps import WritesByChange, WriteStep
from controller.ports import Clock, TimerHandle

_log = structlog.get_logger("actuation")
_Unit = PoolName | Position
"""What AWS can refuse separately: a pool, or one region of it where the lever sends each part of a
change in its own request."""


class Actuation:
    """The only part that writes to AWS."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        observation: Observation,
        ports: LeverPorts,
        expectations: Expectations,
        clock: Clock,
        wakeup: WakeUp,
    ) -> None:
        """`wakeup`: the reconciler's; notified of outcomes that come late."""
        self._active_settings = active_settings
        self._observation = observation
        self._ports = ports
        self._expectations = expectations
        self._clock = clock
        self._refused_at: dict[_Unit, float] = {}
        """When each unit was last refused; removed once it is applied."""
        self._wakeup = wakeup
        self._waking: tuple[float, TimerHandle] | None = None
        """When the reconciler is woken for a change that waits for a reading, and the timer."""
        self._pending = PendingWrites(clock, wakeup, self._on_result, expectations.record_results)
        self._write_guard = WriteGuard(active_settings, observation)

    async def carry_out(self, decision: Decision) -> tuple[WriteResult, ...]:
        """Write every change of the decision that can be sent now.

        These changes wait for a later cycle:
        - to a zone or accelerator that is still being written;
        - of a position whose last write was refused, or may have been applied, until it is read
          (`Observation.unread_until`): the decision rests on the reading before;
        - the rest of such a pool, if it alone would leave no region open.

        One target's failure does not affect another. Late outcomes of earlier cycles are returned,
        too.
        """
        allowed, written = self._write_guard.check(decision.changes)
        ready = [change for change in allowed if self._can_be_sent(change)]
        if len(ready) < len(allowed):
            ready = self._write_guard.without_emptying_pools(ready)
        series = self._series(decision, ready)
        await self._expectations.record_intent(c for writes in series for c in writes.changes)
        written += await self._pending.carry_out(series)
        self._write_guard.end_cycle()
        return tuple(written)

    async def end(self) -> None:
        """Cancel every write under way."""
        if self._waking is not None:
            self._waking[1].cancel()
        await self._pending.end()

    def forget_refusals(self) -> None:
        """Forget what was refused under earlier settings: its records may be others now."""
        self._refused_at.clear()

    def _series(self, decision: Decision, allowed: Iterable[Change]) -> list[WriteSeries]:
        """One series of writes for each target of these changes."""
        urgent = {(plan.service, plan.pool) for plan in decision.plans if plan.emergency}
        found = []
        for (lever, target), changes in self._by_target(allowed).items():
            steps = self._steps(lever, self._parts(lever, changes), urgent)
            if lever.is_atomic:
                _log_split(steps)
            step_results = self._send_steps(lever, target, steps, emergency=decision.emergency)
            found.append(WriteSeries(lever.kind, target, _in_parts(changes, steps), step_results))
        return found

    def _can_be_sent(self, change: Change) -> bool:
        service = self._active_settings.settings.services[change.position.service]
        lever = lever_of(service)
        target = lever.target(service)
        if self._pending.is_busy(target):
            return False
        writes = self._parts(lever, [change]).get(change, ())
        until = self._observation.unread_until(lever, target, writes)
        if until is not None:
            self._wake_by(until)
        return until is None

    def _wake_by(self, at: float) -> None:
        """Request a cycle at this time, or earlier."""
        if self._waking is not None:
            if self._clock.monotonic() < self._waking[0] <= at:
                return
            self._waking[1].cancel()
        self._waking = at, self._clock.call_at(at, self._wakeup.notify)

    def _by_target(self, changes: Iterable[Change]) -> dict[tuple[AnyLever, str], list[Change]]:
        """Lever and target to the changes there, in the order of `LEVERS`."""
        found: dict[tuple[AnyLever, str], list[Change]] = {}
        for change in changes:
            service = self._active_settings.settings.services[change.position.service]
            lever = lever_of(service)
            found.setdefault((lever, lever.target(service)), []).append(change)
        return dict(sorted(found.items(), key=lambda item: LEVERS.index(item[0][0])))

    def _parts(self, lever: AnyLever, changes: Iterable[Change]) -> WritesByChange[Any]:
        """Each change and its writes against the last reading; changes without any are left out."""
        services = dict.fromkeys(change.position.service for change in changes)
        known = {name: self._observation.resources(name) for name in services}
        weights = {name: self._observation.open_weights(name) for name in services}
        found = {
            change: lever.writes(
                change,
                known[change.position.service][change.position],
                weights[change.position.service].get(change.position, NO_WEIGHTS),
            )
            for change in changes
        }
        return {change: writes for change, writes in found.items() if writes}

    async def _send_steps(
        self, lever: AnyLever, target: str, steps: Iterable[WriteStep[Any]], *, emergency: bool
    ) -> StepResults:
        """Send one step after the other, and yield each result; a refused step is replaced by its
        parts, which come next."""
        applied: list[Any] = []
        is_throttled = False
        left = deque(steps)
        while left:
            step = left.popleft()
            refusal = self._write_guard.check_step(lever, step, applied)
            if refusal is not None:
                yield refusal
                continue
            if is_throttled and lever.throttled_text is not None:
                refused = OutcomeStatus.REFUSED
                outcome = Outcome(refused, lever.throttled_text, throttled=True)
            else:
                outcome = await self._send(lever, target, step, emergency=emergency)
                self._note_refusal(lever, step, outcome)
            yield WriteResult(lever.kind, target, tuple(step.writes_by_change), outcome)
            is_throttled = is_throttled or outcome.throttled
            if outcome.status is OutcomeStatus.APPLIED:
                applied += step.writes
            elif _is_refused(outcome):
                left.extendleft(reversed(lever.split_step(step)))

    async def _send(
        self, lever: AnyLever, target: str, step: WriteStep[Any], *, emergency: bool
    ) -> Outcome:
        """Send one step, and have its outcome observed: unknown where a mistake of ours ends it."""
        outcome = Outcome(OutcomeStatus.UNKNOWN)
        try:
            outcome = await self._ports[lever.kind].change(target, step.writes, emergency=emergency)
        finally:
            self._observation.note_outcome(lever, target, step, outcome)
        return outcome

    def _steps(
        self, lever: AnyLever, parts: WritesByChange[Any], urgent: Collection[PoolName]
    ) -> list[WriteStep[Any]]:
        """The requests; what was refused before comes last, apart, the longest ago first."""
        rest = dict[Change, Any]()
        apart: defaultdict[_Unit, dict[Change, Any]] = defaultdict(dict)
        for change, writes in parts.items():
            unit = _unit(lever, change)
            (apart[unit] if unit in self._refused_at else rest)[change] = writes
        steps = lever.steps(rest, urgent)
        for unit in sorted(apart, key=self._refused_at.__getitem__):
            steps += lever.steps(apart[unit], urgent)
        return steps

    def _note_refusal(self, lever: AnyLever, step: WriteStep[Any], outcome: Outcome) -> None:
        for unit in {_unit(lever, change) for change in step.writes_by_change}:
            if outcome.status is OutcomeStatus.APPLIED:
                self._refused_at.pop(unit, None)
            elif _is_refused(outcome):
                self._refused_at[unit] = self._clock.monotonic()

    def _on_result(self, written: WriteResult) -> None:
        """Have the next cycle read the target again, whatever AWS answered, or if it does not."""
        self._observation.invalidate(written.target)


def _is_refused(outcome: Outcome) -> bool:
    """Whether AWS refused the request itself, and not only its rate."""
    return outcome.status is OutcomeStatus.REFUSED and not outcome.throttled


def _unit(lever: AnyLever, change: Change) -> _Unit:
    position = change.position
    return (position.service, position.pool) if lever.is_atomic else position


def _in_parts(changes: Iterable[Change], steps: Collection[WriteStep[Any]]) -> tuple[Change, ...]:
    """Each change as often as steps write a part of it, at least once."""
    times = Counter(change for step in steps for change in step.writes_by_change)
    return tuple(change for change in changes for _ in range(max(1, times[change])))


def _log_split(steps: Iterable[WriteStep[Any]]) -> None:
    """Warn of pools that change in several steps: users see the states in between."""
    parts = Counter[PoolName](step.split_pool for step in steps if step.split_pool is not None)
    for (service, pool), count in parts.items():
        _log.warning("pool_in_several_batches", service=service, pool=pool, batches=count)
