"""Connections that are slow, silent or too many are closed; all others are not."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import aiohttp
import pytest
from aiohttp import web

from controller.api.http import accepting, body_reading, client_connections, server
from controller.api.http.client_connections import track_requests
from controller.api.http.server import serving
from tests.loops.small import events, logged

DEADLINE_S = 0.3
KEEP_ALIVE_S = 1.5
REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(autouse=True)
def _short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of 0.3 s instead of seconds."""
    monkeypatch.setattr(client_connections, "RECEIVE_DEADLINE_S", DEADLINE_S)
    monkeypatch.setattr(client_connections, "SEND_DEADLINE_S", DEADLINE_S)
    monkeypatch.setattr(body_reading, "RECEIVE_DEADLINE_S", DEADLINE_S)
    monkeypatch.setitem(server._CONNECTION_OPTIONS, "keepalive_timeout", KEEP_ALIVE_S)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Read until the server has closed the connection; whether it did."""
    try:
        while await reader.read(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


class ListeningServer:
    """A server that listens, and its URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.made = 0
        """How often `/big` was answered."""
        self.port = int(url.rpartition(":")[2])

    async def open(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which these bytes were sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        return reader, writer

    async def closed_after_s(self, sent: bytes) -> float:
        """Seconds until the server closes a connection on which these bytes were sent."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        reader, writer = await self.open(sent)
        async with asyncio.timeout(20 * DEADLINE_S):
            await ended(reader)
        writer.close()
        return loop.time() - began


@asynccontextmanager
async def listening_server(most: int = 100) -> AsyncIterator[ListeningServer]:
    """`/hello` answers, `/slow` takes longer than a deadline, `/flood` never ends.

    `/big` has 8 MB, more than the kernel holds.
    """

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(3 * DEADLINE_S)
        return web.Response(text="done")

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    async def big(_request: web.Request) -> web.Response:
        there.made += 1
        return web.Response(body=b"z" * 8 * 2**20)

    app = web.Application(middlewares=(track_requests,))
    app.add_routes([web.get("/hello", hello), web.get("/slow", slow), web.get("/flood", flood)])
    app.add_routes([web.get("/big", big)])
    async with serving(app, "127.0.0.1", 0, connections=most) as url:
        there = ListeningServer(url)
        yield there


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /hel", b"GET /hello HTTP/1.1\r\nHost: loc", REQUEST[:-2]],
    ids=["nothing", "half a line", "half a header", "all but the end"],
)
async def test_headers_that_do_not_come_in_time_end_the_connection(sent: bytes) -> None:
    """At the deadline, with any part of them sent."""
    async with listening_server() as there:
        assert DEADLINE_S <= await there.closed_after_s(sent) < 3 * DEADLINE_S


async def test_single_bytes_do_not_extend_the_deadline() -> None:
    """A slowloris attack sends one byte now and then."""
    async with listening_server() as there:
        loop = asyncio.get_running_loop()
        began = loop.time()
        _, writer = await there.open(REQUEST[:10])
        for byte in REQUEST[10:30]:
            if writer.transport.is_closing():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(DEADLINE_S / 5)
        assert loop.time() - began < 3 * DEADLINE_S
        writer.close()


async def test_half_a_request_behind_a_whole_one_lives_no_longer_than_an_idle_connection() -> None:
    """One complete request does not disable the deadline of the next."""
    async with listening_server() as there:
        assert await there.closed_after_s(REQUEST + REQUEST[:10]) < KEEP_ALIVE_S + DEADLINE_S
        assert await there.closed_after_s(REQUEST) < KEEP_ALIVE_S + DEADLINE_S


async def test_a_second_request_begun_late_has_its_own_deadline() -> None:
    """Idle time between requests is allowed; a half request is not."""
    async with listening_server() as there:
        reader, writer = await there.open(REQUEST)
        await reader.readuntil(b"hello")
        await asyncio.sleep(2 * DEADLINE_S)
        writer.write(REQUEST)
        await reader.readuntil(b"hello")
        writer.write(REQUEST[:10])
        async with asyncio.timeout(5 * DEADLINE_S):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        writer.close()


async def test_no_deadline_applies_to_a_handler() -> None:
    """Only the client has deadlines."""
    async with (
        listening_server() as there,
        aiohttp.ClientSession() as session,
        session.get(f"{there.url}/slow") as answer,
    ):
        assert await answer.text() == "done"


async def test_a_client_that_reads_nothing_is_closed() -> None:
    """Its response would stay in memory."""
    async with listening_server() as there:
        reader, writer = await there.open(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # A stream's transport reads as well as it writes; its type says only the latter.
        transport = cast(asyncio.Transport, writer.transport)
        transport.pause_reading()
        await asyncio.sleep(5 * DEADLINE_S)
        transport.resume_reading()
        async with asyncio.timeout(20 * DEADLINE_S):
            assert await ended(reader)
        writer.close()


async def test_above_the_limit_the_connection_idle_for_longest_is_closed() -> None:
    """The new one is served, and recently used ones stay."""
    async with listening_server(most=3) as there:
        streams = [await there.open(REQUEST) for _ in range(3)]
        for reader, _ in streams:
            await reader.readuntil(b"hello")
        streams[0][1].write(REQUEST)  # heard of again: now the second is the oldest
        await streams[0][0].readuntil(b"hello")
        newcomer = await there.open(REQUEST)
        await newcomer[0].readuntil(b"hello")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await streams[1][0].readexactly(1)
        streams[0][1].write(REQUEST)
        await streams[0][0].readuntil(b"hello")
        for _, writer in (*streams, newcomer):
            writer.close()


async def test_busy_connections_are_not_closed_above_the_limit() -> None:
    """When all are busy, the new one is closed."""
    async with listening_server(most=2) as there:
        at_work = [
            await there.open(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(2)
        ]
        await asyncio.sleep(DEADLINE_S / 3)
        assert await there.closed_after_s(b"") < DEADLINE_S
        for reader, writer in at_work:
            await reader.readuntil(b"done")
            writer.close()


def accepted_of(port: int) -> int:
    """How many sockets of this process are ends of connections to this port of its own."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as one:
                    found += one.getsockname()[1:] == (port,) and bool(one.getpeername())
    return found


async def test_a_burst_never_takes_more_than_the_limit() -> None:
    """Several hundred at once, all without a word: no more than the limit and one turn's worth."""
    most, at_once = 20, accepting._AT_ONCE
    clients = [socket.socket() for _ in range(200)]
    async with listening_server(most=most) as there:
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", there.port))
        highest, rounds = 0, 0
        while rounds < 200 // at_once + 20:
            await asyncio.sleep(0)
            highest, rounds = max(highest, accepted_of(there.port)), rounds + 1
        assert most <= highest <= most + at_once
        assert accepted_of(there.port) == most
        for client in clients:
            client.close()


async def test_what_the_system_refuses_to_accept_is_said_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a descriptor left; asyncio's own server logs a traceback for each that waits."""
    refusals = [OSError(errno.EMFILE, "Too many open files")] * 3

    def accept(listening: socket.socket) -> tuple[socket.socket, object]:
        if refusals:
            raise refusals.pop()
        return socket.socket.accept(listening)

    monkeypatch.setattr(accepting, "_accept", accept)
    async with listening_server() as there:
        with logged() as lines:
            reader, writer = await there.open(REQUEST)
            await reader.readuntil(b"hello")
            writer.close()
    assert events(lines) == ["connections_not_accepted"] * 3


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (
            b"GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: CANARY"
            + b"a" * 9000
            + b"\r\n\r\n",
            "the request's first line or a header is too long",
        ),
        (
            b"GET /CANARY" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "the request's first line or a header is too long",
        ),
        (b"CANARY\r\n\r\n", "not a request of HTTP/1.1 (BadHttpMethod)"),
        (
            b"GET /hello HTTP/1.1\r\nHost: localhost\r\nCookie\xff CANARY\r\n\r\n",
            "not a request of HTTP/1.1 (BadHttpMessage)",
        ),
    ],
)
async def test_bytes_that_are_no_request_get_a_problem_and_reach_no_log(
    sent: bytes, detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The problem has the headers of every response; a secret in the bytes reaches no log."""
    async with listening_server() as server_, asyncio.timeout(5):
        with logged() as lines:
            reader, writer = await server_.open(sent)
            answer = (await reader.read()).decode()
            writer.close()

    head, _, body = answer.partition("\r\n\r\n")
    problem = json.loads(body)
    assert head.splitlines()[0].endswith("400 Bad Request")
    assert (problem["status"], problem["detail"]) == (400, detail)
    for header in ("Server: gtc", "X-Content-Type-Options: nosniff", "application/problem+json"):
        assert header in head
    assert "CANARY" not in answer + caplog.text + str(lines)
    assert events(lines) == ["request_unreadable"]


async def test_answers_that_nobody_takes_cost_a_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above the limit of all unread answers together the client that owes most is closed."""
    monkeypatch.setattr(client_connections, "MAX_UNREAD_BYTES", 300_000)
    flood = b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with listening_server() as there:
        clients = [await there.open(flood) for _ in range(8)]
        for _, writer in clients:
            cast(asyncio.Transport, writer.transport).pause_reading()
        reader, writer = await there.open(REQUEST)
        await reader.readuntil(b"hello")
        writer.close()
        await asyncio.sleep(DEADLINE_S / 2)
        assert accepted_of(there.port) == 0
        for _, writer in clients:
            writer.transport.abort()


async def test_pipelined_requests_wait_until_their_client_takes_answers() -> None:
    """A hundred requests of one connection, and no answer taken: the second is not made yet."""
    async with listening_server() as there:
        reader, writer = await there.open(b"")
        cast(asyncio.Transport, writer.transport).pause_reading()
        writer.write(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        await asyncio.sleep(DEADLINE_S / 2)
        assert there.made <= 2
        cast(asyncio.Transport, writer.transport).resume_reading()
        await reader.readuntil(b"z")
        writer.transport.abort()
