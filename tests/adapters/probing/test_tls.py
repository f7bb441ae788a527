"""HTTPS probes of real TLS servers on loopback with certificates of a private authority."""

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

from controller.adapters.probing import tls_trust
from controller.adapters.probing.prober import NetworkProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from controller.settings.references import References
from tests.adapters.probing.asking import Asker, ask_once, asking, until
from tests.adapters.probing.authority import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
DAY = timedelta(days=1)
NAME = "app.example.test"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
KEEPS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """A TLS server; stores the requests."""

    def __init__(self, *, closes: bool = True) -> None:
        self.asked_names: list[str | None] = []
        self.requests: list[bytes] = []
        self.port = 0
        self._closes = closes

    @asynccontextmanager
    async def serving(self, context: ssl.SSLContext) -> AsyncIterator[Server]:
        self._shown = context
        context.sni_callback = self._choose
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=context)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    def show(self, context: ssl.SSLContext) -> None:
        """Use this context for new connections."""
        self._shown = context

    def _choose(self, chosen: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self.asked_names.append(name)
        chosen.context = self._shown

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(ANSWER if self._closes else KEEPS)
                await writer.drain()
                if self._closes:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever does not trust us, or needs us no more, hangs up
        finally:
            writer.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all tests of this module."""
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


def endpoint_of(authority: Authority, server: Server, **keys: Any) -> dict[str, Any]:
    """The server as an endpoint, by its address."""
    probe = f"https://127.0.0.1:{server.port}/"
    return {"probe": probe, "ca_file": str(authority.file), **keys}


def references(authority: Authority, secrets: Mapping[str, str] | None = None) -> References:
    """The values of the endpoint's references."""
    return References(secrets or {}, {str(authority.file): authority.file.read_text()})


async def ask(
    authority: Authority, server: Server, secrets: Mapping[str, str] | None = None, **keys: Any
) -> ProbeResult:
    """One probe of the server."""
    endpoint = endpoint_of(authority, server, **keys)
    return await ask_once(5, references(authority, secrets), **endpoint)


async def test_the_right_host_by_sni_passes_and_says_when_its_certificate_ends(
    authority: Authority,
) -> None:
    """The URL has an address; `host` is the name for TLS, the certificate and HTTP."""
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
    """No request is sent to an unverified server."""
    context = authority.context(name, begins_in=begins_in, ends_in=ends_in)
    async with Server().serving(context) as server:
        result = await ask(authority, server, host=NAME)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, detail)
    assert result.certificate_ends_at is None
    assert server.requests == []


async def test_an_authority_that_is_not_configured_is_not_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    """With `ca_file` only its authorities count; without it, the system's."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=DAY)
    stranger = Authority(tmp_path / "stranger")
    async with Server().serving(context) as server:
        own = await ask(stranger, server, host=NAME)
        system = await ask(authority, server, host=NAME, ca_file=None)

    for result in (own, system):
        assert result.outcome is ProbeOutcome.FAILED
        assert result.detail.startswith("certificate: ")


async def test_secrets_are_sent_as_headers_and_never_shown(authority: Authority) -> None:
    """The endpoint gets the secret; result, settings and references do not show it."""
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
    """A request without its secret would be refused, which is not the endpoint's fault."""
    result = await ask_once(probe="https://127.0.0.1:1/", headers={"Authorization": "env:X"})

    assert (result.outcome, result.detail) == (
        ProbeOutcome.COULD_NOT_RUN,
        "env:X has not been read",
    )


async def test_new_references_are_used_from_the_next_probe_on(authority: Authority) -> None:
    """A secret that was rotated, and an authority that was added."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=DAY)
    async with Server().serving(context) as server, NetworkProber() as prober:
        keys = endpoint_of(authority, server, host=NAME, headers={"X-Key": "env:K"})
        asker = Asker(prober, Endpoint.model_validate(keys))
        for secret in ("old", "new"):
            prober.apply(references(authority, {"env:K": secret}))
            assert (await asker.ask(5)).outcome is ProbeOutcome.PASSED

    assert [b"X-Key: old" in r for r in server.requests] == [True, False]
    assert b"X-Key: new\r\n" in server.requests[1]


class Counted:
    """Counts the handshakes of the verifying context."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.verified = 0
        pin = tls_trust.TlsTrust._pin

        def counting(*arguments: Any) -> tls_trust.PinnedCertificate:
            self.verified += 1
            return pin(*arguments)

        monkeypatch.setattr(tls_trust.TlsTrust, "_pin", counting)


