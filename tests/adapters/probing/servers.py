"""Small servers on loopback: healthy, failing and hostile ones."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.adapters.probing.asking import OK

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def raw(*pieces: bytes, gap_s: float = 0.0, closes: bool = True) -> Handler:
    """Answers the first request with these bytes, piece by piece, and then closes or not."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(gap_s)
        if not closes:
            await reader.read()
        writer.close()

    return handle


class KeepAlive:
    """Answers every request of a connection and counts both; `hang_up` ends its connections."""

    def __init__(self, answer: bytes = OK, requests_per_connection: int = 1_000_000) -> None:
        self.connections = 0
        self.requests = 0
        self.answer = answer
        self.takes_s = 0.0
        self._per_connection = requests_per_connection
        self._writers: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        for _ in range(self._per_connection):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            await asyncio.sleep(self.takes_s)
            writer.write(self.answer)

    def hang_up(self, farewell: bytes = b"") -> None:
        """Send these last bytes and close every connection."""
        for writer in self._writers:
            writer.write(farewell)
            writer.close()
        self._writers.clear()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts all data and answers nothing."""
    await reader.read()


@asynccontextmanager
async def served(
    handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Host and port of a server with this handler; its connections end with the context."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        # Streams report a cancelled handler as an error; the end of the test is none.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    async with server:
        found, port = server.sockets[0].getsockname()[:2]
        yield f"[{found}]:{port}" if ":" in found else f"{found}:{port}"
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks)
