"""A vital loop that is over is an error; an advisory one is started anew."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from controller.loops.process.supervision import LoopEndedError, Supervision
from tests.fakes.clock import FakeClock
from tests.loops.small import events, in_background, logged

pytestmark = pytest.mark.looptime


async def returns() -> None:
    """Ends as if its work were done."""


async def fails() -> None:
    raise RuntimeError("told to fail")


class Failing:
    """A loop that fails so many seconds after each of its starts, a given number of times."""

    def __init__(self, after_s: float, times: int = 10**6) -> None:
        self.after_s = after_s
        self.times = times
        self.starts: list[float] = []

    async def run(self) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        if len(self.starts) > self.times:
            await asyncio.Event().wait()
        await asyncio.sleep(self.after_s)
        raise KeyError("told to fail")

    @property
    def waits_s(self) -> list[float]:
        """From each failure to the next start."""
        return [round(later - before - self.after_s, 3) for before, later in pairwise(self.starts)]


class Watched:
    """Supervision, and what it told of failures."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []
        self.supervision = Supervision(FakeClock(), lambda *told: self.told.append(told))


async def test_a_vital_loop_that_returns_is_logged_and_is_an_error() -> None:
    """There is no good way to end."""
    with logged() as lines, pytest.raises(LoopEndedError, match="probing"):
        await Watched().supervision.vital("probing", returns)
    assert [(line["event"], line["loop"]) for line in lines] == [("loop_ended", "probing")]


async def test_a_vital_loop_that_fails_is_logged_with_its_error() -> None:
    """Once, where it happened."""
    with logged() as lines, pytest.raises(LoopEndedError, match="probing") as caught:
        await Watched().supervision.vital("probing", fails)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert [line["event"] for line in lines] == ["loop_failed"]


@pytest.mark.parametrize("kind", ["vital", "advisory"])
async def test_being_cancelled_is_how_a_loop_ends(kind: str) -> None:
    """Nothing is observed."""
    with logged() as lines:
        run = getattr(Watched().supervision, kind)
        task = asyncio.get_running_loop().create_task(run("x", asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert lines == []


async def test_an_advisory_loop_that_fails_is_started_anew_after_longer_waits() -> None:
    """A second at first, a minute at most; each failure is logged with its traceback."""
    watched, loop = Watched(), Failing(after_s=0.5)
    with logged() as lines:
        async with in_background(watched.supervision.advisory("answered", loop.run)):
            await asyncio.sleep(300)
            failing = watched.supervision.failing["answered"]

    assert loop.waits_s[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (failing.error, failing.since, failing.count) == ("KeyError('told to fail')", 0.5, 10)
    assert set(events(lines)) == {"loop_failed"}
    assert all(isinstance(line["exc_info"], KeyError) for line in lines)
    assert watched.told == [("answered", False)] + [("answered", True)] * 10


async def test_an_advisory_loop_that_runs_for_a_minute_is_well_again() -> None:
    """And begins with a short wait when it fails once more."""
    watched, loop = Watched(), Failing(after_s=0.5, times=3)
    async with in_background(watched.supervision.advisory("answered", loop.run)):
        await asyncio.sleep(60)
        assert set(watched.supervision.failing) == {"answered"}
        await asyncio.sleep(30)
        assert watched.supervision.failing == {}

    assert watched.told[1:] == [("answered", True)] * 3 + [("answered", False)]
    seldom = Failing(after_s=100)
    async with in_background(watched.supervision.advisory("live", seldom.run)):
        await asyncio.sleep(500)
    assert set(seldom.waits_s) == {1}


async def test_an_advisory_loop_that_returns_is_started_anew() -> None:
    """It was not asked to end."""
    watched = Watched()
    async with in_background(watched.supervision.advisory("answered", returns)):
        await asyncio.sleep(2)
        assert watched.supervision.failing["answered"].count == 2


async def test_a_guarded_call_answers_something_else_instead_of_raising() -> None:
    """The traceback of the first failure in a row is logged; the next good answer ends it."""
    watched, given = Watched(), iter([1, None, None, 2])

    def call(offset: int) -> int:
        value = next(given)
        return value + offset  # type: ignore[operator]  # the mistake

    guarded = watched.supervision.guarded("sum", call, -1)
    with logged() as lines:
        answers = [guarded(10) for _ in range(4)]

    assert answers == [11, -1, -1, 12]
    assert events(lines) == ["part_failed", "part_recovered"]
    assert watched.told == [("sum", False), ("sum", True), ("sum", True), ("sum", False)]
    assert watched.supervision.failing == {}
