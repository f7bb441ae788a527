"""One probe of real sockets: what passes, and the texts of failures."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from controller.sandbox.emulator.checkers import single_probe
from controller.sandbox.emulator.checkers.single_probe import Target, probe

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def endpoint(behaviour: Behaviour) -> AsyncIterator[Target]:
    """A server on a free port, as a target for HTTP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1], "a.test", "/healthz")


def answering(reply: bytes, asked: list[bytes] | None = None) -> Behaviour:
    """Read one request and answer it."""

    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if asked is not None:
            asked.append(request)
        writer.write(reply)
        await writer.drain()

    return behaviour


def reply(status: str, body: bytes = b"") -> bytes:
    """An HTTP/1.1 reply."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("status", "passed"),
    [("200 OK", True), ("204 No Content", True), ("307 Moved", True), ("404 Not Found", False)],
)
async def test_only_2xx_and_3xx_pass(status: str, passed: bool) -> None:
    """Developer guide: a status code of 2xx or 3xx; a redirect is not followed."""
    async with endpoint(answering(reply(status))) as target:
        result = await probe(target)
    assert result.passed is passed
    assert f"HTTP Status Code {status[:3]}, {status[4:]}" in result.status


async def test_the_request_names_host_and_path() -> None:
    """One GET with the Host header given."""
    asked: list[bytes] = []
    async with endpoint(answering(reply("200 OK"), asked)) as target:
        await probe(target)
    assert asked[0].startswith(b"GET /healthz HTTP/1.1\r\nHost: a.test\r\n")


@pytest.mark.parametrize(
    ("body", "passed"),
    [
        (b"all ok here", True),
        (b"no", False),
        (b"x" * 5_118 + b"ok", True),
        (b"x" * 5_119 + b"ok", False),
    ],
)
async def test_the_string_must_lie_wholly_in_the_first_5120_bytes(
    body: bytes, passed: bool
) -> None:
    """Developer guide, string matching: the whole string within the first 5,120 bytes."""
    async with endpoint(answering(reply("200 OK", body))) as target:
        result = await probe(replace(target, search_string="ok"))
    assert result.passed is passed


async def test_a_refused_connection_fails_with_its_reason() -> None:
    """The port was released just before."""
    async with endpoint(answering(b"")) as target:
        pass
    for each in (target, replace(target, host=None)):
        result = await probe(each)
        assert not result.passed
        assert "could not connect" in result.status


async def test_a_tcp_check_needs_a_connection_only() -> None:
    """The endpoint never sends data."""
    async with endpoint(answering(b"")) as target:
        result = await probe(replace(target, host=None))
    assert result.passed


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"", "response was broken"), (b"SSH-2.0\r\n\r\n", "not HTTP"), (b"x" * 70_000, "broken")],
)
async def test_a_broken_response_fails_with_its_reason(answer: bytes, words: str) -> None:
    """Closed early, another protocol, a head without end."""
    async with endpoint(answering(answer)) as target:
        result = await probe(target)
    assert not result.passed
    assert words in result.status


async def test_a_hanging_endpoint_fails_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status must come within two seconds (a tenth of one here)."""
    monkeypatch.setattr(single_probe, "RESPONSE_S", 0.1)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with endpoint(hang) as target:
        result = await probe(target)
    assert not result.passed
    assert "did not respond within the timeout" in result.status
