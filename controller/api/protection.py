"""What stands between a browser on this machine and the levers.

Without tokens everybody who reaches the loopback address may call. A page from elsewhere must not:
a Host that is not ours (DNS rebinding) is refused, and a write must be JSON, which a page from
another origin cannot send without a permission that nobody here gives.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from controller.api.context import CONTEXT
from controller.api.problems import REQUEST_ID, ProblemError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@web.middleware
async def host_known(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses a Host header that names neither loopback nor the configured host."""
    allowed = (*_LOOPBACK, request.app[CONTEXT].settings.api.host.lower())
    asked = request.headers.get("Host", "")
    if _host_name(asked) not in allowed:
        detail = f"the Host header names {asked!r}; call the daemon by the address it listens on"
        raise ProblemError(421, detail, field="Host", valid=dict.fromkeys(allowed))
    return await handler(request)


@web.middleware
async def writes_are_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses a body of another type, and a POST without one."""
    expects_json = request.method == "POST" or request.can_read_body
    if expects_json and request.content_type != "application/json":
        sent = request.headers.get("Content-Type", "no content type")
        raise ProblemError(
            415, f"the body came as {sent}", field="Content-Type", valid=("application/json",)
        )
    return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer: nothing is cached, nothing is guessed, each has its id."""
    response.headers["Server"] = "gtc"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Request-Id"] = request.get(REQUEST_ID, "none")


def _host_name(header: str) -> str | None:
    """The name in a Host header, without port, brackets and final dot; None if there is none."""
    try:
        name = urlsplit(f"//{header}").hostname
    except ValueError:
        return None
    return name.removesuffix(".") if name else None
