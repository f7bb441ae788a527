"""One request of one user, over a new connection, as on a first visit to a site."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import aiohttp

from controller.sandbox.world.population import UserDestination, source_of

DEADLINE_S = 2.0
"""Seconds after which the user gives up."""


class Visitor:
    """Makes requests; an async context manager that owns the HTTP client."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def visit(self, destination: UserDestination, address: str, country: str) -> str | None:
        """The region that served the request; None when it failed."""
        try:
            if destination.scheme == "http":
                return await self._over_http(destination, address)
            async with asyncio.timeout(DEADLINE_S):
                return await _over_tcp(destination, address, country)
        except (aiohttp.ClientError, OSError, ValueError):
            # A failure is a measurement here: the caller counts it. TimeoutError is an OSError.
            return None

    async def _over_http(self, destination: UserDestination, address: str) -> str | None:
        url = f"http://{address}:{destination.port}/"
        host = {"Host": destination.name.rstrip(".")}
        async with self._session.get(url, headers=host) as response:
            await response.read()
            return response.headers.get("X-Region") if response.status == 200 else None


async def _over_tcp(destination: UserDestination, address: str, country: str) -> str | None:
    reader, writer = await asyncio.open_connection(
        address, destination.port, local_addr=(source_of(country), 0)
    )
    try:
        line = await reader.readline()
        writer.write(b"thanks\n")
        return line.decode("ascii").strip() or None
    finally:
        writer.close()
