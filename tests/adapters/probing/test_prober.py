"""Probes of real servers on loopback: healthy, failing and hostile ones."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from typing import Any

import pytest

from controller.adapters.probing import connection_setup, probe_connection
from controller.adapters.probing.prober import NetworkProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from tests.adapters.probing.asking import DEADLINE_S, OK, Asker, ask_once, asking, given_up_after_s
from tests.adapters.probing.servers import Handler, KeepAlive, hang, raw, served

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def _slow_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One header line every 50 ms until the client closes: never idle, never complete."""
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
    writer.write(CHUNKED)
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def _speaks_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer before the request."""
    writer.write(OK)
    await writer.drain()
    await reader.read()


async def ask_served(handler: Handler, **endpoint: Any) -> ProbeResult:
    """One HTTP probe of a server with this handler."""
    async with served(handler) as address:
        return await ask_once(probe=f"http://{address}/", **endpoint)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


NOT_HTTP = "answer is not HTTP:"
TOO_LARGE = f"{NOT_HTTP} its headers are larger than 32 KiB"


async def test_a_good_answer_passes_with_its_status_latency_and_address() -> None:
    """Status and text as configured; the result has latency and address."""
    time = asyncio.get_running_loop().time
    async with served(raw(OK)) as address:
        before = time()
        result = await ask_once(probe=f"http://{address}/", body_contains="ok")

    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "200")
    assert before < result.at <= time()
    assert 0 < result.latency_s < DEADLINE_S
    assert result.address == address


@pytest.mark.parametrize(
    ("answer", "settings", "detail"),
    [
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", {}, "HTTP 503"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", {}, "HTTP 500"),
        (b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", {}, "HTTP 302"),
        (OK, {"body_contains": "fine"}, 'body lacks "fine"'),
        (OK, {"statuses": (204, "3xx", "201-203")}, "HTTP 200"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", {}, f"{NOT_HTTP} it does not begin with HTTP/1."),
        (b"\x00\xff" * 500 + b"\r\n\r\n", {}, f"{NOT_HTTP} it does not begin with HTTP/1."),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", {}, TOO_LARGE),
        (CHUNKED + b"zz\r\n", {}, f'{NOT_HTTP} a chunk\'s size is "zz"'),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", {}, "HTTP 101"),
        (b"", {}, "connection closed without an answer"),
        (b"HTTP/1.1 200 O", {}, "answer breaks off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", {}, "answer breaks off"),
        (CHUNKED + b"2\r\nok\r\n", {}, "answer breaks off"),
    ],
)
async def test_a_wrong_answer_fails_and_says_what_was_wrong(
    answer: bytes, settings: dict[str, object], detail: str
) -> None:
    """For any answer the result has one short reason."""
    result = await ask_served(raw(answer), **settings)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, detail)


@pytest.mark.parametrize(
    "pieces",
    [
        (OK,),
        tuple(OK[i : i + 1] for i in range(len(OK))),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK),
        (CHUNKED, b"1;why=not\r\no\r", b"\n1\r\nk\r\n0\r\n", b"Trailer: x\r\n\r\n"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"o", b"k"),
        (b"HTTP/1.1 200 OK\n\nok",),
        (b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nok",),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"ok" + b"x" * 59_998),
    ],
    ids=[
        "one piece",
        "byte by byte",
        "interim answers",
        "chunked",
        "until it closes",
        "bare line feeds",
        "terse",
        "huge headers",
        "long body",
    ],
)
async def test_every_valid_answer_passes(pieces: tuple[bytes, ...]) -> None:
    """Real servers send all of these."""
    result = await ask_served(raw(*pieces), body_contains="ok")

    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "200")


async def test_an_answer_is_whole_before_the_connection_ends() -> None:
    """The probe does not wait for servers that keep the connection open."""
    async with served(raw(OK, closes=False)) as address:
        result = await ask_once(probe=f"http://{address}/", max_timeout_s=5)

    assert result.outcome is ProbeOutcome.PASSED
    assert result.latency_s < 4


async def test_a_server_without_body_passes_by_its_status() -> None:
    """204 never has a body, with any headers."""
    answer = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"
    result = await ask_served(raw(answer, closes=False), statuses=(204,))

    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "204")


async def test_an_answer_before_the_request_is_accepted() -> None:
    """Unusual, but HTTP has no rule against it."""
    assert (await ask_served(_speaks_first)).outcome is ProbeOutcome.PASSED


async def test_a_redirect_is_not_followed() -> None:
    """The endpoint is probed, not its target."""
    server = KeepAlive(b"HTTP/1.1 301 M\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    assert (await ask_served(server)).detail == "HTTP 301"
    assert server.requests == 1


async def test_what_is_sent_is_a_plain_request() -> None:
    """Path and query as written, the host with its port, no compression, no second request."""
    requests: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with served(note) as address:
        await ask_once(probe=f"http://{address}/a%20b/ü?q=1&r=[x]#part")

    first, *headers = requests[0].decode().split("\r\n")
    assert first == "GET /a%20b/%C3%BC?q=1&r=[x] HTTP/1.1"
    assert headers[:5] == [
        f"Host: {address}",
        "User-Agent: global-traffic-controller",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]


async def test_every_probe_opens_a_new_connection() -> None:
    """A kept connection would hide that the server accepts no new ones."""
    server = KeepAlive()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        for _ in range(3):
            assert (await asker.ask()).outcome is ProbeOutcome.PASSED

    assert server.connections == 3


@pytest.mark.parametrize("handler", [hang, _slow_headers], ids=["hang", "slow headers"])
async def test_the_deadline_is_for_the_whole_probe(handler: Handler) -> None:
    """Neither silence nor slow bytes make it longer."""
    result = await ask_served(handler)

    assert DEADLINE_S <= given_up_after_s(result) < 20
    assert DEADLINE_S - 0.01 < result.latency_s < 20


async def test_an_endless_body_is_read_up_to_its_limit() -> None:
    """Up to 64 KiB are searched for the text."""
    passed = await ask_served(_endless_body)
    failed = await ask_served(_endless_body, body_contains="ok")

    assert passed.outcome is ProbeOutcome.PASSED
    assert (failed.outcome, failed.detail) == (ProbeOutcome.FAILED, 'body lacks "ok"')


@pytest.mark.parametrize("scheme", ["http", "https", "tcp"])
async def test_a_closed_port_is_a_refusal(scheme: str) -> None:
    """The most frequent failure has a plain text."""
    result = await ask_once(probe=f"{scheme}://127.0.0.1:{_free_port()}")

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "connection refused")


async def test_a_connection_that_is_reset_says_so() -> None:
    """As the kernel does for a process that crashed during a request."""

    async def crash(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        made = writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    result = await ask_served(crash)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "connection reset")


async def test_something_else_than_tls_is_a_failure_of_tls() -> None:
    """The detail names the handshake, not the time."""
    async with served(_no_tls) as address:
        result = await ask_once(probe=f"https://{address}/")

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "TLS: WRONG_VERSION_NUMBER")


async def test_a_tcp_probe_passes_when_the_connection_opens() -> None:
    """No data is sent or needed."""
    async with served(hang) as address:
        result = await ask_once(probe=f"tcp://{address}")

    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "connected")


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_an_ipv6_endpoint_is_probed_like_any_other(scheme: str) -> None:
    """Its address has brackets."""
    try:
        async with served(raw(OK), host="::1") as address:
            result = await ask_once(probe=f"{scheme}://{address}")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")

    assert (result.outcome, result.address) == (ProbeOutcome.PASSED, address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_without_file_descriptors_the_probe_could_not_run(scheme: str, host: str) -> None:
    """The prober's lack says nothing about the endpoint, nor about its name."""
    async with (
        served(raw(OK)) as address,
        asking(probe=f"{scheme}://{address.replace('127.0.0.1', host)}") as asker,
    ):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as highest:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno(), hard))
        try:
            result = await asker.ask()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert result.outcome is ProbeOutcome.COULD_NOT_RUN
    assert result.detail == "no file descriptor left in this process"


