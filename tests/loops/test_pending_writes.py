"""Writes that outlast the cycle that began them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from controller.loops.levers.pending_writes import (
    URGENT_WAIT_S,
    PendingWrites,
    StepResults,
    WriteSeries,
)
from controller.loops.wakeup import WakeUp
from controller.model.decision import WriteResult
from controller.model.levers import Change, LeverState, Outcome, OutcomeStatus, Position
from tests.fakes.clock import FakeClock
from tests.loops.small import EAST, WEST, events, logged

pytestmark = pytest.mark.looptime

WEST_OUT = Change(Position("shop", "world", WEST), LeverState(128), LeverState(0))
EAST_OUT = Change(Position("shop", "world", EAST), LeverState(128), LeverState(0))


class Bench:
    """Writes that take as long as they are told, and what was done with their outcomes."""

    def __init__(self) -> None:
        self.wakeup = WakeUp()
        self.status = OutcomeStatus.APPLIED
        self.sent: list[Change] = []
        self.heard: list[OutcomeStatus] = []
        self.settled: list[dict[Change, OutcomeStatus]] = []
        self.pending = PendingWrites(FakeClock(), self.wakeup, self._hear, self._settle)

    def series(
        self, target: str, *sends: tuple[Change, float], lever: str = "route53"
    ) -> WriteSeries:
        """Changes, and the seconds until each is answered; one that comes twice has two parts."""
        made = self._sends(lever, target, sends)
        return WriteSeries(lever, target, tuple(c for c, _ in sends), made)

    async def _sends(
        self, lever: str, target: str, sends: Sequence[tuple[Change, float]]
    ) -> StepResults:
        for change, seconds in sends:
            self.sent.append(change)
            await asyncio.sleep(seconds)
            if seconds < 0:
                raise ZeroDivisionError
            yield WriteResult(lever, target, (change,), Outcome(self.status))

    def _hear(self, written: WriteResult) -> None:
        self.heard.append(written.outcome.status)

    async def _settle(self, results: Mapping[Change, OutcomeStatus]) -> None:
        self.settled.append(dict(results))


def told(written: Sequence[WriteResult]) -> list[tuple[str, str, int]]:
    return [(w.target, w.outcome.status.value, len(w.changes)) for w in written]


async def test_writes_are_waited_for_while_nothing_else_happens() -> None:
    """Four seconds are not unusual when AWS throttles."""
    bench = Bench()
    written = await bench.pending.carry_out([bench.series("Z1", (WEST_OUT, 4))])

    assert told(written) == [("Z1", "applied", 1)]


@pytest.mark.parametrize("notified_at", [0, 0.5, 2])
async def test_after_a_notification_only_the_urgent_wait_is_left(notified_at: float) -> None:
    """What was answered is reported; the rest may have been applied."""
    bench = Bench()
    asyncio.get_running_loop().call_later(notified_at, bench.wakeup.notify)
    written = await bench.pending.carry_out(
        [bench.series("Z1", (WEST_OUT, 30)), bench.series("Z2", (EAST_OUT, 0.1))]
    )

    assert asyncio.get_running_loop().time() == pytest.approx(max(URGENT_WAIT_S, notified_at))
    assert told(written) == [("Z1", "unknown", 1), ("Z2", "applied", 1)]
    assert bench.pending.is_busy("Z1")
    assert not bench.pending.is_busy("Z2")
    await bench.pending.end()


async def test_a_late_outcome_wakes_the_loop_and_is_reported_by_the_next_cycle() -> None:
    """Once, and settled when it came."""
    bench = Bench()
    bench.wakeup.notify()
    await bench.pending.carry_out([bench.series("Z1", (WEST_OUT, 5))])
    assert await bench.wakeup.wait(0)
    assert await bench.wakeup.wait(60)
    assert asyncio.get_running_loop().time() == pytest.approx(5)
    assert bench.heard == [OutcomeStatus.UNKNOWN, OutcomeStatus.APPLIED]
    assert bench.settled == [{WEST_OUT: OutcomeStatus.APPLIED}]

    written = await bench.pending.carry_out([])
    assert told(written) == [("Z1", "applied", 1)]
    assert written[0].outcome.detail == "answered after 5.0 s"
    assert await bench.pending.carry_out([]) == []


async def test_of_a_series_that_came_late_nothing_more_is_sent() -> None:
    """By then it rests on an old decision: what it would open may have died."""
    bench = Bench()
    bench.wakeup.notify()
    series = bench.series("Z1", (WEST_OUT, 5), (EAST_OUT, 1))
    written = await bench.pending.carry_out([series])
    await asyncio.sleep(60)

    assert told(written) == [("Z1", "unknown", 2)]
    assert bench.sent == [WEST_OUT]
    assert not bench.pending.is_busy("Z1")


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_change_is_settled_with_all_its_parts(is_late: bool) -> None:
    """Two groups of one region: as long as one was not written, both settings may be seen."""
    bench = Bench()
    if is_late:
        bench.wakeup.notify()
    sends = [(WEST_OUT, 0.1), (WEST_OUT, 5.0 if is_late else 0.1), (EAST_OUT, 0.1)]
    written = await bench.pending.carry_out([bench.series("a", *sends, lever="accelerator")])
    await asyncio.sleep(60)

    applied, unknown = ("a", "applied", 1), ("a", "unknown", 2)
    assert told(written) == ([applied, unknown] if is_late else [applied] * 3)
    both = {WEST_OUT: OutcomeStatus.APPLIED, EAST_OUT: OutcomeStatus.APPLIED}
    assert bench.settled == [{WEST_OUT: OutcomeStatus.APPLIED} if is_late else both]


async def test_parts_that_were_never_sent_are_not_settled() -> None:
    """The first group was late, the second stays as it was: half of the change is ours."""
    bench = Bench()
    bench.wakeup.notify()
    sends = [(WEST_OUT, 5.0), (WEST_OUT, 0.1)]
    await bench.pending.carry_out([bench.series("a", *sends, lever="accelerator")])
    await asyncio.sleep(60)

    assert bench.sent == [WEST_OUT]
    assert bench.settled == [{}]


async def test_a_mistake_of_ours_is_one_targets_and_of_unknown_outcome() -> None:
    """Other outcomes are not lost by it."""
    bench = Bench()
    with logged() as lines:
        written = await bench.pending.carry_out(
            [bench.series("Z1", (WEST_OUT, 0), (EAST_OUT, -1)), bench.series("Z2", (WEST_OUT, 0.1))]
        )

    assert told(written) == [("Z1", "applied", 1), ("Z1", "unknown", 1), ("Z2", "applied", 1)]
    assert events(lines) == ["write_failed"]


@pytest.mark.parametrize("status", [OutcomeStatus.APPLIED, OutcomeStatus.REFUSED])
async def test_what_was_answered_in_full_is_not_unknown_for_a_disk_that_hangs(
    status: OutcomeStatus,
) -> None:
    """Only the remembering of the answer goes on behind."""
    bench = Bench()
    bench.status = status
    bench.pending._on_series_end = never
    asyncio.get_running_loop().call_later(0.5, bench.wakeup.notify)
    written = await bench.pending.carry_out([bench.series("Z1", (WEST_OUT, 0.6))])

    assert told(written) == [("Z1", status.value, 1)]
    assert bench.heard == [status]
    await bench.pending.end()


async def never(_: Mapping[Change, OutcomeStatus]) -> None:
    """The disk does not answer."""
    await asyncio.sleep(3600)
