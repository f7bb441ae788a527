"""From a declared route to a handler: who calls, how often, and what was sent are checked first.

The order matters: nothing is read from a caller who may not ask, and nothing is done before
everything that was sent is understood.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controller.api.dependencies import ApiDependencies
from controller.api.http import parameters
from controller.api.http.authentication import identify, require
from controller.api.http.browser_protection import refuse_foreign_write
from controller.api.http.problems import REQUEST_ID, ProblemError
from controller.api.http.rate_limits import RateLimits
from controller.api.http.request_bodies import read
from controller.api.http.route import Route, RouteCall
from controller.model.access import ANONYMOUS, Principal

_log = structlog.get_logger("api")


def served(route: Route, context: ApiDependencies, limits: RateLimits) -> web.RouteDef:
    """The route for aiohttp."""

    async def handle(request: web.Request) -> web.StreamResponse:
        principal = _admitted(route, request, context, limits)
        refuse_foreign_write(request, takes_body=route.body is not None)
        found = parameters.values(request, route.parameters)
        posted = None if route.body is None else await read(request, route.body)
        return await route.handler(RouteCall(request, context, principal, found, posted))

    options = {"allow_head": not route.streams} if route.method == "GET" else {}
    return web.RouteDef(route.method, route.path, handle, options)


def only_declared(routes: Iterable[Route]) -> Middleware:
    """Refuses what was added to the application without being declared: nobody said who may."""
    declared = {(route.method, route.path) for route in routes}

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        method = "GET" if request.method == "HEAD" else request.method
        if resource is not None and (method, resource.canonical) not in declared:
            raise ProblemError(403, f"nobody may ask for {request.path}: it is not declared")
        return await handler(request)

    return checked


def _admitted(
    route: Route, request: web.Request, context: ApiDependencies, limits: RateLimits
) -> Principal:
    """Who calls, if they may ask for this, and not too often."""
    if route.role is None:
        return _recognised(request, context)
    api, address = context.settings.api, request.remote or ""
    what = f"{request.method} {request.path}"
    try:
        principal = identify(request, api, context.clock.wall())
        if principal != ANONYMOUS:
            limits.count(route.counted_as, api.limits, principal, address)
        require(principal, route.role, what)
    except ProblemError as error:
        if error.status == 401:
            limits.count_stranger(address)
        if error.status != 429:
            _log.warning(
                "access_refused",
                request_id=request[REQUEST_ID],
                address=address,
                request=what,
                status=error.status,
                reason=error.detail,
            )
        raise
    return principal


def _recognised(request: web.Request, context: ApiDependencies) -> Principal:
    """Who asks for what is public; a token that does not fit makes nobody of them."""
    try:
        return identify(request, context.settings.api, context.clock.wall())
    except ProblemError:
        return ANONYMOUS
