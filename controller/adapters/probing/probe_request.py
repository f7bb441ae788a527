"""What is sent to an endpoint, and where: prepared once, used for every probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from controller.model.configuration import Endpoint

_PORTS = {"http": 80, "https": 443}
_AS_IT_IS = "%/:=&?~#+!$,;'@()*[]"
"""What may stand in a path beside letters and digits; `%` because it may be quoted already."""


class EndpointAddress(NamedTuple):
    """Where an endpoint is found."""

    scheme: str
    host: str
    """Name or address, ready for the resolver."""
    port: int
    server_name: str
    """What TLS and its certificate speak of."""


def place_of(endpoint: Endpoint) -> EndpointAddress:
    """Where to connect. Raises UnicodeError for a name that DNS cannot hold."""
    parts = urlsplit(endpoint.probe)
    host = _ascii(parts.hostname or "")
    port = parts.port or _PORTS[parts.scheme]
    return EndpointAddress(parts.scheme, host, port, endpoint.host or host)


def request_of(endpoint: Endpoint, secrets: Mapping[str, str]) -> bytes:
    """The request's bytes. Raises UnicodeError, and KeyError with a reference nobody has read."""
    parts = urlsplit(endpoint.probe)
    path = quote(parts.path or "/", safe=_AS_IT_IS)
    if parts.query:
        path += "?" + quote(parts.query, safe=_AS_IT_IS)
    headers = {
        "Host": endpoint.host or _authority(endpoint),
        "User-Agent": "global-traffic-controller",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    if not endpoint.keep_alive:
        headers["Connection"] = "close"
    headers |= {name: secrets[reference] for name, reference in endpoint.headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _authority(endpoint: Endpoint) -> str:
    place = place_of(endpoint)
    host = f"[{place.host}]" if ":" in place.host else place.host
    return host if place.port == _PORTS.get(place.scheme) else f"{host}:{place.port}"


def _ascii(host: str) -> str:
    """As DNS and HTTP write it. Raises UnicodeError."""
    return host if host.isascii() else host.encode("idna").decode("ascii")
