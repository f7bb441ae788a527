"""HTTPS probes against real TLS servers on loopback whose certificates a private authority made."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.clock import SystemClock
from controller.adapters.prober import AiohttpProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from controller.settings.references import References
from tests.adapters.authority import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
DAY = timedelta(days=1)
NAME = "app.example.test"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Server:
    """A TLS server; remembers what was asked for."""

    def __init__(self) -> None:
        self.asked_names: list[str | None] = []
        self.requests: list[bytes] = []
        self.port = 0

    @asynccontextmanager
    async def serving(self, context: ssl.SSLContext) -> AsyncIterator[Server]:
        context.sni_callback = lambda _, name, __: self.asked_names.append(name)
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=context)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever does not trust us hangs up
        finally:
            writer.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all tests here."""
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


async def ask(
    authority: Authority, server: Server, secrets: Mapping[str, str] | None = None, **keys: Any
) -> ProbeResult:
    """One probe of the server, by its address."""
    trust = str(authority.file)
    probe = f"https://127.0.0.1:{server.port}/"
    endpoint = Endpoint.model_validate({"probe": probe, "ca_file": trust, **keys})
    references = References(secrets or {}, {trust: authority.file.read_text()})
    async with AiohttpProber(SystemClock(), references) as prober:
        return await prober.probe(endpoint, 5)


async def test_the_right_host_by_sni_passes_and_says_when_its_certificate_ends(
    authority: Authority,
) -> None:
    """The probe names an address; `host` is what TLS, the certificate and HTTP speak of."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=20 * DAY)
    async with Server().serving(context) as server:
        result = await ask(authority, server, host=NAME, body_contains="ok")

    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "200")
    assert server.asked_names == [NAME]
    assert f"Host: {NAME}\r\n".encode() in server.requests[0]
    assert result.certificate_ends_at is not None
    left = result.certificate_ends_at - datetime.now(UTC)
    assert 20 * DAY - timedelta(minutes=1) < left <= 20 * DAY


async def test_an_address_in_the_certificate_needs_no_name(authority: Authority) -> None:
    """A certificate may name the address itself."""
    context = authority.context("IP:127.0.0.1", begins_in=-DAY, ends_in=DAY)
    async with Server().serving(context) as server:
        result = await ask(authority, server)

    assert result.outcome is ProbeOutcome.PASSED


@pytest.mark.parametrize(
    ("name", "begins_in", "ends_in", "detail"),
    [
        (f"DNS:{NAME}", -10 * DAY, -DAY, "certificate: certificate has expired"),
        (f"DNS:{NAME}", DAY, 10 * DAY, "certificate: certificate is not yet valid"),
        (
            "DNS:other.example.test",
            -DAY,
            DAY,
            f"certificate: Hostname mismatch, certificate is not valid for '{NAME}'.",
        ),
    ],
    ids=["expired", "not yet valid", "wrong host"],
)
async def test_a_certificate_users_would_refuse_fails_by_its_fault(
    authority: Authority, name: str, begins_in: timedelta, ends_in: timedelta, detail: str
) -> None:
    """Nothing is sent to whoever cannot show who it is."""
    context = authority.context(name, begins_in=begins_in, ends_in=ends_in)
    async with Server().serving(context) as server:
        result = await ask(authority, server, host=NAME)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, detail)
    assert result.certificate_ends_at is None
    assert server.requests == []


async def test_an_authority_nobody_configured_is_not_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    """With `ca_file` its authorities alone count; without it, the system's."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=DAY)
    stranger = Authority(tmp_path / "stranger")
    async with Server().serving(context) as server:
        own = await ask(stranger, server, host=NAME)
        system = await ask(authority, server, host=NAME, ca_file=None)

    for result in (own, system):
        assert result.outcome is ProbeOutcome.FAILED
        assert result.detail.startswith("certificate: ")


async def test_secrets_are_sent_as_headers_and_never_told(authority: Authority) -> None:
    """The endpoint gets the secret; the result, the settings and the references do not show it."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=DAY)
    secret, reference = "Bearer k3y-canary", "env:PROBE_TOKEN"
    async with Server().serving(context) as server:
        result = await ask(
            authority,
            server,
            {reference: secret},
            host=NAME,
            headers={"Authorization": reference},
        )

    assert result.outcome is ProbeOutcome.PASSED
    assert f"Authorization: {secret}\r\n".encode() in server.requests[0]
    shown = repr(result) + repr(References({reference: secret}))
    assert "k3y-canary" not in shown


async def test_a_reference_that_was_not_read_says_nothing_of_the_endpoint() -> None:
    """A request without its secret would be refused, and that would be our fault."""
    endpoint = Endpoint(probe="https://127.0.0.1:1/", headers={"Authorization": "env:X"})
    async with AiohttpProber(SystemClock()) as prober:
        result = await prober.probe(endpoint, 1)

    assert (result.outcome, result.detail) == (
        ProbeOutcome.COULD_NOT_RUN,
        "env:X has not been read",
    )


async def test_new_references_are_used_from_the_next_probe_on(authority: Authority) -> None:
    """A secret that was rotated, and an authority that was added."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=DAY)
    keys = {"host": NAME, "ca_file": str(authority.file), "headers": {"X-Key": "env:K"}}
    async with Server().serving(context) as server, AiohttpProber(SystemClock()) as prober:
        endpoint = Endpoint.model_validate({"probe": f"https://127.0.0.1:{server.port}/", **keys})
        text = authority.file.read_text()
        for secret in ("old", "new"):
            prober.use(References({"env:K": secret}, {str(authority.file): text}))
            assert (await prober.probe(endpoint, 5)).outcome is ProbeOutcome.PASSED

    assert [b"X-Key: old" in r for r in server.requests] == [True, False]
    assert b"X-Key: new\r\n" in server.requests[1]
