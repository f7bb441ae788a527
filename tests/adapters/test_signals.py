"""An end that hangs is forced: by a second Ctrl-C, or after a time."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from controller.adapters import signals

STUCK = """
import asyncio, time
from concurrent.futures import ThreadPoolExecutor
from controller.adapters import signals
from controller.adapters.structured_log import configure

configure()
signals._STOP_WITHIN_S = {within_s}

async def main():
    stop = asyncio.Event()
    with signals.stop_signals(stop.set):
        print("ready", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        # As a state store does whose disk hangs: the event loop waits for its thread.
        thread = ThreadPoolExecutor(1)
        thread.submit(time.sleep, 60)
        thread.shutdown()

asyncio.run(main())
"""


async def stuck(within_s: float) -> asyncio.subprocess.Process:
    """A process that got a signal to stop and cannot."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        STUCK.format(within_s=within_s),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert await process.stdout.readline() == b"stopping\n"
    return process


async def test_a_second_ctrl_c_ends_it_although_the_loop_is_stuck() -> None:
    """At once, with the shells' exit code for an interrupted program."""
    process = await stuck(within_s=30)
    async with asyncio.timeout(5):
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == signals.INTERRUPTED == 130


async def test_an_end_that_hangs_is_forced() -> None:
    """With exit code 1 and a log line."""
    process = await stuck(within_s=0.3)
    async with asyncio.timeout(5):
        _, log = await process.communicate()

    assert process.returncode == 1
    assert b'"event": "stop_forced"' in log


async def test_after_the_context_signals_have_their_old_handlers() -> None:
    """The handlers are removed again."""
    with signals.stop_signals(lambda: None):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("times", [1, 3])
async def test_every_signal_is_acted_on(times: int) -> None:
    """The event loop calls the handler for every signal."""
    acted: list[int] = []
    with signals.handle_signal(signal.SIGUSR1, lambda: acted.append(1)):
        for _ in range(times):
            signal.raise_signal(signal.SIGUSR1)
            await asyncio.sleep(0.01)
    assert len(acted) == times
