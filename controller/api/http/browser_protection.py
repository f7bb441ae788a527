"""Protection against requests that a web page of another site makes in an operator's browser.

DNS rebinding: a request whose Host header is not one of ours is refused. Cross-site request
forgery: a write must be `application/json`, which a page of another origin can send only after a
CORS preflight, and the API never grants one; a write whose `Origin` or `Sec-Fetch-Site` names
another site is refused, too.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from controller.api.dependencies import DEPENDENCIES
from controller.api.http.problems import REQUEST_ID, ProblemError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SAFE_METHODS = ("GET", "HEAD")
_SECURITY_HEADERS = {
    "Server": "gtc",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DEFAULT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Content-Security-Policy of every response that is not an HTML page."""


@web.middleware
async def check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware that refuses a Host header other than loopback, `api.host` and `api.hosts`.

    The local address of the connection is allowed, too: DNS rebinding needs a name. The refusal is
    a ProblemError 421.
    """
    api = request.app[DEPENDENCIES].settings.api
    allowed = tuple(dict.fromkeys((*_LOOPBACK, api.host.lower(), *api.hosts)))
    header = request.headers.get("Host", "")
    name = _host_name(header)
    if name is None or (name not in allowed and not _is_own_address(request, name)):
        detail = f"the Host header names {header!r}; api.hosts lists the names it may have"
        raise ProblemError(421, detail, field="Host", valid=allowed)
    return await handler(request)


def check_write(request: web.Request, *, takes_body: bool) -> None:
    """Raise ProblemError for a write from another site, or with a body the route does not take.

    403 for another site, 415 for a body that is not plain JSON, 400 for a body where there must be
    none.
    """
    if request.method not in _SAFE_METHODS:
        _refuse_other_site(request)
    if takes_body and request.content_type != "application/json":
        sent = request.headers.get("Content-Type", "no content type")
        raise ProblemError(
            415, f"the body came as {sent}", field="Content-Type", valid=("application/json",)
        )
    coding = request.headers.get("Content-Encoding", "identity").lower()
    if takes_body and coding != "identity":
        detail = f"the body came compressed ({coding}); send it as it is"
        raise ProblemError(415, detail, field="Content-Encoding", valid=("identity",))
    if not takes_body and request.can_read_body:
        raise ProblemError(400, f"{request.method} {request.path} takes no body")


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of every response; aiohttp calls it before it sends one."""
    set_security_headers(response, request.get(REQUEST_ID, "none"))


def set_security_headers(response: web.StreamResponse, request_id: str) -> None:
    """Set the security headers, which forbid caching, type sniffing, framing and scripts, and the
    request's id."""
    response.headers.update(_SECURITY_HEADERS)
    response.headers.setdefault("Content-Security-Policy", _DEFAULT_POLICY)
    response.headers["X-Request-Id"] = request_id


def _refuse_other_site(request: web.Request) -> None:
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("same-origin", "none"):
        detail = f"a page from elsewhere asks (Sec-Fetch-Site is {site!r})"
        raise ProblemError(403, detail, field="Sec-Fetch-Site", valid=("same-origin", "none"))
    origin = request.headers.get("Origin")
    if origin is None:
        return
    authority = origin.partition("://")[2].lower()
    # A proxy may set a Host of its own; the name that browsers use is then configured.
    hosts = request.app[DEPENDENCIES].settings.api.hosts
    if authority != request.host.lower() and _host_name(authority) not in hosts:
        raise ProblemError(403, f"a page of {origin!r} asks", field="Origin")


def _host_name(header: str) -> str | None:
    """The name in a Host header, without port, brackets and final dot; None without a name."""
    try:
        name = urlsplit(f"//{header}").hostname
    except ValueError:
        return None
    return name.removesuffix(".") if name else None


def _is_own_address(request: web.Request, name: str) -> bool:
    """Whether the name is the local address of the request's connection."""
    own = request.transport.get_extra_info("sockname") if request.transport else None
    try:
        return own is not None and ipaddress.ip_address(name) == ipaddress.ip_address(own[0])
    except ValueError:  # not an IP address, or a connection without one
        return False
