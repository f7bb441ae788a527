"""One daemon as a real process, before an emulated AWS and three small regions in this one.

Between daemon and AWS stands a relay, in whose hands a test may do something at the very moment a
write was applied and its answer is still on the way.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
from aiohttp import web

from controller.model.configuration import Settings
from controller.planning.shares import SHARE_TOLERANCE
from controller.sandbox.emulator.server import ServerOptions, running
from controller.sandbox.seeding.stack import seed
from controller.settings import load
from tests.contracts.emulated import ENVIRONMENT
from tests.sandbox.worlds import free_port

REGIONS = {"eu-west-1": "127.0.61.1", "eu-central-1": "127.0.62.1", "us-east-1": "127.0.63.1"}
EVEN = dict.fromkeys(REGIONS, 128)
ZONE = "Z0LONE00000000000001"
WRITE = "ChangeResourceRecordSetsRequest"
GTC = (sys.executable, "-m", "controller", "run")
_PATIENCE_S = 20.0


class Region:
    """A region's application: it answers, or its port is closed."""

    def __init__(self, host: str, port: int = 0) -> None:
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None

    @property
    def probe(self) -> str:
        return f"http://{self._host}:{self._port}/healthz"

    async def open(self) -> None:
        self._port = self._port or free_port(self._host)
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        return web.Response(text="ok")


Services = Callable[[Mapping[str, Region]], dict[str, Any]]
"""Makes the services of a configuration out of its regions."""


class Relay:
    """Passes HTTP to the emulated AWS; `on_applied` is called before a write's answer is sent."""

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self._target = target
        self._session = session
        self.on_applied: Callable[[], None] = lambda: None
        self.writes = 0
        """Batches of Route 53 that were applied."""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        async with self._session.request(
            request.method, self._target + request.raw_path, data=body, headers=request.headers
        ) as answer:
            content = await answer.read()
            if WRITE.encode() in body and answer.status == 200:
                self.writes += 1
                self.on_applied()
            kept = {k: v for k, v in answer.headers.items() if k.lower() == "content-type"}
            return web.Response(status=answer.status, body=content, headers=kept)


