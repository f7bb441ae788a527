"""How much reading delays a failover: `python -m tests.bench.reads`, `--short` for a small world.

A daemon in a process of its own, with the limits of callers that are the default, before an
emulated AWS in this process and regions in another, so that neither is slow for the other. A
region's port is closed; the failover takes until AWS has applied the last write that takes the
region out of a service. Measured alone, and while a third process asks as much as it is allowed to
of everything that may be looked at, most of all for single failures. It ends with 1 when a failover
under reading takes more than MOST times as long (means), or a healthy region is called degraded.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from tests.program.lone_daemon import Daemon, Region, Scene, scene
from tests.sandbox.worlds import free_port

MOST = 1.5
FULL, SHORT = (20, 20, 3), (6, 4, 1)
"""Regions, pools and services."""
ROUNDS_FULL, ROUNDS_SHORT = 10, 5
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_WORKERS = 10
_ASKS_PER_S = 60.0
"""More than the 50 that are allowed: some are refused."""
_QUIET_S = 3.0
"""Seconds without a write after which a failover or a return is over."""
_PATIENCE_S = 90.0
ASKED: tuple[tuple[str, str, object], ...] = (
    ("GET", "/v1/plan/failures", None),
    ("GET", "/v1/status", None),
    ("GET", "/v1/plan/failures", None),
    ("GET", "/v1/decisions?limit=500", None),
    ("GET", "/v1/plan/failures", None),
    ("GET", "/v1/services", None),
    ("POST", "/v1/plan?all=true", {"hypotheses": ["demand ×1.5"]}),
    ("GET", "/v1/figures", None),
    ("GET", "/metrics", None),
    ("GET", "/v1/audit/check", None),
    ("GET", "/v1/why", None),
)
"""What is asked, in turn."""


async def main(short: bool) -> int:
    """Print the times; the exit code."""
    size, rounds = (SHORT, ROUNDS_SHORT) if short else (FULL, ROUNDS_FULL)
    regions, pools, services = size
    hosts = {_region_name(n): f"127.0.71.{n + 1}" for n in range(regions)}
    guards = {
        "startup_data_s": 0.5,
        "writes_per_5_min": 1000,
        "auto_drains_per_h": 1000,
        "flapping": {"failures": 1000},
    }
    with TemporaryDirectory() as folder:
        async with (
            _applications(hosts) as applications,
            scene(Path(folder), applications, _services(pools, services), guards=guards) as here,
            here.daemon() as daemon,
        ):
            await _until_quiet(here)
            idle = [await _failover_s(here, name) for name in _victims(here, rounds)]
            async with reading(daemon) as answers:
                read = [await _failover_s(here, name) for name in _victims(here, rounds)]
            degraded = _degraded(daemon)
    _say("idle", idle)
    _say("under reading", read)
    sys.stdout.write(f"answers: {dict(sorted(answers.items()))}\n")
    sys.stdout.write(f"ratio of means: {mean(read) / mean(idle):.2f} (at most {MOST})\n")
    sys.stdout.write("healthy regions called degraded: " + (", ".join(degraded) or "none") + "\n")
    return int(mean(read) > MOST * mean(idle) or bool(degraded))


class Application(Region):
    """A region whose application is in another process, which obeys lines of text."""

    def __init__(self, host: str, process: asyncio.subprocess.Process) -> None:
        super().__init__(host, free_port(host))
        self._process = process

    async def open(self) -> None:
        await self._order("open")

    async def close(self) -> None:
        await self._order("close")

    async def _order(self, verb: str) -> None:
        reading, writing = self._process.stdout, self._process.stdin
        assert reading is not None
        assert writing is not None
        writing.write(f"{verb} {self._host} {self._port}\n".encode())
        assert await reading.readline() == b"done\n"


@asynccontextmanager
async def _applications(hosts: Mapping[str, str]) -> AsyncIterator[dict[str, Region]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.reads", "--regions"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield {name: Application(host, process) for name, host in hosts.items()}
    finally:
        process.terminate()
        await process.wait()


class _Answering(asyncio.Protocol):
    """A server that costs so little that sixty probes at once are no load."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, _data: bytes) -> None:
        self._transport.write(_OK)
        self._transport.close()


async def regions() -> None:
    """Open and close regions as lines of standard input say."""
    loop, known = asyncio.get_running_loop(), dict[str, asyncio.Server]()
    while line := await asyncio.to_thread(sys.stdin.readline):
        verb, host, port = line.split()
        if verb == "open":
            known[host] = await loop.create_server(_Answering, host, int(port), backlog=1024)
        else:
            known.pop(host).close()
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _region_name(number: int) -> str:
    return f"eu-{('north', 'south', 'east', 'west', 'central')[number % 5]}-{number // 5 + 1}"


