"""The server: it listens on the given port and stops within a second."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest
from aiohttp import web

from controller.api.http.server import serving


def application() -> tuple[web.Application, asyncio.Event]:
    """An application with a path that never answers, and an event set by its requests."""
    asked = asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.add_routes([web.get("/never", never), web.get("/hello", hello)])
    return app, asked


async def test_the_url_has_the_real_port() -> None:
    """Port 0 becomes a free port, and requests to it are answered."""
    app, _ = application()
    async with (
        serving(app, "127.0.0.1", 0) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/hello") as response,
    ):
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", url)
        assert await response.text() == "hello"


async def test_it_stops_within_a_second_with_open_connections() -> None:
    """One idle, one that sent nothing, and a request that never ends."""
    loop = asyncio.get_running_loop()
    app, asked = application()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        async with serving(app, "127.0.0.1", 0) as url:
            async with session.get(f"{url}/hello") as response:
                await response.read()
            port = int(url.rsplit(":", 1)[1])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            hanging = group.create_task(_get(session, f"{url}/never"))
            await asked.wait()
            began = loop.time()
        took_s = loop.time() - began
        writer.close()

    assert took_s < 1
    assert isinstance(hanging.result(), aiohttp.ClientError)


async def test_a_taken_port_raises_and_leaves_nothing_open() -> None:
    """The start of the daemon fails at once."""
    first, _ = application()
    second, _ = application()
    async with serving(first, "127.0.0.1", 0) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="address already in use"):
            async with serving(second, "127.0.0.1", port):
                pass


async def _get(session: aiohttp.ClientSession, url: str) -> Exception | None:
    try:
        async with session.get(url) as response:
            await response.read()
    except aiohttp.ClientError as error:
        return error
    return None