async def test_no_free_local_port_could_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """EADDRNOTAVAIL is the prober's fault; it is injected because it is hard to provoke."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(connection_setup, "start_connecting", refuse)
    result = await ask_once(probe="tcp://127.0.0.1:1")

    assert (result.outcome, result.detail) == (
        ProbeOutcome.COULD_NOT_RUN,
        "no local address or port left",
    )


async def test_a_mistake_of_this_program_is_no_failure_of_the_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It must not move traffic, and must not stop the prober."""

    def stumble(*_: object) -> None:
        raise ZeroDivisionError("of ours")

    async with served(raw(OK)) as address, asking(probe=f"http://{address}") as asker:
        with monkeypatch.context() as patched:
            patched.setattr(probe_connection, "ResponseCheck", stumble)
            ours = await asker.ask()
        well = await asker.ask()

    assert (ours.outcome, ours.detail) == (
        ProbeOutcome.COULD_NOT_RUN,
        "ZeroDivisionError: of ours",
    )
    assert well.outcome is ProbeOutcome.PASSED


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_a_closed_target_reports_nothing(scheme: str) -> None:
    """Neither a coming answer nor the deadline."""
    async with served(hang) as address, NetworkProber() as prober:
        asker = Asker(prober, Endpoint(probe=f"{scheme}://{address}"))
        asker.target.start_probe(0.05, 0.05)
        asker.target.close()
        await asyncio.sleep(0.15)

    assert asker.unasked == 0


async def test_a_failure_to_begin_is_reported_after_start_probe_returns() -> None:
    """The caller need not expect a result during the call."""
    async with asking(probe="http://255.255.255.255:1/") as asker:
        result = await asker.ask()

    assert result.outcome in (ProbeOutcome.FAILED, ProbeOutcome.COULD_NOT_RUN)


async def test_many_endpoints_are_probed_at_once() -> None:
    """Each gets its own result."""
    async with served(raw(OK)) as address, NetworkProber() as prober:
        askers = [Asker(prober, Endpoint(probe=f"http://{address}/{i}")) for i in range(300)]
        results = await asyncio.gather(*(asker.ask(5) for asker in askers))

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