async def test_a_certificate_is_verified_once_and_then_pinned(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first handshake verifies the chain."""
    counted = Counted(monkeypatch)
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=5 * DAY)
    async with Server().serving(context) as server:
        keys = endpoint_of(authority, server, host=NAME)
        async with asking(references(authority), **keys) as asker:
            results = [await asker.ask(5) for _ in range(4)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert len({result.certificate_ends_at for result in results}) == 1
    assert results[0].certificate_ends_at is not None
    assert counted.verified == 1
    assert server.asked_names == [NAME] * 4


async def test_another_certificate_is_verified_before_anything_is_sent(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewed one passes in the same probe; an untrusted one fails."""
    counted = Counted(monkeypatch)
    first = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=5 * DAY)
    renewed = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=9 * DAY)
    stranger = Authority(tmp_path / "stranger").context(
        f"DNS:{NAME}", begins_in=-DAY, ends_in=9 * DAY
    )
    server = Server()
    results = []
    async with server.serving(first):
        keys = endpoint_of(authority, server, host=NAME)
        async with asking(references(authority), **keys) as asker:
            results.append(await asker.ask(5))
            for context in (renewed, stranger):
                server.show(context)
                results.append(await asker.ask(5))

    assert [result.outcome for result in results] == [
        ProbeOutcome.PASSED,
        ProbeOutcome.PASSED,
        ProbeOutcome.FAILED,
    ]
    assert results[2].detail.startswith("certificate: ")
    assert results[0].certificate_ends_at != results[1].certificate_ends_at
    assert (counted.verified, len(server.requests)) == (2, 2)


async def test_a_certificate_is_verified_anew_after_a_while(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Authorities may be removed, and intermediate certificates may expire."""
    monkeypatch.setattr(tls_trust, "PIN_LIFETIME_S", 0.0)
    counted = Counted(monkeypatch)
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=5 * DAY)
    async with Server().serving(context) as server:
        keys = endpoint_of(authority, server, host=NAME)
        async with asking(references(authority), **keys) as asker:
            for _ in range(3):
                assert (await asker.ask(5)).outcome is ProbeOutcome.PASSED

    assert counted.verified == 3


async def test_a_certificate_that_ends_meanwhile_fails(authority: Authority) -> None:
    """A pin ends with its certificate."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=timedelta(seconds=2))
    async with Server().serving(context) as server:
        keys = endpoint_of(authority, server, host=NAME)
        async with asking(references(authority), **keys) as asker:
            before = await asker.ask(5)
            ends_at = before.certificate_ends_at
            assert ends_at is not None
            over = ends_at + timedelta(seconds=1)
            await until(lambda: datetime.now(UTC) >= over)
            after = await asker.ask(5)

    assert before.outcome is ProbeOutcome.PASSED
    assert (after.outcome, after.detail) == (
        ProbeOutcome.FAILED,
        "certificate: certificate has expired",
    )


async def test_https_is_kept_alive_like_http(authority: Authority) -> None:
    """One handshake for many probes; each result has the certificate's end."""
    context = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=5 * DAY)
    async with Server(closes=False).serving(context) as server:
        keys = endpoint_of(authority, server, host=NAME, keep_alive=True, body_contains="ok")
        async with asking(references(authority), **keys) as asker:
            results = [await asker.ask(5) for _ in range(4)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert len({result.certificate_ends_at for result in results}) == 1
    assert (len(server.asked_names), len(server.requests)) == (1, 4)
    assert asker.disturbances == 0


async def test_a_self_signed_certificate_fails_by_name(
    authority: Authority, tmp_path: Path
) -> None:
    """It is its own authority, which is not configured."""
    lonely = Authority(tmp_path / "lonely")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lonely.file, tmp_path / "lonely" / "authority.key")
    async with Server().serving(context) as server:
        result = await ask(authority, server, host=NAME, ca_file=None)

    assert result.outcome is ProbeOutcome.FAILED
    assert result.detail in (
        "certificate: self-signed certificate",
        "certificate: self signed certificate",
    )


class Balanced(Server):
    """Servers behind one address in turn: each handshake shows the next of their certificates."""

    def __init__(self, *contexts: ssl.SSLContext) -> None:
        super().__init__()
        self._contexts = contexts
        self.handshakes = 0

    def _choose(self, chosen: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self.asked_names.append(name)
        chosen.context = self._contexts[self.handshakes % len(self._contexts)]
        self.handshakes += 1


async def test_a_wrong_certificate_of_one_server_is_not_masked_by_the_others(
    authority: Authority, tmp_path: Path
) -> None:
    """Of two, every second handshake of users fails; so do the probes, but for the first."""
    good = authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=5 * DAY)
    wrong = Authority(tmp_path / "stranger").context(f"DNS:{NAME}", begins_in=-DAY, ends_in=5 * DAY)
    async with Balanced(good, wrong).serving(good) as server:
        keys = endpoint_of(authority, server, host=NAME)
        async with asking(references(authority), **keys) as asker:
            results = [await asker.ask(5) for _ in range(12)]

    failures = [result for result in results if result.outcome is ProbeOutcome.FAILED]
    assert len(failures) >= 5
    assert {result.detail[:12] for result in failures} == {"certificate:"}


async def test_servers_with_good_certificates_of_their_own_all_pass(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is verified once; then every handshake is cheap again."""
    counted = Counted(monkeypatch)
    contexts = [
        authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=days * DAY) for days in (5, 6, 7)
    ]
    async with Balanced(*contexts).serving(contexts[0]) as server:
        keys = endpoint_of(authority, server, host=NAME)
        async with asking(references(authority), **keys) as asker:
            results = [await asker.ask(5) for _ in range(12)]
            before = counted.verified
            results += [await asker.ask(5) for _ in range(6)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert len({result.certificate_ends_at for result in results}) == 3
    assert counted.verified == before <= 5
