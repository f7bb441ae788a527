"""One probe of one endpoint, as AWS's health checkers do it over the network.

Follows Route 53's developer guide, *How Amazon Route 53 determines whether an endpoint is
healthy*: TCP within 10 s for TCP checks; else a connection within 4 s, then a status of 2xx or 3xx
within 2 s; for string matching the string wholly within the first 5,120 bytes of the body, which
must arrive within 2 s more. Certificates are not validated. Not emulated: bodies are searched as
sent, so a string that crosses a border of chunked encoding is not found.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass

TCP_CONNECT_S = 10.0
HTTP_CONNECT_S = 4.0
RESPONSE_S = 2.0
SEARCHED_BYTES = 5_120
_USER_AGENT = "Amazon-Route53-Health-Check-Service (emulated in the sandbox)"


@dataclass(frozen=True, slots=True)
class Target:
    """What to probe: an address and, unless `host` is None, an HTTP request."""

    address: str
    port: int
    host: str | None = None
    path: str = "/"
    tls: bool = False
    server_name: str | None = None
    search_string: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether the endpoint passed, with the status text of GetHealthCheckStatus."""

    passed: bool
    status: str


async def probe(target: Target) -> ProbeResult:
    """Probe once; network errors are results, never exceptions."""
    try:
        limit_s = TCP_CONNECT_S if target.host is None else HTTP_CONNECT_S
        async with asyncio.timeout(limit_s):
            reader, writer = await asyncio.open_connection(
                target.address,
                target.port,
                ssl=_lenient_tls() if target.tls else None,
                server_hostname=target.server_name or "" if target.tls else None,
            )
    except TimeoutError:
        return _failure("The health checker could not establish a connection within the limit")
    except OSError as error:
        return _failure(f"The health checker could not connect: {error.strerror or error}")
    try:
        if target.host is None:
            return ProbeResult(True, "Success: TCP connection established.")
        return await _ask(target, target.host, reader, writer)
    except TimeoutError:
        return _failure("The endpoint did not respond within the timeout limit")
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        return _failure(f"The endpoint's response was broken: {error or 'connection closed'}")
    finally:
        writer.transport.abort()


async def _ask(
    target: Target, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> ProbeResult:
    request = f"GET {target.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {_USER_AGENT}\r\n"
    writer.write(f"{request}Accept: */*\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(RESPONSE_S):
        head = await reader.readuntil(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ?([^\r]*)", head)
    if found is None:
        return _failure("The endpoint's response is not HTTP")
    seen = f"HTTP Status Code {found[1].decode()}, {found[2].decode('latin-1')}"
    if not 200 <= int(found[1]) < 400:
        return _failure(seen)
    if target.search_string is not None:
        async with asyncio.timeout(RESPONSE_S):
            body = await _beginning(reader)
        if target.search_string.encode() not in body:
            return _failure(f"{seen}, and the search string is not in the response body")
    return ProbeResult(True, f"Success: {seen}. Resolved IP: {target.address}")


async def _beginning(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readexactly(SEARCHED_BYTES)
    except asyncio.IncompleteReadError as error:
        return error.partial


def _lenient_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _failure(reason: str) -> ProbeResult:
    return ProbeResult(False, f"Failure: {reason}.")
