"""The prober against real servers on loopback: healthy, ill and hostile ones."""

from __future__ import annotations

import asyncio
import errno
import resource
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from controller.adapters.clock import SystemClock
from controller.adapters.prober import AiohttpProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DEADLINE_S = 0.5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def _raw(answer: bytes) -> Handler:
    """A server that answers every request with these bytes and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return handle


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _slow_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One header line every 50 ms for as long as somebody listens: never idle, never done."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Slow: yes\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.test ESMTP\r\n")
    await reader.read()


async def _endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


@asynccontextmanager
async def _served(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Host and port of a server that serves by `handler`; its connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        # Streams report a cancelled handler as an error; the end of the test is none.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks)


async def _probe(endpoint: Endpoint, deadline_s: float = DEADLINE_S) -> ProbeResult:
    async with AiohttpProber(SystemClock()) as prober:
        return await prober.probe(endpoint, deadline_s)


async def _probe_served(handler: Handler, **settings: object) -> ProbeResult:
    async with _served(handler) as address:
        return await _probe(Endpoint.model_validate({"probe": f"http://{address}/", **settings}))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_a_good_answer_passes_with_its_status_and_latency() -> None:
    """Status and text as configured: passed, and timed on the clock's own scale."""
    before = asyncio.get_running_loop().time()
    result = await _probe_served(_raw(OK), body_contains="ok")
    after = asyncio.get_running_loop().time()

    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "200")
    assert before < result.at <= after
    assert 0 < result.latency_s < DEADLINE_S


@pytest.mark.parametrize(
    ("answer", "settings", "detail"),
    [
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", {}, "HTTP 503"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", {}, "HTTP 500"),
        (b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", {}, "HTTP 302"),
        (OK, {"body_contains": "fine"}, 'body lacks "fine"'),
        (OK, {"statuses": (204, "3xx", "201-203")}, "HTTP 200"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", {}, "answer is not HTTP"),
        (b"\x00\xff" * 500 + b"\r\n\r\n", {}, "answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", {}, "answer is not HTTP"),
        (b"", {}, "connection closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", {}, "answer breaks off"),
    ],
)
async def test_a_wrong_answer_fails_and_says_what_was_wrong(
    answer: bytes, settings: dict[str, object], detail: str
) -> None:
    """Whatever the endpoint answers, the probe returns one short reason."""
    result = await _probe_served(_raw(answer), **settings)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, detail)


async def test_a_redirect_is_not_followed() -> None:
    """The endpoint is asked, not whatever it points to."""
    requests = 0

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        answer = b"HTTP/1.1 301 M\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        await _raw(answer)(reader, writer)

    assert (await _probe_served(redirect)).detail == "HTTP 301"
    assert requests == 1


async def test_every_probe_opens_a_new_connection() -> None:
    """A kept connection would answer for a process that takes no new ones."""
    connections = 0

    async def keep_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while not reader.at_eof():
            if (await reader.readline()) == b"\r\n":
                writer.write(OK)

    async with _served(keep_alive) as address, AiohttpProber(SystemClock()) as prober:
        for _ in range(3):
            await prober.probe(Endpoint(probe=f"http://{address}/"), DEADLINE_S)
    assert connections == 3


@pytest.mark.parametrize("handler", [_hang, _slow_headers], ids=["hang", "slow headers"])
async def test_the_deadline_is_for_the_whole_probe(handler: Handler) -> None:
    """Neither silence nor a trickle of bytes can hold a probe longer."""
    result = await _probe_served(handler)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "no answer in 0.5 s")
    assert DEADLINE_S - 0.01 < result.latency_s < DEADLINE_S + 0.3


async def test_an_endless_body_is_read_up_to_its_limit() -> None:
    """64 KiB are enough to find a text; more is not read."""
    passed = await _probe_served(_endless_body)
    failed = await _probe_served(_endless_body, body_contains="ok")

    assert passed.outcome is ProbeOutcome.PASSED
    assert (failed.outcome, failed.detail) == (ProbeOutcome.FAILED, 'body lacks "ok"')


@pytest.mark.parametrize("scheme", ["http", "https", "tcp"])
async def test_a_closed_port_is_a_refusal(scheme: str) -> None:
    """The commonest failure has the plainest words."""
    result = await _probe(Endpoint(probe=f"{scheme}://127.0.0.1:{_free_port()}"))

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "connection refused")


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_a_name_without_address_does_not_resolve(scheme: str) -> None:
    """A name reserved never to exist (RFC 6761)."""
    result = await _probe(Endpoint(probe=f"{scheme}://nowhere.invalid:80"), deadline_s=20)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "name does not resolve")


async def test_something_else_than_tls_is_a_failure_of_tls() -> None:
    """The handshake fails; the detail says so instead of speaking of time."""
    async with _served(_no_tls) as address:
        result = await _probe(Endpoint(probe=f"https://{address}/"))

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "TLS: WRONG_VERSION_NUMBER")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_a_certificate_nobody_vouches_for_fails_by_name(tmp_path: Path) -> None:
    """Verification is on: users' browsers would refuse that endpoint too."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = "/CN=127.0.0.1"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj {subject}"
    process = await asyncio.create_subprocess_exec(
        *command.split(), "-keyout", key, "-out", certificate, stderr=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async with _served(_raw(OK), tls=context) as address:
        result = await _probe(Endpoint(probe=f"https://{address}/"))

    assert result.outcome is ProbeOutcome.FAILED
    assert result.detail in (
        "certificate: self-signed certificate",
        "certificate: self signed certificate",
    )


async def test_a_tcp_probe_passes_when_the_connection_opens() -> None:
    """Nothing is sent and nothing need be answered."""
    async with _served(_hang) as address:
        result = await _probe(Endpoint(probe=f"tcp://{address}"))

    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "connected")


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_without_file_descriptors_the_probe_could_not_run(scheme: str) -> None:
    """Our own want of descriptors says nothing of the endpoint."""
    async with _served(_raw(OK)) as address, AiohttpProber(SystemClock()) as prober:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as highest:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno(), hard))
        try:
            result = await prober.probe(Endpoint(probe=f"{scheme}://{address}"), DEADLINE_S)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert result.outcome is ProbeOutcome.COULD_NOT_RUN
    assert result.detail == "no file descriptor left in this process"


async def test_no_free_local_port_could_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """EADDRNOTAVAIL is our side's fault; it cannot be provoked cheaply, so it is injected."""

    async def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(asyncio, "open_connection", refuse)
    result = await _probe(Endpoint(probe="tcp://127.0.0.1:1"))

    assert (result.outcome, result.detail) == (
        ProbeOutcome.COULD_NOT_RUN,
        "no local address or port left",
    )


async def test_the_callers_cancellation_passes_through() -> None:
    """Shutting down must not be taken for an endpoint's failure."""
    async with _served(_hang) as address, AiohttpProber(SystemClock()) as prober:
        endpoint = Endpoint(probe=f"http://{address}/")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await prober.probe(endpoint, 10)


async def test_a_probe_is_one_question_although_the_library_would_ask_again() -> None:
    """aiohttp repeats a GET whose connection was closed; the repetition would hide a failure."""
    asked = 0

    async def closes_at_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        if asked > 1:
            writer.write(OK)
            await writer.drain()

    async with _served(closes_at_first) as address, AiohttpProber(SystemClock()) as prober:
        result = await prober.probe(Endpoint(probe=f"http://{address}/"), DEADLINE_S)

    assert (result.outcome, asked) == (ProbeOutcome.FAILED, 1)
