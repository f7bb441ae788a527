"""Listens for the admin API and stops listening quickly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from controller.api.http.client_connections import ClientConnections, affordable

_GRACE_S = 0.4
"""Seconds a request under way may take to end; aiohttp grants it twice, before and after
cancelling."""
_KEEP_ALIVE_S = 15.0
"""Seconds a connection may be idle between two requests."""
_BACKLOG = 1024
_HANDLING = {
    "access_log": None,
    "keepalive_timeout": _KEEP_ALIVE_S,
    "lingering_time": 0.5,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 64,
}
"""aiohttp's options of a connection. `lingering_time`: seconds for the rest of a body that nobody
reads any more, so that its sender gets to see why."""


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, connections: int = 1000
) -> AsyncIterator[str]:
    """Serve the application; yields its URL, with the real port where `port` is 0.

    Raises OSError when the address cannot be listened on. Leaving closes every connection within a
    second, whatever their requests do.
    """
    runner = web.AppRunner(app, shutdown_timeout=_GRACE_S)
    await runner.setup()
    try:
        assert runner.server is not None, "setup makes it"
        factory = ClientConnections(affordable(connections)).factory(runner.server, **_HANDLING)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(factory, host, port, backlog=_BACKLOG)
        try:
            yield _url(host, server.sockets[0].getsockname()[1])
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
