"""Whoever reads the log cannot stop the daemon: a pipe that nobody empties, with the whole program.

Before, each line was written by the event loop, which waited in the kernel as soon as the pipe was
full. Whoever could connect got there in three seconds, by requests that nobody can parse.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.lone_daemon import GTC, Daemon, Scene, scene

pytestmark = [pytest.mark.slow, pytest.mark.program, pytest.mark.timeout(60)]
WEST = "eu-west-1"
WITHOUT_WEST = {"eu-west-1": 0.0, "eu-central-1": 0.5, "us-east-1": 0.5}
SMALL_PIPE = 4096
GARBAGE = b"\x16\x03\x01garbage\r\n\r\n"


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A named pipe as small as pipes can be, and its reading end."""
    path = tmp_path / "log"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
    yield path, reading
    os.close(reading)


async def test_a_log_that_nobody_reads_stops_nothing(
    tmp_path: Path, pipe: tuple[Path, int]
) -> None:
    """Probes, cycles, writes and the API go on; read again, the log has what was kept."""
    path, reading = pipe
    logging_there = f'exec {shlex.join(GTC)} "$0" 2> {shlex.quote(str(path))}'
    async with scene(tmp_path) as here, here.daemon(("sh", "-c", logging_there)) as daemon:
        await here.calm(daemon)
        await _fill(here, daemon)
        await here.regions[WEST].close()
        await here.weights_are(daemon, WITHOUT_WEST)
        async with here.session.get(daemon.url + "/livez") as answer:
            assert answer.status == 200
        found = await _read_until(reading, "decision")
        assert sum(line["event"] == "request_unreadable" for line in found) == 10


async def _fill(here: Scene, daemon: Daemon) -> None:
    """More lines than the pipe takes: dumps of tasks, and what a stranger may cause."""
    port = int(daemon.url.rpartition(":")[2])
    for _ in range(50):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GARBAGE)
        assert b" 400 " in await reader.readline()
        writer.close()
    daemon.process.send_signal(signal.SIGUSR1)
    async with here.session.get(daemon.url + "/metrics") as answer:
        text = await answer.text()
    assert 'gtc_log_lines_dropped_total{reason="repeated"} 40.0' in text


async def _read_until(reading: int, event: str) -> list[dict[str, str]]:
    """Lines of the pipe until one of this event about a region that left."""
    text = ""
    while f'"event": "{event}"' not in text or not text.endswith("\n"):
        try:
            text += os.read(reading, SMALL_PIPE).decode()
        except BlockingIOError:
            await asyncio.sleep(0.01)
    return [json.loads(line) for line in text.splitlines()]
