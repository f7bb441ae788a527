"""A scripted day of a daemon in simulated time.

The state file and the API's responses in this folder were recorded after this day. The script uses
the daemon over HTTP only, so that every later version can play it again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import looptime
from aiohttp import ClientSession

from controller.adapters.sqlite.store import SqliteStore
from controller.api.app import build
from controller.api.http.server import serving
from controller.model.health import ProbeOutcome
from controller.settings import load
from tests.loops.simulated import ZONE, World

FOLDER = Path(__file__).parent
SETTINGS = load(FOLDER / "settings.yaml")
PATHS = {
    "status": "/v1/status",
    "plan": "/v1/plan?all=true",
    "plan-failures": "/v1/plan/failures",
    "decisions": "/v1/decisions?limit=12",
    "decision": "/v1/decisions/latest",
    "replay": "/v1/decisions/1/replay",
    "why": "/v1/why?region=eu-west-1",
    "why-then": "/v1/why?at=2026-06-01T12:01:00Z",
    "overrides": "/v1/overrides",
    "override-ending": "/v1/overrides/{override}/ending",
    "override": "/v1/overrides/{override}",
    "events": "/v1/events/recent?limit=40",
    "audit": "/v1/audit?limit=20",
    "audit-check": "/v1/audit/check",
    "figures": "/v1/figures",
    "services": "/v1/services",
    "service": "/v1/services/shop",
    "readyz": "/readyz",
    "not-found": "/v1/decisions/99999",
}
"""Name of a response to its path; `{override}` is the id of the first active override."""
OPENAPI = "/openapi.json"
T = TypeVar("T")


class StoreInLoop(SqliteStore):
    """SqliteStore without its thread: simulated time does not wait for threads."""

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return act()


@dataclass
class Daemon:
    """A daemon in simulated time, the world around it, and a client of its API."""

    world: World
    client: ClientSession

    async def get(self, path: str) -> Any:
        """The parsed JSON of a response of any status, or its text."""
        async with self.client.get(path, headers={"Accept": "application/json"}) as answer:
            text = await answer.text()
            return json.loads(text) if answer.content_type.endswith("json") else text

    async def order(self, kind: str, **members: object) -> int:
        """Set an override; returns its id."""
        body = {"kind": kind, "reason": f"a {kind} of that day", "author": "ana", **members}
        async with self.client.post("/v1/overrides", json=body) as answer:
            assert answer.status == 201, await answer.text()
            return int((await answer.json())["id"])

    async def send(self, method: str, path: str, status: int, body: object = None) -> None:
        """Send any other request; fails unless the status is this."""
        async with self.client.request(method, path, json=body) as answer:
            assert answer.status == status, await answer.text()


@asynccontextmanager
async def running_daemon(world: World) -> AsyncIterator[Daemon]:
    """The loops and the API, until the block ends."""
    async with (
        world.running() as controller,
        serving(build(controller.api_dependencies()), "127.0.0.1", 0) as url,
        ClientSession(url) as client,
    ):
        yield Daemon(world, client)


async def play(daemon: Daemon) -> None:
    """Play the day: failures of every kind, orders of every kind, ended and active, reports."""
    await asyncio.sleep(20)
    await _failures(daemon.world)
    await _orders_that_end(daemon)
    await _reports(daemon)
    await _orders_that_last(daemon)


async def recorded_responses() -> dict[str, Any]:
    """The responses of the API after the day, by the names of PATHS, and its OpenAPI document."""
    async with running_daemon(initial_world()) as daemon:
        await play(daemon)
        first = (await daemon.get("/v1/overrides"))["items"][0]["id"]
        found = {
            name: await daemon.get(path.format(override=first)) for name, path in PATHS.items()
        }
        return {**found, "openapi": await daemon.get(OPENAPI)}


def initial_world(**parts: Any) -> World:
    """The world at the beginning of the day; `parts` are arguments of World."""
    world = World(SETTINGS, **parts)
    for bad in SETTINGS.reference_targets.known_bad:
        world.prober.answer(bad, ProbeOutcome.FAILED, "connection refused")
    return world


def simulated(act: Coroutine[Any, Any, T]) -> T:
    """Run it in a loop of simulated time, which begins at 0."""
    loop = looptime.new_event_loop(start=0, idle_timeout=None)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(act)


async def _failures(world: World) -> None:
    """Failures of one region, of most regions and of the prober, and a manual edit of a record."""
    world.kill("eu-west-1")
    await asyncio.sleep(15)
    world.heal("eu-west-1")
    await asyncio.sleep(60)
    for region in ("eu-west-1", "us-east-1"):
        world.kill(region)
    await asyncio.sleep(15)
    for region in ("eu-west-1", "us-east-1"):
        world.heal(region)
    await asyncio.sleep(60)
    for probe in SETTINGS.reference_targets.known_good:
        world.prober.answer(probe, ProbeOutcome.FAILED, "timed out")
    await asyncio.sleep(15)
    for probe in SETTINGS.reference_targets.known_good:
        world.prober.answer(probe, ProbeOutcome.PASSED, "200")
    await asyncio.sleep(15)
    leaf = next(r for r in world.records.stored(ZONE) if r.name.startswith("world"))
    world.records.put(ZONE, replace(leaf, weight=(leaf.weight or 0) + 7))
    await asyncio.sleep(45)


async def _orders_that_end(daemon: Daemon) -> None:
    """Withdrawn, replaced, expired; and one that is refused."""
    withdrawn = await daemon.order("drain", region="us-east-1", service="shop", pool="world")
    await asyncio.sleep(12)
    await daemon.send("DELETE", f"/v1/overrides/{withdrawn}", 200)
    await daemon.order("pin", region="eu-west-1", service="shop", pool="world", share=0.3)
    await daemon.order("pin", region="eu-west-1", service="shop", pool="world", share=0.4, ttl_s=5)
    await daemon.order("failover", region="eu-central-1", ttl_s=6)
    await daemon.order("freeze", service="api", ttl_s=7)
    await daemon.order("drain", region="eu-central-1", ttl_s=8)
    await asyncio.sleep(90)
    await daemon.send(
        "POST", "/v1/overrides", 422, {"kind": "drain", "reason": "?", "region": "eu"}
    )


async def _reports(daemon: Daemon) -> None:
    """Users' traffic and figures."""
    place = {"service": "shop", "pool": "world", "region": "us-east-1"}
    for _ in range(3):
        traffic = {"window_s": 1, "measurements": [place | {"requests": 90, "errors": 1}]}
        await daemon.send("POST", "/v1/measurements/traffic", 204, traffic)
        await asyncio.sleep(1)
    figures = {
        "demand": [{"service": "shop", "pool": "world", "rps": 90.5}],
        "latency": [place | {"ms": 25.5}],
    }
    await daemon.send("POST", "/v1/measurements/figures", 204, figures)


async def _orders_that_last(daemon: Daemon) -> None:
    """One order of each kind that is active when the day ends, one of them extended."""
    day_s = 86_400
    pin = await daemon.order(
        "pin", region="eu-west-1", service="shop", pool="world", share=0.25, ttl_s=day_s
    )
    await daemon.order(
        "drain", region="eu-central-1", service="shop", pool="europe", ttl_s=day_s,
        ignore_guards=["min_active", "capacity"],
    )  # fmt: skip
    await daemon.order("failover", region="us-east-1", service="api", ttl_s=day_s)
    await asyncio.sleep(40)
    await daemon.order("freeze", service="api", ttl_s=day_s)
    extension = {"ttl_s": 2 * day_s, "reason": "it lasts longer", "author": "ben"}
    await daemon.send("PATCH", f"/v1/overrides/{pin}", 200, extension)
    await asyncio.sleep(2)
