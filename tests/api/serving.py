"""The admin API over real sockets, in front of the daemon's own loops and fakes of all ports.

The settings are the sandbox's with intervals so short that real time does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, ClientSession
from prometheus_client import CollectorRegistry

from controller.api.app import build
from controller.api.http.server import serving
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, ReloadSource, compose
from controller.model.configuration import Settings
from tests.loops.simulated import SETTINGS, World

_POLL_S = 0.005
_WAIT_DEADLINE_S = 5.0

QUICK: Settings = SETTINGS.model_copy(
    update={
        "probing": SETTINGS.probing.model_copy(
            update={"interval_s": 0.05, "deadline_s": 0.05, "confirm_gaps_s": (0.01,)}
        ),
        "health": SETTINGS.health.model_copy(
            update={"down_after": 2, "up_after": 1, "up_for_s": 0.0}
        ),
        "cycle": SETTINGS.cycle.model_copy(
            update={"min_gap_s": 0.0, "insync_poll_s": 0.01, "observed_max_age_s": 0.05}
        ),
        "guards": SETTINGS.guards.model_copy(update={"startup_data_s": 0.0}),
    }
)


@dataclass
class Answer:
    """One response with its whole body."""

    status: int
    headers: Any
    text: str
    body: Any
    """Parsed JSON; None for any other content type."""


@dataclass
class Api:
    """The running API, the loops behind it and a client."""

    world: World
    controller: Controller
    client: ClientSession
    url: str

    async def get(self, path: str, **options: Any) -> Answer:
        return await _read(await self.client.get(path, **options))

    async def post(self, path: str, **options: Any) -> Answer:
        return await _read(await self.client.post(path, **options))

    async def patch(self, path: str, **options: Any) -> Answer:
        return await _read(await self.client.patch(path, **options))

    async def delete(self, path: str, **options: Any) -> Answer:
        return await _read(await self.client.delete(path, **options))

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until the condition holds; fail after five seconds."""
        deadline = self.world.clock.monotonic() + _WAIT_DEADLINE_S
        while not happened():
            assert self.world.clock.monotonic() < deadline, "has not happened"
            await asyncio.sleep(_POLL_S)

    async def fail(self, region: str) -> None:
        """Make a region fail; returns when AWS shows no share for it."""
        self.world.kill(region)
        await self.until(lambda: self.calm() and self._has_no_share(region))

    def _has_no_share(self, region: str) -> bool:
        latest = self.controller.reconciliation.latest
        plans = latest.decision.plans if latest else ()
        return not any(plan.before.get(region) for plan in plans)

    def calm(self) -> bool:
        """Whether the last cycle found every region up and nothing to hold."""
        latest = self.controller.reconciliation.latest
        return latest is not None and not any(p.held or p.changes for p in latest.decision.plans)


@asynccontextmanager
async def api(
    settings: Settings = QUICK, *, running: bool = True, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[Api]:
    """The API; with `running` the loops, too: then it starts when every region is up and unheld.

    `options` are a ReloadSource's.
    """
    world = World(settings)
    metrics = DaemonMetrics(CollectorRegistry(), settings)
    controller = compose(settings, world.ports(), metrics, ReloadSource(**options))
    await controller.load()
    async with (
        serving(build(controller.api_dependencies()), host, 0) as url,
        ClientSession(url) as client,
        asyncio.TaskGroup() as group,
    ):
        served = Api(world, controller, client, url)
        if not running:
            yield served
            return
        task = group.create_task(controller.run())
        await served.until(served.calm)
        yield served
        task.cancel()


async def _read(response: ClientResponse) -> Answer:
    text = await response.text()
    is_json = response.content_type.endswith("json")
    body = await response.json(content_type=None) if is_json else None
    return Answer(response.status, response.headers, text, body)
