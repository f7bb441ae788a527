"""A thousand clients that never finish their request, with the whole program."""

from __future__ import annotations

import asyncio
import resource
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import pytest

from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.supervisor import Supervisor
from tests.program.sandboxed import in_sandbox

pytestmark = [pytest.mark.slow, pytest.mark.program, pytest.mark.timeout(180)]
CONNECTIONS = 1000
DEADLINE_S = 3.0
POST = (
    b"POST /v1/overrides HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 60\r\n\r\n"
)
SLOW = (
    b"",
    b"GET /livez HT",
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Never: ",
    POST + b'{"kind": "drain", "reg',
)
"""Nothing, half a line, half a header, half a body."""


@pytest.fixture(autouse=True)
def _enough_files() -> None:
    """Raise the limit of descriptors: each connection needs one in this process, too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} open files are allowed here, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def test_a_thousand_slow_connections_delay_no_other_and_end_in_time(tmp_path: Path) -> None:
    """Liveness answers within 100 ms (p99), and no slow connection lasts much over 3 s."""

    async def play(supervisor: Supervisor, _context: StoryContext) -> None:
        port = urlsplit(supervisor.daemon_url).port
        assert port is not None
        opened = [await slow(port, SLOW[number % len(SLOW)]) for number in range(CONNECTIONS)]
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(asyncio.to_thread(health_answers_s, port, DEADLINE_S + 1))
            closing = [group.create_task(one.lifetime_s()) for one in opened]
        answers_s, lifetimes_s = asking.result(), [task.result() for task in closing]
        p99_s = quantiles(answers_s, n=100)[98]
        assert len(answers_s) > 100
        assert p99_s < 0.1, f"p99 {p99_s * 1000:.0f} ms of {len(answers_s)}"
        assert max(lifetimes_s) < DEADLINE_S + 1
        # Newcomers may have cost some of them their place; the others had their time.
        assert sum(lived_s > DEADLINE_S - 0.5 for lived_s in lifetimes_s) > CONNECTIONS / 2

    await in_sandbox(tmp_path, play, users=0)


@dataclass(frozen=True, slots=True)
class Slow:
    """A connection that will send nothing more."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    began: float

    async def lifetime_s(self) -> float:
        """Seconds from its opening until the daemon has closed it."""
        try:
            async with asyncio.timeout(4 * DEADLINE_S):
                while await self.reader.read(4096):
                    pass
        except ConnectionResetError:
            pass
        self.writer.close()
        return time.monotonic() - self.began


async def slow(port: int, sent: bytes) -> Slow:
    """A connection on which only this is sent."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    return Slow(reader, writer, began)


def health_answers_s(port: int, seconds: float) -> list[float]:
    """Durations of `/livez` over new connections, again and again for some time. Blocking, in a
    thread: the thousand connections of this process must not slow down the clock."""
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()
        found.append(time.monotonic() - began)
        time.sleep(0.01)
    return found
