"""What stands between a page in somebody's browser and the levers.

A page from elsewhere must not call: a Host that is not ours (DNS rebinding) is refused, and a write
must be JSON, which a page from another origin cannot send without a permission that nobody here
gives; where a browser names the origin, that is looked at, too.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from controller.api.dependencies import CONTEXT
from controller.api.http.problems import REQUEST_ID, ProblemError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_READS = ("GET", "HEAD")
_HEADERS = {
    "Server": "gtc",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_CONTENT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Content-Security-Policy of all that is not meant to be looked at as a page."""


@web.middleware
async def host_known(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses a Host header that names neither loopback nor the configured names.

    The address that the connection reached is ours, too: a page can rebind names only.
    """
    api = request.app[CONTEXT].settings.api
    allowed = tuple(dict.fromkeys((*_LOOPBACK, api.host.lower(), *api.hosts)))
    asked = request.headers.get("Host", "")
    name = _host_name(asked)
    if name is None or (name not in allowed and not _is_own_address(request, name)):
        detail = f"the Host header names {asked!r}; api.hosts lists the names it may have"
        raise ProblemError(421, detail, field="Host", valid=allowed)
    return await handler(request)


def refuse_foreign_write(request: web.Request, *, takes_body: bool) -> None:
    """Raise ProblemError for a write that a page from elsewhere could send, or of another type."""
    if request.method not in _READS:
        _refuse_foreign_origin(request)
    if takes_body and request.content_type != "application/json":
        sent = request.headers.get("Content-Type", "no content type")
        raise ProblemError(
            415, f"the body came as {sent}", field="Content-Type", valid=("application/json",)
        )
    if not takes_body and request.can_read_body:
        raise ProblemError(400, f"{request.method} {request.path} takes no body")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer to a request that could be read."""
    dress(response, request.get(REQUEST_ID, "none"))


def dress(response: web.StreamResponse, request_id: str) -> None:
    """Nothing of it is cached, guessed, framed or run; it has its request's id."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Content-Security-Policy", _NO_CONTENT)
    response.headers["X-Request-Id"] = request_id


def _refuse_foreign_origin(request: web.Request) -> None:
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("same-origin", "none"):
        detail = f"a page from elsewhere asks (Sec-Fetch-Site is {site!r})"
        raise ProblemError(403, detail, field="Sec-Fetch-Site", valid=("same-origin", "none"))
    origin = request.headers.get("Origin")
    if origin is None:
        return
    place = origin.partition("://")[2].lower()
    # A proxy may put its own Host; then the name that browsers use stands in the settings.
    known = request.app[CONTEXT].settings.api.hosts
    if place != request.host.lower() and _host_name(place) not in known:
        raise ProblemError(403, f"a page of {origin!r} asks", field="Origin")


def _host_name(header: str) -> str | None:
    """The name in a Host header, without port, brackets and final dot; None if there is none."""
    try:
        name = urlsplit(f"//{header}").hostname
    except ValueError:
        return None
    return name.removesuffix(".") if name else None


def _is_own_address(request: web.Request, name: str) -> bool:
    own = request.transport.get_extra_info("sockname") if request.transport else None
    try:
        return own is not None and ipaddress.ip_address(name) == ipaddress.ip_address(own[0])
    except ValueError:  # a name, or no internet address
        return False
