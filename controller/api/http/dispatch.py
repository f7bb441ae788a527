"""aiohttp handlers for declared routes: every check of a request, then the route's own handler.

The order is fixed: authentication, rate limit, authorization, cross-site checks, parameters, body.
No body is read from a caller without the role, and no handler runs before the whole request has
been validated.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controller.api.dependencies import ApiDependencies
from controller.api.http.authentication import ExpiredTokenError, authenticate, authorize
from controller.api.http.body_reading import read_body
from controller.api.http.browser_protection import check_write
from controller.api.http.client_connections import ending_with_client
from controller.api.http.parameters import parameter_values
from controller.api.http.problems import BODY_LIMIT, REQUEST_ID, ProblemError
from controller.api.http.rate_limits import RateLimits
from controller.api.http.read_turns import ReadTurns
from controller.api.http.route import RateClass, Route, RouteCall
from controller.model.access import ANONYMOUS, Principal

_log = structlog.get_logger("api")
_REPORT_BYTES = 8 * 1024
"""Bytes of a report that one token stands for: they take a millisecond."""


def route_definition(
    route: Route, dependencies: ApiDependencies, limits: RateLimits, turns: ReadTurns
) -> web.RouteDef:
    """The route as aiohttp takes it; its handler raises ProblemError for what is refused."""

    async def handle(request: web.Request) -> web.StreamResponse:
        principal = _admit(route, request, dependencies, limits)
        check_write(request, takes_body=route.body is not None)
        values = parameter_values(request, route.parameters)
        body = None if route.body is None else await read_body(request, route.body)
        call = RouteCall(request, dependencies, principal, values, body)
        if route.takes_turns:
            return await _read(route, call, limits, turns)
        return await route.handler(call)

    options = {"allow_head": not route.streams} if route.method == "GET" else {}
    return web.RouteDef(route.method, route.path, handle, options)


async def _read(
    route: Route, call: RouteCall, limits: RateLimits, turns: ReadTurns
) -> web.StreamResponse:
    """The response to a read in its turn, charged to its caller; ended when the client leaves."""
    took_s, size = 0.0, 0

    def charge(cpu_s: float) -> None:
        nonlocal took_s
        took_s = cpu_s

    api, address = call.dependencies.settings.api, call.request.remote or ""
    try:
        with ending_with_client(call.request):
            response = await turns.take(route, call, charge)
        body = response.body if isinstance(response, web.Response) else None
        size = len(body) if isinstance(body, bytes) else 0
        return response
    finally:
        limits.charge_read(api.limits, call.principal, address, took_s, size)


def refuse_undeclared(routes: Iterable[Route]) -> Middleware:
    """Middleware that answers 403 for a path of the application that has no declared Route.

    Without a declaration it has no role, so nothing says which callers it is for.
    """
    declared = {(route.method, route.path) for route in routes}

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        method = "GET" if request.method == "HEAD" else request.method
        if resource is not None and (method, resource.canonical) not in declared:
            raise ProblemError(403, f"nobody may ask for {request.path}: it is not declared")
        return await handler(request)

    return checked


def _admit(
    route: Route, request: web.Request, dependencies: ApiDependencies, limits: RateLimits
) -> Principal:
    """The caller, authenticated, counted and authorized. Raises ProblemError 401, 403 or 429."""
    if route.role is None:
        return _public_caller(request, dependencies)
    api, address = dependencies.settings.api, request.remote or ""
    action = f"{request.method} {request.path}"
    try:
        principal = authenticate(request, api, dependencies.clock.wall())
        if principal != ANONYMOUS:
            tokens = _tokens(route, request)
            limits.count(route.counted_as, api.limits, principal, address, tokens)
        authorize(principal, route.role, action)
    except ProblemError as error:
        # Whoever has an expired token does not guess, so it is told, whatever strangers do.
        if error.status == 401 and not isinstance(error, ExpiredTokenError):
            limits.count_unauthenticated(address)
        if error.status != 429:
            _log.warning(
                "access_refused",
                request_id=request[REQUEST_ID],
                address=address,
                request=action,
                status=error.status,
                reason=error.detail,
            )
        raise
    return principal


def _tokens(route: Route, request: web.Request) -> int:
    """What the request takes of its caller's bucket; a report's size is what it costs."""
    if route.counted_as is not RateClass.MEASUREMENT:
        return route.tokens
    size = request.content_length
    return route.tokens + (BODY_LIMIT if size is None else size) // _REPORT_BYTES


def _public_caller(request: web.Request, dependencies: ApiDependencies) -> Principal:
    """The caller of a public route; anonymous also with a wrong token."""
    try:
        return authenticate(request, dependencies.settings.api, dependencies.clock.wall())
    except ProblemError:
        return ANONYMOUS
