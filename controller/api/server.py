"""Listens for the admin API and stops listening quickly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

_GRACE_S = 0.4
"""Seconds a request under way may take to end; aiohttp grants it twice, before and after
cancelling."""


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve the application; yields its URL, with the real port where `port` is 0.

    Raises OSError when the address cannot be listened on. Leaving closes every connection within a
    second, whatever their requests do.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield _url(host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
