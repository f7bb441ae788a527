"""The world process: its announcement, and its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from controller.sandbox.errors import SandboxError
from controller.sandbox.world.world_process import WorldOptions, serve
from tests.sandbox.worlds import two_regions

OPTIONS = WorldOptions(control_port=0, dns="127.0.0.1:1", daemon_url="http://127.0.0.1:1", users=4)


async def test_it_announces_its_control_url_and_ends_on_request() -> None:
    """Once, when everything listens; after the end nothing listens."""
    configuration, probes = two_regions()
    stop = asyncio.Event()
    announced: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        world = tasks.create_task(serve(OPTIONS, configuration, announced.put_nowait, stop))
        ready = await announced.get()
        assert ready["ready"] == "world"
        for url in (f"{ready['url']}/state", probes["eu"], probes["us"], probes["known_good"]):
            async with session.get(url) as response:
                assert response.status == 200
        stop.set()
        async with asyncio.timeout(1):
            await world
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(probes["eu"])
    assert announced.empty()


@pytest.mark.parametrize("dns", ["", "127.0.0.1", ":53", "127.0.0.1:x"])
async def test_a_name_servers_address_is_host_and_port(dns: str) -> None:
    """Other text is refused before users start."""
    configuration, _ = two_regions()
    with pytest.raises(SandboxError, match="must be host:port"):
        await serve(replace(OPTIONS, dns=dns), configuration, lambda line: None, asyncio.Event())


async def test_an_address_in_use_ends_it() -> None:
    """The error names the address, and nothing listens afterwards."""
    configuration, _ = two_regions()
    stop = asyncio.Event()
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(OPTIONS, configuration, lambda line: ready.set(), stop))
        await ready.wait()
        with pytest.raises(OSError, match="in use"):
            await serve(OPTIONS, configuration, lambda line: None, asyncio.Event())
        stop.set()