def _services(pools: int, services: int) -> Any:
    """Services that all regions serve, each with as many pools, in a zone of its own."""

    def made(regions: Mapping[str, Region]) -> dict[str, Any]:
        geographies = ["default", *(f"country:{_country(n)}" for n in range(pools - 1))]
        return {
            f"s{number}": {
                "regions": {
                    name: {"capacity_rps": 1e6, "endpoints": {"web": {"probe": region.probe}}}
                    for name, region in regions.items()
                },
                "pools": {
                    f"p{n}": {
                        "geographies": [geography],
                        "regions": list(regions),
                        "demand_rps": 100,
                    }
                    for n, geography in enumerate(geographies)
                },
                "levers": {
                    "route53": {
                        "hosted_zone_id": f"Z0READS0000000000{number:03}",
                        "name": f"app.s{number}.example.test.",
                        "ttl_s": 1,
                    }
                },
            }
            for number in range(services)
        }

    return made


def _country(number: int) -> str:
    return f"{chr(65 + number // 26)}{chr(65 + number % 26)}"


def _victims(here: Scene, rounds: int) -> list[str]:
    names = list(here.regions)
    return [names[number % len(names)] for number in range(rounds)]


async def _failover_s(here: Scene, name: str) -> float:
    """Seconds until each service's write was applied; the region is back afterwards."""
    wanted = here.relay.writes + len(here.settings.services)
    done = asyncio.Event()
    here.relay.on_applied = lambda: done.set() if here.relay.writes >= wanted else None
    began = time.monotonic()
    await here.regions[name].close()
    async with asyncio.timeout(_PATIENCE_S):
        await done.wait()
    took_s = time.monotonic() - began
    await _until_quiet(here)
    await here.regions[name].open()
    await _until_quiet(here)
    return took_s


async def _until_quiet(here: Scene) -> None:
    writes, since = -1, time.monotonic()
    while time.monotonic() - since < _QUIET_S:
        await asyncio.sleep(0.1)
        if here.relay.writes != writes:
            writes, since = here.relay.writes, time.monotonic()


@asynccontextmanager
async def reading(daemon: Daemon) -> AsyncIterator[Counter[str]]:
    """Another process that reads as much as it may; what it was answered, afterwards."""
    answers: Counter[str] = Counter()
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.reads", "--read", daemon.url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(2)
    try:
        yield answers
    finally:
        found, _ = await reader.communicate(b"\n")
        answers.update(json.loads(found))


async def read(url: str) -> None:
    """Ask until a line comes on standard input; print the statuses."""
    answers: Counter[str] = Counter()
    ending = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    began, asked = time.monotonic(), 0
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:

        async def work() -> None:
            nonlocal asked
            while not ending.done():
                method, path, body = ASKED[asked % len(ASKED)]
                asked += 1
                due = began + asked / _ASKS_PER_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                status = await _asked(session, method, path, body)
                answers[f"{path.partition('?')[0]} {status}"] += 1

        workers = [asyncio.ensure_future(work()) for _ in range(_WORKERS)]
        await ending
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    sys.stdout.write(json.dumps(answers))


async def _asked(session: aiohttp.ClientSession, method: str, path: str, body: object) -> str:
    try:
        async with session.request(method, path, json=body) as answer:
            await answer.read()
            return str(answer.status)
    except (aiohttp.ClientError, TimeoutError) as error:
        return type(error).__name__


def _degraded(daemon: Daemon) -> list[str]:
    """Service and region, of those that the log says answer badly."""
    lines = daemon.lines("decision")
    triggers = {why for line in lines for why in line["trigger"]}
    return sorted({why.partition(" ")[0] for why in triggers if " is degraded, " in why})


def _say(name: str, times_s: list[float]) -> None:
    shown = f"{mean(times_s):.2f} s ({min(times_s):.2f} to {max(times_s):.2f})"
    sys.stdout.write(f"failover, {name}: {shown}, {len(times_s)} times\n")


if __name__ == "__main__":
    if "--regions" in sys.argv:
        asyncio.run(regions())
    elif "--read" in sys.argv:
        asyncio.run(read(sys.argv[-1]))
    else:
        sys.exit(asyncio.run(main("--short" in sys.argv)))
