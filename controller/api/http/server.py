"""The HTTP server of the admin API, which stops within a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from controller.api.http.accepting import Acceptor, listening_sockets
from controller.api.http.client_connections import ClientConnections

_GRACE_S = 0.4
"""Seconds that running requests get to end; aiohttp waits twice, before and after cancelling."""
_KEEP_ALIVE_S = 15.0
"""Seconds a connection may be idle between two requests."""
_BACKLOG = 1024
_CONNECTION_OPTIONS = {
    "access_log": None,
    "auto_decompress": False,
    "keepalive_timeout": _KEEP_ALIVE_S,
    "lingering_time": 0.5,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 64,
}
"""aiohttp's options of a connection. `auto_decompress`: compressed bodies are refused, and one that
only calls itself compressed would be logged with a traceback. `lingering_time`: seconds in which
the rest of a refused body is still received, so that the client gets to read the error response."""


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, connections: int = 1000
) -> AsyncIterator[str]:
    """Serve the application; yields its URL, with the real port when `port` is 0.

    Raises OSError when the address cannot be used. On exit every connection is closed within a
    second, also with requests that do not end.
    """
    runner = web.AppRunner(app, shutdown_timeout=_GRACE_S)
    await runner.setup()
    try:
        assert runner.server is not None, "setup() creates it"
        known = ClientConnections(connections)
        factory = known.factory(runner.server, **_CONNECTION_OPTIONS)
        sockets = listening_sockets(host, port, _BACKLOG)
        acceptors = [Acceptor(one, known, factory) for one in sockets]
        try:
            yield _url(host, sockets[0].getsockname()[1])
        finally:
            for acceptor in acceptors:
                acceptor.close()
    finally:
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
