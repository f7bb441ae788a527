"""The world process: regional applications, users and the control API.

It does not know the daemon's decisions: users see only the name server and the accelerator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import aiohttp
from aiohttp import web

from controller.model.configuration import Settings
from controller.sandbox.errors import SandboxError
from controller.sandbox.world.control import control_app
from controller.sandbox.world.dns_client import DnsClient
from controller.sandbox.world.population import population
from controller.sandbox.world.regions import SandboxRegions, region_addresses
from controller.sandbox.world.reporting import Reporter
from controller.sandbox.world.user_traffic import UserTraffic
from controller.sandbox.world.users import Users
from controller.sandbox.world.visits import Visitor


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """Where the world listens, and the addresses that it uses."""

    control_host: str = "127.0.0.1"
    control_port: int = 4580
    dns: str = "127.0.0.1:10053"
    daemon_url: str = "http://127.0.0.1:8640"
    users: int = 200
    seed: int = 1


async def serve(
    options: WorldOptions,
    settings: Settings,
    announce: Callable[[dict[str, object]], None],
    stop: asyncio.Event,
) -> None:
    """Run the world until `stop` is set.

    `announce` is called once, when everything listens, with `{"ready": "world", "url": …}`.
    Raises SandboxError for unsupported settings, OSError for an unavailable address.
    """
    traffic = UserTraffic()
    regions = SandboxRegions(settings, rng=Random(options.seed), now=_now)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(regions.close)
        await regions.open()
        url = await _open_control(options, control_app(regions, traffic), stack)
        users = await _users(options, settings, traffic, stack)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        reporter = Reporter(traffic, options.daemon_url, session, _now)
        announce({"ready": "world", "url": url})
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(users.run()), tasks.create_task(reporter.run())]
            await stop.wait()
            for task in running:
                task.cancel()


async def _users(
    options: WorldOptions, settings: Settings, traffic: UserTraffic, stack: AsyncExitStack
) -> Users:
    host, port = _host_and_port(options.dns)
    visitor = await stack.enter_async_context(Visitor())
    return Users(
        population(settings, options.users, Random(options.seed)),
        ask=DnsClient(host, port).ask,
        visit=visitor.visit,
        regions=region_addresses(settings),
        traffic=traffic,
    )


async def _open_control(options: WorldOptions, app: web.Application, stack: AsyncExitStack) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.TCPSite(runner, options.control_host, options.control_port).start()
    return f"http://{options.control_host}:{runner.addresses[0][1]}"


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise SandboxError(f"the name server's address must be host:port, not {text!r}")
    return host, int(port)


def _now() -> datetime:
    return datetime.now(UTC)
