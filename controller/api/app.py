"""Puts the API together: every route, and what stands in front of all of them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from controller.api.dependencies import CONTEXT, ApiDependencies
from controller.api.http.browser_protection import add_headers, host_known
from controller.api.http.client_connections import watched
from controller.api.http.dispatch import only_declared, served
from controller.api.http.idempotency import KeptReplies
from controller.api.http.problems import BODY_LIMIT, problems_answered, request_ids
from controller.api.http.rate_limits import RateLimits
from controller.api.routes import (
    audit,
    decisions,
    events,
    figures,
    liveness,
    measurements,
    overrides,
    plan,
    reload,
    services,
    status,
    why,
)
from controller.api.routes.docs import reference_routes

DECLARED = (
    *status.ROUTES,
    *services.ROUTES,
    *plan.ROUTES,
    *overrides.ROUTES,
    *decisions.ROUTES,
    *why.ROUTES,
    *audit.ROUTES,
    *events.ROUTES,
    *measurements.ROUTES,
    *figures.ROUTES,
    *reload.ROUTES,
    *liveness.ROUTES,
)
"""Every route but those that describe the others."""


def build(context: ApiDependencies) -> web.Application:
    """The application; it reads what `context` holds and changes nothing by itself.

    Middlewares run in their order: an id first, so that every refusal can name it.
    """
    routes = (*DECLARED, *reference_routes(DECLARED))
    app = web.Application(
        middlewares=(watched, request_ids(), problems_answered, host_known, only_declared(routes)),
        client_max_size=BODY_LIMIT,
    )
    app[CONTEXT] = context
    app[overrides.REPLAYS] = KeptReplies(context.clock)
    app[overrides.ONE_WRITE] = asyncio.Lock()
    limits = RateLimits(context.clock)
    app.add_routes([served(route, context, limits) for route in routes])
    app.on_shutdown.append(events.end_streams)
    app.on_response_prepare.append(add_headers)
    context.metrics.watch(context.traffic)
    return app
