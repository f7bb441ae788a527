"""Carries out a plan in its order and reports what became of each write.

Each lever says in which requests its changes go (`planning.levers`): Route 53 in one atomic batch
for each hosted zone, Global Accelerator one group at a time, groups that open before groups that
close. A request that AWS refuses is tried anew in the parts that can be told apart, so that one bad
record hinders its own pool alone. What was refused goes apart and last in later cycles, too, until
it is applied: a cycle need not have had the time for more than its first request. After one that is
throttled the rest waits for the next cycle where the lever says so. Zones and accelerators are
written at the same time: one that hangs delays no other's drain, nor the next cycle
(`loops.pending_writes`). What is about to be written is remembered first, so that after a crash our
own write is not taken for drift.
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
from controller.loops.levers.pending_writes import PendingWrites, Sends, WriteSeries
from controller.loops.levers.write_guard import WriteGuard
from controller.loops.wakeup import WakeUp
from controller.model.decision import Decision, PoolName, WriteResult
from controller.model.levers import Change, Outcome, OutcomeStatus, Position
from controller.planning.levers.registry import LEVERS, AnyLever, lever_of
from controller.planning.levers.write_steps import WritesByChange, WriteStep
from controller.ports import Clock

_log = structlog.get_logger("actuation")
_Unit = PoolName | Position
"""What can be refused apart from the rest of its target: a pool, or one region of it where each
part of a change is a request by itself."""


class Actuation:
    """Writes decisions to AWS; nothing else does."""

    def __init__(
        self,
        current: ActiveSettings,
        observation: Observation,
        ports: LeverPorts,
        expectations: Expectations,
        clock: Clock,
        bell: WakeUp,
    ) -> None:
        """`bell` rings when a cycle is wanted, and is rung for outcomes that come late."""
        self._current = current
        self._observation = observation
        self._ports = ports
        self._expectations = expectations
        self._clock = clock
        self._settled_at: dict[Position, float] = {}
        """When each position was last known, or feared, to have been written."""
        self._refused_at: dict[_Unit, float] = {}
        """What was refused, and when last, until it is applied."""
        self._pending = PendingWrites(clock, bell, self._heard, expectations.settle)
        self._veto = WriteGuard(current, observation)

    async def carry_out(self, decision: Decision) -> tuple[WriteResult, ...]:
        """Write every change of the decision that can be sent now.

        That is none to a zone or accelerator which is being written to, nor of a position that was
        written and is being read for the first time since: the decision rests on the reading before
        that, and would send the same again; nor of the rest of its pool if that alone would leave
        no region open. Targets fail apart from each other. Outcomes that an earlier cycle did not
        wait for are among those returned.
        """
        allowed, written = self._veto.on(decision.changes)
        ready = [change for change in allowed if self._is_ready(change)]
        if len(ready) < len(allowed):
            ready = self._veto.without_emptying(ready)
        series = self._series(decision, ready)
        await self._expectations.intend(change for one in series for change in one.changes)
        written += await self._pending.carry_out(series)
        self._veto.end_cycle()
        return tuple(written)

    async def end(self) -> None:
        """Give up every write under way."""
        await self._pending.end()

    def _series(self, decision: Decision, allowed: Iterable[Change]) -> list[WriteSeries]:
        """The writes that these changes take."""
        urgent = {(plan.service, plan.pool) for plan in decision.plans if plan.emergency}
        found = []
        for (lever, target), changes in self._by_target(allowed).items():
            steps = self._steps(lever, self._parts(lever, changes), urgent)
            if lever.is_atomic:
                _tell_split(steps)
            sends = self._sends(lever, target, steps, emergency=decision.emergency)
            found.append(WriteSeries(lever.kind, target, _in_parts(changes, steps), sends))
        return found

    def _is_ready(self, change: Change) -> bool:
        service = self._current.settings.services[change.position.service]
        target = lever_of(service).target(service)
        settled_at = self._settled_at.get(change.position, float("-inf"))
        return not (
            self._pending.is_busy(target) or self._observation.is_behind(target, settled_at)
        )

    def _by_target(self, changes: Iterable[Change]) -> dict[tuple[AnyLever, str], list[Change]]:
        """Zone or accelerator to its changes; one kind of lever after the other."""
        found: dict[tuple[AnyLever, str], list[Change]] = {}
        for change in changes:
            service = self._current.settings.services[change.position.service]
            lever = lever_of(service)
            found.setdefault((lever, lever.target(service)), []).append(change)
        return dict(sorted(found.items(), key=lambda one: LEVERS.index(one[0][0])))

    def _parts(self, lever: AnyLever, changes: Iterable[Change]) -> WritesByChange[Any]:
        """The changes with what each writes, by what was last read; those that write something."""
        services = dict.fromkeys(change.position.service for change in changes)
        known = {name: self._observation.resources(name) for name in services}
        found = {
            change: lever.parts(change, known[change.position.service][change.position])
            for change in changes
        }
        return {change: writes for change, writes in found.items() if writes}

    async def _sends(
        self, lever: AnyLever, target: str, steps: Iterable[WriteStep[Any]], *, emergency: bool
    ) -> Sends:
        """Step after step; a refused one is followed by those that it can be taken apart into."""
        applied: list[Any] = []
        is_throttled = False
        left = deque(steps)
        while left:
            step = left.popleft()
            vetoed = self._veto.on_step(lever, step, applied)
            if vetoed is not None:
                yield vetoed
                continue
            if is_throttled and lever.after_throttling is not None:
                refused = OutcomeStatus.REFUSED
                outcome = Outcome(refused, lever.after_throttling, throttled=True)
            else:
                port = self._ports[lever.kind]
                outcome = await port.send(target, step.writes, emergency=emergency)
                self._note_refusal(lever, step, outcome)
            yield WriteResult(lever.kind, target, tuple(step.parts), outcome)
            is_throttled = is_throttled or outcome.throttled
            if outcome.status is OutcomeStatus.APPLIED:
                applied += step.writes
            elif _is_refused(outcome):
                left.extendleft(reversed(lever.apart(step)))

    def _steps(
        self, lever: AnyLever, parts: WritesByChange[Any], urgent: Collection[PoolName]
    ) -> list[WriteStep[Any]]:
        """The requests; what was refused goes apart, last, the longest ago first."""
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
        for unit in {_unit(lever, change) for change in step.parts}:
            if outcome.status is OutcomeStatus.APPLIED:
                self._refused_at.pop(unit, None)
            elif _is_refused(outcome):
                self._refused_at[unit] = self._clock.monotonic()

    def _heard(self, written: WriteResult) -> None:
        """Whatever was answered, the next cycle reads again instead of believing it."""
        self._observation.invalidate(written.target)
        now = self._clock.monotonic()
        self._settled_at.update((change.position, now) for change in written.changes)


def _is_refused(outcome: Outcome) -> bool:
    """Whether AWS said no to what was asked, and not only to asking now."""
    return outcome.status is OutcomeStatus.REFUSED and not outcome.throttled


def _unit(lever: AnyLever, change: Change) -> _Unit:
    position = change.position
    return (position.service, position.pool) if lever.is_atomic else position


def _in_parts(changes: Iterable[Change], steps: Collection[WriteStep[Any]]) -> tuple[Change, ...]:
    """Each change as often as it has parts that are written apart, and once at least."""
    times = Counter(change for step in steps for change in step.parts)
    return tuple(change for change in changes for _ in range(max(1, times[change])))


def _tell_split(steps: Iterable[WriteStep[Any]]) -> None:
    """Say which pools are changed in several steps, seen by users in between."""
    parts = Counter[PoolName](step.part_of for step in steps if step.part_of is not None)
    for (service, pool), count in parts.items():
        _log.warning("pool_in_several_batches", service=service, pool=pool, batches=count)
