"""A probe's request and its address: made once, used for every probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from controller.model.configuration import Endpoint
from controller.model.configuration.host_names import dns_name, server_name

_PORTS = {"http": 80, "https": 443}
_SAFE_IN_PATH = "%/:=&?~#+!$,;'@()*[]"
"""Characters that are not quoted in a path; `%` because it may be quoted already."""


class EndpointAddress(NamedTuple):
    """Where to connect for an endpoint."""

    scheme: str
    host: str
    """Name or IP address, in ASCII."""
    port: int
    server_name: str
    """The name for TLS (SNI) and its certificate, without a final dot."""


def address_of(endpoint: Endpoint) -> EndpointAddress:
    """The endpoint's address. Raises ValueError for a name that DNS cannot represent."""
    parts = urlsplit(endpoint.probe)
    host = dns_name(parts.hostname or "")
    port = parts.port or _PORTS[parts.scheme]
    return EndpointAddress(parts.scheme, host, port, server_name(endpoint.host or host))


def request_of(endpoint: Endpoint, secrets: Mapping[str, str]) -> bytes:
    """The request's bytes. Raises ValueError, and KeyError with a reference that was not read.

    A header of the settings replaces one of ours, however both are spelt: names have no case.
    """
    parts = urlsplit(endpoint.probe)
    path = quote(parts.path or "/", safe=_SAFE_IN_PATH)
    if parts.query:
        path += "?" + quote(parts.query, safe=_SAFE_IN_PATH)
    headers = {
        "Host": server_name(endpoint.host) if endpoint.host else _authority(endpoint),
        "User-Agent": "global-traffic-controller",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    if not endpoint.keep_alive:
        headers["Connection"] = "close"
    own = {name.lower(): name for name in headers}
    for name, reference in endpoint.headers.items():
        headers.pop(own.get(name.lower(), ""), None)
        headers[name] = secrets[reference]
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _authority(endpoint: Endpoint) -> str:
    address = address_of(endpoint)
    bare = address.host.removesuffix(".")
    host = f"[{bare}]" if ":" in bare else bare
    return host if address.port == _PORTS.get(address.scheme) else f"{host}:{address.port}"
