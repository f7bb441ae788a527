"""Start, announcement and stop of real child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from controller.sandbox.processes import Child, ChildFailedError, stop_all
from tests.stopwatch import Stopwatch

READY = """
import json, signal, sys, time
print("starting", flush=True)
print(json.dumps({"ready": "tiny", "url": "http://127.0.0.1:1"}), flush=True)
print("one line of log", file=sys.stderr, flush=True)
"""
OBEDIENT = f"{READY}\ntime.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{READY}\ntime.sleep(60)"
BROKEN = "print('about to fail'); raise SystemExit('port 1 is in use')"


def child(tmp_path: Path, program: str, name: str = "tiny") -> Child:
    argv = [sys.executable, "-c", program]
    return Child(name, argv, os.environ, tmp_path / f"{name}.log")


async def started(tmp_path: Path, program: str, name: str, tasks: asyncio.TaskGroup) -> Child:
    one = child(tmp_path, program, name)
    await one.start()
    await one.ready()
    tasks.create_task(one.run())
    return one


async def test_a_child_is_ready_when_it_says_so(tmp_path: Path) -> None:
    """The JSON line is read, all other output goes to the log."""
    one = child(tmp_path, READY)
    await one.start()
    assert await one.ready() == {"ready": "tiny", "url": "http://127.0.0.1:1"}
    assert await one.run() == "ended with exit code 0"
    assert one.log_path.read_text() == "starting\none line of log\n"


async def test_a_child_that_fails_first_is_reported_with_its_log(tmp_path: Path) -> None:
    """Name, exit code and the last lines of its log."""
    one = child(tmp_path, BROKEN)
    await one.start()
    with pytest.raises(ChildFailedError) as caught:
        await one.ready()
    assert str(caught.value) == (
        f"tiny ended with exit code 1 before it was ready; the end of {one.log_path}:\n"
        "    about to fail\n"
        "    port 1 is in use"
    )


async def test_a_child_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    """After the timeout the message says so; the child can still be stopped."""
    one = child(tmp_path, "import time; time.sleep(60)")
    await one.start()
    with pytest.raises(ChildFailedError, match=r"not ready within 0\.2 s; it wrote nothing"):
        await one.ready(within_s=0.2)
    await stop_all([one])
    assert not one.alive


async def test_children_stop_in_reverse_order(tmp_path: Path) -> None:
    """The last one started is stopped first, and all end at once when they obey."""
    ended: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        children = [await started(tmp_path, OBEDIENT, name, tasks) for name in ("a", "b")]

        async def note(one: Child) -> None:
            await one.ended(5)
            ended.append(one.name)

        for one in children:
            tasks.create_task(note(one))
        ending = Stopwatch().start()
        await stop_all(children)
        assert ending.stop() < 1
    assert ended == ["b", "a"]


async def test_children_that_do_not_obey_are_killed_within_two_seconds(tmp_path: Path) -> None:
    """Neither an ignored SIGTERM nor a stopped process takes longer."""
    async with asyncio.TaskGroup() as tasks:
        stubborn = [await started(tmp_path, STUBBORN, name, tasks) for name in ("a", "b")]
        paused = await started(tmp_path, OBEDIENT, "paused", tasks)
        paused.send(signal.SIGSTOP)
        ending = Stopwatch().start()
        await stop_all([*stubborn, paused])
        assert ending.stop() < 2
        assert not any(one.alive for one in (*stubborn, paused))


async def test_a_killed_child_says_by_which_signal(tmp_path: Path) -> None:
    """The message has the signal's name."""
    one = child(tmp_path, OBEDIENT)
    await one.start()
    await one.ready()
    one.send(signal.SIGKILL)
    assert await one.run() == "was ended by SIGKILL"
    one.send(signal.SIGTERM)
