"""The simulated loop: what a kill, a freeze and a thread are in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from tests.simulation.loop import DeadlockError, NotSimulatedError, Pid, SimulatedLoop


class Stage:
    """A loop, what was noted on it, and who crashed."""

    def __init__(self) -> None:
        self.crashed: list[Pid] = []
        self.loop = SimulatedLoop(self.crashed.append, lambda: 0.25)
        self.notes: list[tuple[float, object]] = []

    def note(self, what: object) -> None:
        self.notes.append((self.loop.time(), what))

    def run_for(self, seconds: float) -> None:
        self.loop.later(seconds, self.loop.stop)
        self.loop.run_forever()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.bury()


async def counting(stage: Stage) -> None:
    """Notes a number every second, and that it ended."""
    try:
        for number in range(1000):
            stage.note(number)
            await asyncio.sleep(1)
    finally:
        stage.note("ended")


def test_time_passes_only_when_nothing_is_left_to_do(stage: Stage) -> None:
    """An hour costs as many steps as happen in it."""
    stage.loop.spawn(counting(stage))
    stage.run_for(3600)

    assert stage.loop.time() == 3600
    assert [at for at, _ in stage.notes[:3]] == [0, 1, 2]
    assert stage.loop.steps < 5000


def test_when_nothing_can_happen_any_more_it_is_said(stage: Stage) -> None:
    """Rather than waiting for ever."""
    with pytest.raises(DeadlockError):
        stage.loop.run_until_complete(stage.loop.create_future())


def test_of_a_killed_process_nothing_runs_again(stage: Stage) -> None:
    """No step, no `finally`; the world and other processes go on."""
    killed, task = stage.loop.spawn(counting(stage))
    stage.loop.later(2.5, stage.loop.kill, killed)
    stage.loop.later(4, stage.note, "world")
    stage.run_for(10)

    assert stage.notes == [(0, 0), (1, 1), (2, 2), (4, "world")]
    assert not task.done()
    assert not stage.loop.is_alive(killed)


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_crash_comes_before_the_step_that_was_named(stage: Stage, steps: int) -> None:
    """And is raised to the caller that starts the next one."""
    pid, _ = stage.loop.spawn(counting(stage))
    before = stage.loop.steps
    stage.loop.crash_after(pid, steps)
    stage.run_for(10)

    world_steps = 1  # the end of the run
    assert stage.loop.steps - before == steps + world_steps
    assert stage.crashed == [pid]


def test_a_spared_process_does_not_crash(stage: Stage) -> None:
    """The plan is taken back."""
    pid, _ = stage.loop.spawn(counting(stage))
    stage.loop.crash_after(pid, 3)
    stage.loop.spare(pid)
    stage.run_for(10)

    assert (stage.crashed, stage.loop.is_alive(pid)) == ([], True)


def test_a_frozen_process_makes_up_for_it_in_order(stage: Stage) -> None:
    """What became due meanwhile runs when it is thawed, and not what was cancelled by then."""
    loop = stage.loop

    async def main() -> None:
        later = loop.call_later(2, stage.note, "cancelled by the first")
        loop.call_later(1, later.cancel)
        loop.call_later(1, stage.note, "first")
        loop.call_later(3, stage.note, "second")

    pid, _ = loop.spawn(main())
    loop.later(0.5, loop.freeze, pid)
    loop.later(0.6, stage.note, "world")
    loop.later(7, loop.thaw, pid)
    stage.run_for(10)

    assert stage.notes == [(0.6, "world"), (7, "first"), (7, "second")]


def test_acts_in_threads_run_one_after_another_in_this_thread(stage: Stage) -> None:
    """Each takes its time; those of one executor wait for each other, of another do not."""
    loop = stage.loop
    one, other = Executor(), Executor()

    async def act(executor: Executor, name: str) -> None:
        await loop.run_in_executor(executor, stage.note, name)
        assert threading.current_thread() is threading.main_thread()

    async def main() -> None:
        await asyncio.gather(act(one, "a"), act(one, "b"), act(other, "c"))

    loop.spawn(main())
    stage.run_for(10)

    assert stage.notes == [(0.25, "a"), (0.25, "c"), (0.5, "b")]


def test_what_an_act_raises_reaches_who_waits_for_it(stage: Stage) -> None:
    """As with a real executor."""

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        stage.loop.run_until_complete(asyncio.wait_for(_in_thread(stage, fail), 5))


async def _in_thread(stage: Stage, act: object) -> None:
    assert callable(act)
    await stage.loop.run_in_executor(None, act)


def test_an_act_whose_process_was_killed_never_happens(stage: Stage) -> None:
    """It was waiting for its thread."""
    loop = stage.loop

    async def main() -> None:
        await loop.run_in_executor(None, stage.note, "stored")

    pid, _ = loop.spawn(main())
    loop.later(0.1, loop.kill, pid)
    stage.run_for(10)

    assert stage.notes == []


def test_sockets_are_refused(stage: Stage) -> None:
    """What is not behind a port cannot be simulated."""
    with pytest.raises(NotSimulatedError):
        stage.loop.run_until_complete(stage.loop.create_connection(asyncio.Protocol, "::1", 1))


def test_the_same_steps_have_the_same_digest() -> None:
    """Over time, process and name of every callback."""

    def digest(pause_s: float) -> str:
        loop = SimulatedLoop(lambda pid: None, lambda: 0.0, hash_steps=True)

        async def main() -> None:
            await asyncio.sleep(pause_s)

        loop.spawn(main())
        loop.later(5, loop.stop)
        loop.run_forever()
        loop.bury()
        return loop.steps_digest

    assert digest(1) == digest(1) != digest(2)
