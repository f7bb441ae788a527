"""The servers of the regional applications: one small HTTP or TCP server per address and port.

A listener can be opened and closed repeatedly; closing drops its connections at once, as a dying
process does. The region's `Behaviour` decides about its answers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol

from aiohttp import web

from controller.sandbox.world.region_modes import Behaviour

TCP_LINGER_S = 1.0
"""Seconds that a TCP endpoint waits for the client's line before it closes."""
_CLOSE_WITHIN_S = 0.01  # a dying process does not wait for running requests


class Listener(Protocol):
    """One address and port of a region."""

    async def open(self) -> None:
        """Start to listen; OSError when the address cannot be had."""

    async def close(self) -> None:
        """Stop listening and drop what is connected."""


class HttpListener:
    """An HTTP server: `/` answers the region's name, other paths `ok`, all with X-Region."""

    def __init__(self, region: str, host: str, port: int, behaviour: Behaviour) -> None:
        self._region = region
        self._host = host
        self._port = port
        self._behaviour = behaviour
        self._runner: web.ServerRunner | None = None

    async def open(self) -> None:
        """Start to listen; OSError when the address cannot be had."""
        # A client that closes cancels the handler; otherwise a hanging one would stay for ever.
        server = web.Server(self._answer, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=_CLOSE_WITHIN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def close(self) -> None:
        """Stop listening and drop what is connected."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        failed = await self._behaviour.fails()
        text = f"{self._region}\n" if request.path == "/" else "ok\n"
        return web.Response(
            status=500 if failed else 200,
            text="broken on purpose\n" if failed else text,
            headers={"X-Region": self._region},
        )


class TcpListener:
    """A TCP server that writes the region's name, waits for a line or a second, and closes."""

    def __init__(self, region: str, host: str, port: int, behaviour: Behaviour) -> None:
        self._region = region
        self._host = host
        self._port = port
        self._behaviour = behaviour
        self._server: asyncio.Server | None = None
        self._transports: set[asyncio.Transport] = set()

    async def open(self) -> None:
        """Start to listen; OSError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_connection, self._host, self._port)

    async def close(self) -> None:
        """Stop listening and drop what is connected."""
        if self._server is None:
            return
        self._server.close()
        for transport in tuple(self._transports):
            transport.abort()
        await self._server.wait_closed()
        self._server = None

    def _new_connection(self) -> _TcpConnection:
        return _TcpConnection(f"{self._region}\n".encode(), self._behaviour, self._transports)


class _TcpConnection(asyncio.Protocol):
    """One TCP connection; its task ends with it, so that a hanging region leaves no tasks."""

    def __init__(
        self, greeting: bytes, behaviour: Behaviour, open_transports: set[asyncio.Transport]
    ) -> None:
        self._greeting = greeting
        self._behaviour = behaviour
        self._open_transports = open_transports
        self._line_received = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_transports.add(transport)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        if b"\n" in data:
            self._line_received.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_transports.discard(self._transport)
        self._task.cancel()

    async def _serve(self) -> None:
        if not await self._behaviour.fails():
            self._transport.write(self._greeting)
            with suppress(TimeoutError):
                async with asyncio.timeout(TCP_LINGER_S):
                    await self._line_received.wait()
        self._transport.close()
