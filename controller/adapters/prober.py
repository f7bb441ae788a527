"""Probes over the network: HTTP and HTTPS by aiohttp, TCP by asyncio.

Every probe opens a new connection, because an old one answers for a process that may take no new
ones. It follows no redirect, keeps no cookie, asks for no compression and reads at most 64 KiB.
HTTPS always verifies the certificate and its name: users' browsers would refuse what does not pass.
What to make of the results is `controller.planning.hysteresis`; what the failures mean in words is
`controller.adapters.probe_failures`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace, TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.connector import Connection

from controller.adapters.probe_failures import (
    Finding,
    could_not_run,
    failed,
    finding_of,
    passed,
)
from controller.model.configuration import Endpoint
from controller.model.health import ProbeResult
from controller.ports import Clock
from controller.settings.references import NOTHING, References

BODY_LIMIT_BYTES = 64 * 1024
_HEADERS = {"User-Agent": "global-traffic-controller", "Accept-Encoding": "identity"}
# The deadline around the whole probe is ours; aiohttp's own (5 minutes) would only confuse.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


class AiohttpProber:
    """Fulfils the Prober port; to be used as `async with`.

    Host names are resolved anew for each probe, in the event loop's default thread pool.
    """

    def __init__(self, clock: Clock, references: References = NOTHING) -> None:
        self._clock = clock
        self._system = _trust(None)
        self.use(references)

    def use(self, references: References) -> None:
        """Send these secrets and trust these authorities from now on."""
        self._secrets: Mapping[str, str] = references.secrets
        self._trust = {path: _trust(text) for path, text in references.authorities.items()}

    async def __aenter__(self) -> Self:
        # No cache: a probe answers for the address that the name has now.
        connector = aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=_NO_TIMEOUT,
            response_class=_Answer,
            trace_configs=[_one_connection()],
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def probe(self, endpoint: Endpoint, deadline_s: float) -> ProbeResult:
        """Ask once. Raises nothing but the caller's own cancellation."""
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                finding = await self._ask(endpoint)
        except TimeoutError:
            finding = failed(f"no answer in {deadline_s:g} s")
        except (OSError, ValueError, aiohttp.ClientError) as error:
            finding = finding_of(error)
        ended = self._clock.monotonic()
        return ProbeResult(
            finding.outcome,
            ended,
            ended - started,
            finding.detail,
            finding.certificate_ends_at,
        )

    async def _ask(self, endpoint: Endpoint) -> Finding:
        if endpoint.probe.startswith("tcp:"):
            return await _ask_tcp(endpoint)
        try:
            headers = {name: self._secrets[ref] for name, ref in endpoint.headers.items()}
            trust = self._trust[endpoint.ca_file] if endpoint.ca_file else self._system
        except KeyError as error:
            return could_not_run(f"{error.args[0]} has not been read")
        if endpoint.host is not None:
            headers["Host"] = endpoint.host
        return await self._ask_http(endpoint, headers, trust)

    async def _ask_http(
        self, endpoint: Endpoint, headers: Mapping[str, str], trust: ssl.SSLContext
    ) -> Finding:
        async with self._session.get(
            endpoint.probe,
            headers=headers,
            ssl=trust,
            server_hostname=endpoint.host,
            allow_redirects=False,
        ) as response:
            finding = await _judged(endpoint, response)
        assert isinstance(response, _Answer), "the session makes no others"
        return finding._replace(certificate_ends_at=response.certificate_ends_at)


class _Answer(aiohttp.ClientResponse):
    """Notes when the other side's certificate ends, before its connection can be gone."""

    certificate_ends_at: datetime | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        certificate = transport.get_extra_info("peercert") if transport else None
        if certificate:
            ends_at = ssl.cert_time_to_seconds(certificate["notAfter"])
            self.certificate_ends_at = datetime.fromtimestamp(ends_at, UTC)
        return await super().start(connection)


async def _judged(endpoint: Endpoint, response: aiohttp.ClientResponse) -> Finding:
    if not endpoint.accepts(response.status):
        return failed(f"HTTP {response.status}")
    # Read even where no text is asked for: an answer that breaks off is no answer.
    body = await _first_bytes(response.content)
    text = endpoint.body_contains
    if text is not None and text.encode() not in body:
        return failed(f'body lacks "{text}"')
    return passed(str(response.status))


def _trust(authorities: str | None) -> ssl.SSLContext:
    """A context that trusts these authorities alone; None: those of the system."""
    context = ssl.create_default_context(cadata=authorities)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _one_connection() -> aiohttp.TraceConfig:
    """Refuses a request its second connection.

    The library repeats a GET whose connection was closed before an answer came, and there is no
    public switch; the repetition would hide a failure.
    """

    async def before_connecting(
        session: aiohttp.ClientSession,
        request: SimpleNamespace,
        params: aiohttp.TraceConnectionCreateStartParams,
    ) -> None:
        if hasattr(request, "connected"):
            raise aiohttp.ServerDisconnectedError
        request.connected = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(before_connecting)
    return trace


async def _first_bytes(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while len(body) < BODY_LIMIT_BYTES:
        chunk = await content.read(BODY_LIMIT_BYTES - len(body))
        if not chunk:
            break
        body += chunk
    return body


async def _ask_tcp(endpoint: Endpoint) -> Finding:
    address = urlsplit(endpoint.probe)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    # Not waited for: how the other side takes the closing says nothing of its health.
    writer.close()
    return passed("connected")