@dataclass
class Daemon:
    """A started daemon process and its output."""

    process: asyncio.subprocess.Process
    announced: dict[str, Any]
    output: list[str] = field(default_factory=list)
    """Lines of standard output after the announcement."""
    log: list[str] = field(default_factory=list)
    """Lines of standard error."""

    @property
    def url(self) -> str:
        return str(self.announced["url"])

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The parsed log lines of an event."""
        parsed = [json.loads(line) for line in list(self.log)]
        return [line for line in parsed if line.get("event") == event]

    async def ended(self, within_s: float) -> int:
        """The exit code."""
        async with asyncio.timeout(within_s):
            return await self.process.wait()


class Scene:
    """Everything around the daemon; parts can be stopped and started."""

    def __init__(
        self,
        config: Path,
        settings: Settings,
        regions: Mapping[str, Region],
        relay: Relay,
        session: aiohttp.ClientSession,
        environment: Mapping[str, str],
    ) -> None:
        self.config = config
        self.settings = settings
        self.regions = regions
        self.relay = relay
        self.session = session
        self._environment = environment

    @asynccontextmanager
    async def daemon(self, argv: Sequence[str] = GTC, **environment: str) -> AsyncIterator[Daemon]:
        """A daemon with the scene's configuration and state; killed at the end if it still runs."""
        process = await asyncio.create_subprocess_exec(
            *argv,
            str(self.config),
            env={**os.environ, **ENVIRONMENT, **self._environment, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        daemon = Daemon(process, {})
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep(process.stderr, daemon.log))
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    line = await process.stdout.readline()
                assert line, "\n".join(daemon.log)
                daemon.announced = json.loads(line)
                group.create_task(_keep(process.stdout, daemon.output))
                yield daemon
            finally:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
                await process.wait()

    async def refused(self, **environment: str) -> tuple[int, list[str]]:
        """Exit code and log lines of a daemon that does not start."""
        process = await asyncio.create_subprocess_exec(
            *GTC,
            str(self.config),
            env={**os.environ, **ENVIRONMENT, **self._environment, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(_PATIENCE_S):
            _, log = await process.communicate()
        assert process.returncode is not None
        return process.returncode, log.decode().splitlines()

    async def get(self, daemon: Daemon, path: str) -> Any:
        async with self.session.get(daemon.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def calm(self, daemon: Daemon) -> None:
        """Return when every region has a verdict, and nothing moves or is held."""
        await self.until(lambda: self._is_calm(daemon))

    async def weights_are(self, daemon: Daemon, wanted: Mapping[str, float]) -> None:
        """Return when AWS, as the daemon observes it, has these shares."""

        async def so() -> bool:
            return await self.shares(daemon) == dict(wanted)

        await self.until(so)

    async def shares(self, daemon: Daemon) -> dict[str, float]:
        """Region to observed share."""
        found = await self._regions(daemon)
        return {r["region"]: round(r["observed"] or 0.0, 3) for r in found}

    async def until(self, happened: Callable[[], Any]) -> None:
        """Return as soon as the condition holds; fail after a while."""
        deadline = time.monotonic() + _PATIENCE_S
        while not await happened():
            assert time.monotonic() < deadline, "has not happened"
            await asyncio.sleep(0.02)

    async def _is_calm(self, daemon: Daemon) -> bool:
        status = await self.get(daemon, "/v1/status")
        regions = [r for s in status["services"] for p in s["pools"] for r in p["regions"]]
        holds = [h for s in status["services"] for p in s["pools"] for h in p["holds"]]
        known = all(
            r["verdict"] != "unknown"
            and r["observed"] is not None
            and abs(r["observed"] - r["desired"]) < SHARE_TOLERANCE
            for r in regions
        )
        return bool(status["cycle"]) and known and not holds

    async def _regions(self, daemon: Daemon) -> list[dict[str, Any]]:
        status = await self.get(daemon, "/v1/status")
        return [r for s in status["services"] for p in s["pools"] for r in p["regions"]]


@asynccontextmanager
async def scene(
    tmp_path: Path,
    regions: Mapping[str, Region] | None = None,
    services: Services | None = None,
    **settings: Any,
) -> AsyncIterator[Scene]:
    """An emulated AWS, seeded, and regions, three of them by default; `settings` override the
    configuration."""
    async with AsyncExitStack() as stack:
        regions = regions or {name: Region(host) for name, host in REGIONS.items()}
        for region in regions.values():
            await region.open()
            stack.push_async_callback(region.close)
        config = tmp_path / "gtc.yaml"
        made = (services or _one_service)(regions)
        config.write_text(json.dumps(_settings(tmp_path, regions) | {"services": made} | settings))
        options = ServerOptions(
            http_port=0, control_port=0, dns_port=0, insync_after_s=0.1, deployed_after_s=0.1
        )
        aws = await stack.enter_async_context(running(options))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        relay = Relay(aws.url, session)
        loaded = load(config)
        with patch.dict(os.environ, {**ENVIRONMENT, "AWS_ENDPOINT_URL": aws.url}):
            await seed(loaded)
        url = await stack.enter_async_context(_listening(relay))
        environment = {"AWS_ENDPOINT_URL": url}
        yield Scene(config, loaded, regions, relay, session, environment)


@asynccontextmanager
async def _listening(relay: Relay) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(relay.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _keep(stream: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await stream.readline():
        lines.append(line.decode().rstrip("\n"))


def _settings(tmp_path: Path, regions: Mapping[str, Region]) -> dict[str, Any]:
    """All intervals short. JSON is YAML."""
    return {
        "schema_version": 2,
        "state_path": str(tmp_path / "state" / "gtc.sqlite"),
        "aws": {"require_endpoint_url": True, "call_deadline_s": 3},
        "api": {"port": 0},
        "vantage": {"name": "local"},
        "probing": {"interval_s": 0.2, "deadline_s": 0.5, "confirm_gaps_s": [0.05]},
        "health": {"down_after": 2, "up_after": 2, "up_for_s": 0},
        "cycle": {
            "period_s": 0.5,
            "min_gap_s": 0.05,
            "observed_max_age_s": 0.5,
            "insync_poll_s": 0.1,
        },
        "ramp": {"step_points": 100, "step_gap_s": 0},
        "guards": {"startup_data_s": 0.5, "writes_per_5_min": 60},
        "overrides": {"min_ttl_s": 1},
        "regions": {name: {"jurisdiction": "EU"} for name in regions},
    }


def _one_service(regions: Mapping[str, Region]) -> dict[str, Any]:
    return {
        "shop": {
            "regions": {
                name: {
                    "capacity_rps": 300,
                    "endpoints": {"web": {"probe": region.probe}},
                }
                for name, region in regions.items()
            },
            "pools": {
                "world": {
                    "geographies": ["default"],
                    "regions": list(regions),
                    "demand_rps": 100,
                }
            },
            "levers": {
                "route53": {"hosted_zone_id": ZONE, "name": "shop.example.test.", "ttl_s": 1}
            },
        }
    }
