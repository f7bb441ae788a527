"""Writes to AWS that are under way, at most one series to each hosted zone or accelerator.

A cycle waits for the writes that it begins. When another cycle is requested meanwhile, such as for
a region that fails, it waits `URGENT_WAIT_S` in all. What AWS has not answered by then is reported
as unknown and continues in the background. No further step of that series is sent, because its
decision is old by then. Its zone or accelerator gets no other write until AWS answers or the
adapter times out; that outcome wakes the reconciler, and the next cycle reports it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from controller.loops.wakeup import WakeUp
from controller.model.decision import WriteResult
from controller.model.levers import Change, Outcome, OutcomeStatus
from controller.planning.write_results import status_by_change
from controller.ports import Clock

_log = structlog.get_logger("writes")
URGENT_WAIT_S = 0.7
"""How long a cycle waits for its writes once another is requested. With the gap between two cycles
that leaves time to drain another region within a second."""
_MAX_WAIT_S = 10.0
"""How long a cycle waits for its writes otherwise."""

StepResults = AsyncGenerator[WriteResult, None]
"""Sends one step when asked for the next result, and yields it."""


@dataclass(eq=False, slots=True)
class WriteSeries:
    """The writes of one decision to one zone or accelerator."""

    lever: str
    target: str
    changes: tuple[Change, ...]
    """Each as often as steps write a part of it."""
    step_results: StepResults
    answered: list[WriteResult] = field(default_factory=list)
    is_late: bool = False
    """Whether the cycle that began it ended without waiting for it further."""
    is_answered: bool = False
    """Whether all steps were sent and answered; expectations may still be saved."""

    @property
    def unanswered(self) -> tuple[Change, ...]:
        """Changes that AWS has not applied yet in all their parts."""
        results = self.results
        applied = OutcomeStatus.APPLIED
        return tuple(c for c in dict.fromkeys(self.changes) if results.get(c) is not applied)

    @property
    def results(self) -> dict[Change, OutcomeStatus]:
        """The status of each change whose every part was answered."""
        parts = Counter(self.changes)
        answered = Counter(change for result in self.answered for change in result.changes)
        found = status_by_change(self.answered)
        return {c: status for c, status in found.items() if answered[c] >= parts[c]}


class PendingWrites:
    """Starts series of writes, waits for them within bounds, keeps outcomes that come late.

    At most one series for each target.
    """

    def __init__(
        self,
        clock: Clock,
        wakeup: WakeUp,
        on_result: Callable[[WriteResult], None],
        on_series_end: Callable[[Mapping[Change, OutcomeStatus]], Awaitable[None]],
    ) -> None:
        """`wakeup`: the reconciler's. `on_result` is called with each result at once, and
        `on_series_end` awaited with the results of a series when it ends."""
        self._clock = clock
        self._wakeup = wakeup
        self._on_result = on_result
        self._on_series_end = on_series_end
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._late: list[WriteResult] = []

    def is_busy(self, target: str) -> bool:
        """Whether a series to this zone or accelerator is under way."""
        return target in self._tasks

    async def carry_out(self, begun: Iterable[WriteSeries]) -> list[WriteResult]:
        """The results of these series, and late ones of earlier series.

        None of their targets may be busy.
        """
        all_series, since = list(begun), self._clock.monotonic()
        for series in all_series:
            self._tasks[series.target] = asyncio.create_task(  # noqa: TID251 - `end` cancels it
                self._run_series(series), name=f"writing {series.target}"
            )
        await self._wait([self._tasks[series.target] for series in all_series])
        waited_s = self._clock.monotonic() - since
        written, self._late = self._late, []
        for series in all_series:
            written += series.answered
            if series.target in self._tasks and not series.is_answered:
                written.append(self._unanswered_result(series, waited_s))
        return written

    async def end(self) -> None:
        """Cancel every write under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_series(self, series: WriteSeries) -> None:
        began = self._clock.monotonic()
        try:
            async with aclosing(series.step_results) as step_results:
                async for written in step_results:
                    self._on_result(written)
                    series.answered.append(written)
                    if series.is_late:
                        self._queue_late_result(written, self._clock.monotonic() - began)
                        break
            series.is_answered = True
            await self._on_series_end(series.results)
        except Exception as error:
            _log.exception("write_failed", target=series.target)
            outcome = Outcome(OutcomeStatus.UNKNOWN, f"a mistake of ours: {error!r}")
            written = WriteResult(series.lever, series.target, series.unanswered, outcome)
            self._on_result(written)
            (self._late if series.is_late else series.answered).append(written)
        finally:
            del self._tasks[series.target]
            if series.is_late:
                self._wakeup.notify()

    async def _wait(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Wait until all end; after `URGENT_WAIT_S` only until another cycle is requested."""
        pending = set(tasks)
        if pending:
            _, pending = await asyncio.wait(pending, timeout=URGENT_WAIT_S)
        if not pending:
            return
        requested = asyncio.create_task(self._wakeup.notified())  # noqa: TID251 - ends below
        until = self._clock.monotonic() + _MAX_WAIT_S - URGENT_WAIT_S
        try:
            while pending and not requested.done():
                if (left_s := until - self._clock.monotonic()) <= 0:
                    break
                await asyncio.wait(
                    {*pending, requested}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
                )
                pending = {task for task in pending if not task.done()}
        finally:
            requested.cancel()

    def _unanswered_result(self, series: WriteSeries, waited_s: float) -> WriteResult:
        """The result of a series that continues in the background: it may be applied, or not."""
        series.is_late = True
        detail = f"no answer within {waited_s:.1f} s; still waited for"
        outcome = Outcome(OutcomeStatus.UNKNOWN, detail, took_s=waited_s)
        written = WriteResult(series.lever, series.target, series.unanswered, outcome)
        self._on_result(written)
        return written

    def _queue_late_result(self, written: WriteResult, took_s: float) -> None:
        """Have the next cycle report it, as answered at that time: `took_s == 0`."""
        outcome = written.outcome
        detail = "; ".join(filter(None, (f"answered after {took_s:.1f} s", outcome.detail)))
        outcome = replace(outcome, detail=detail, took_s=0.0)
        self._late.append(replace(written, outcome=outcome))
