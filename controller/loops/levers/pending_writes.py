"""Writes to AWS that are under way, at most one series to each hosted zone or accelerator.

A cycle waits for the writes it begins. When the bell rings meanwhile, such as for a region that
fails, it waits for `HASTE_S` in all: what AWS has not answered by then is reported as unknown and
goes on alone. Of that series nothing more is sent, since it rests on a decision that is old by
then, and its zone or accelerator gets no other write until AWS has answered or the adapter gives
up. That outcome is reported by the next cycle, for which the bell is rung.
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
HASTE_S = 0.7
"""How long a cycle waits for its writes once the bell has rung. With the gap between two cycles
that leaves time to drain another region within a second."""
_MOST_S = 10.0
"""How long a cycle waits for its writes while nothing else happens."""

Sends = AsyncGenerator[WriteResult, None]
"""Sends one write after the other, and yields each with its outcome."""


@dataclass(eq=False, slots=True)
class WriteSeries:
    """The writes of one decision to one zone or accelerator."""

    lever: str
    target: str
    changes: tuple[Change, ...]
    """Each as often as it has parts that are written apart."""
    sends: Sends
    answered: list[WriteResult] = field(default_factory=list)
    is_late: bool = False
    """Whether the cycle that began it is over."""
    is_answered: bool = False
    """Whether nothing more is sent, and only the outcome is to be remembered."""

    @property
    def unanswered(self) -> tuple[Change, ...]:
        """Changes of which AWS has not said that they were applied, in all their parts."""
        results = self.results
        applied = OutcomeStatus.APPLIED
        return tuple(c for c in dict.fromkeys(self.changes) if results.get(c) is not applied)

    @property
    def results(self) -> dict[Change, OutcomeStatus]:
        """What became of the changes of which every part was answered."""
        parts = Counter(self.changes)
        said = Counter(change for one in self.answered for change in one.changes)
        found = status_by_change(self.answered)
        return {change: one for change, one in found.items() if said[change] >= parts[change]}


class PendingWrites:
    """Begins series of writes, waits for them within bounds, keeps outcomes that come late."""

    def __init__(
        self,
        clock: Clock,
        bell: WakeUp,
        heard: Callable[[WriteResult], None],
        settle: Callable[[Mapping[Change, OutcomeStatus]], Awaitable[None]],
    ) -> None:
        """`bell` rings when a cycle is wanted. `heard` is called with each outcome at once, and
        `settle` awaited with the results of a series when it ends."""
        self._clock = clock
        self._bell = bell
        self._heard = heard
        self._settle = settle
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._late: list[WriteResult] = []

    def is_busy(self, target: str) -> bool:
        """Whether a series to this zone or accelerator is under way."""
        return target in self._tasks

    async def carry_out(self, begun: Iterable[WriteSeries]) -> list[WriteResult]:
        """What became of these series, and of those that an earlier cycle waited for in vain.

        None of their targets may be busy.
        """
        series, since = list(begun), self._clock.monotonic()
        for one in series:
            self._tasks[one.target] = asyncio.create_task(  # noqa: TID251 - `end` gives it up
                self._send(one), name=f"writing {one.target}"
            )
        await self._wait([self._tasks[one.target] for one in series])
        waited_s = self._clock.monotonic() - since
        written, self._late = self._late, []
        for one in series:
            written += one.answered
            if one.target in self._tasks and not one.is_answered:
                written.append(self._given_up(one, waited_s))
        return written

    async def end(self) -> None:
        """Give up every write under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, series: WriteSeries) -> None:
        began = self._clock.monotonic()
        try:
            async with aclosing(series.sends) as sends:
                async for written in sends:
                    self._heard(written)
                    series.answered.append(written)
                    if series.is_late:
                        self._report_late(written, self._clock.monotonic() - began)
                        break
            series.is_answered = True
            await self._settle(series.results)
        except Exception as error:
            _log.exception("write_failed", target=series.target)
            outcome = Outcome(OutcomeStatus.UNKNOWN, f"a mistake of ours: {error!r}")
            written = WriteResult(series.lever, series.target, series.unanswered, outcome)
            self._heard(written)
            (self._late if series.is_late else series.answered).append(written)
        finally:
            del self._tasks[series.target]
            if series.is_late:
                self._bell.ring()

    async def _wait(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Until all have ended, for `HASTE_S` at least, and then until the bell rings."""
        pending = set(tasks)
        if pending:
            _, pending = await asyncio.wait(pending, timeout=HASTE_S)
        if not pending:
            return
        rung = asyncio.create_task(self._bell.rung())  # noqa: TID251 - ends with this method
        until = self._clock.monotonic() + _MOST_S - HASTE_S
        try:
            while pending and not rung.done() and (left_s := until - self._clock.monotonic()) > 0:
                await asyncio.wait(
                    {*pending, rung}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
                )
                pending = {task for task in pending if not task.done()}
        finally:
            rung.cancel()

    def _given_up(self, series: WriteSeries, waited_s: float) -> WriteResult:
        """What is known of a series that goes on alone: it may have been applied, or not."""
        series.is_late = True
        detail = f"no answer within {waited_s:.1f} s; still waited for"
        outcome = Outcome(OutcomeStatus.UNKNOWN, detail, took_s=waited_s)
        written = WriteResult(series.lever, series.target, series.unanswered, outcome)
        self._heard(written)
        return written

    def _report_late(self, written: WriteResult, took_s: float) -> None:
        """Have the next cycle report it. It counts as answered just then: `took_s` is 0."""
        outcome = written.outcome
        detail = "; ".join(filter(None, (f"answered after {took_s:.1f} s", outcome.detail)))
        outcome = replace(outcome, detail=detail, took_s=0.0)
        self._late.append(replace(written, outcome=outcome))
