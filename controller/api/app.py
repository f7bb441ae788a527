"""Puts the API together: every route, and what stands in front of all of them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from controller.api import (
    health,
    routes_audit,
    routes_decisions,
    routes_events,
    routes_figures,
    routes_measurements,
    routes_overrides,
    routes_plan,
    routes_reload,
    routes_services,
    routes_status,
    routes_why,
)
from controller.api.connections import watched
from controller.api.context import CONTEXT, Context
from controller.api.dispatch import only_declared, served
from controller.api.idempotency import Replays
from controller.api.problems import BODY_LIMIT, problems_answered, request_ids
from controller.api.protection import add_headers, host_known
from controller.api.rate_limits import RateLimits
from controller.api.reference import reference_routes

DECLARED = (
    *routes_status.ROUTES,
    *routes_services.ROUTES,
    *routes_plan.ROUTES,
    *routes_overrides.ROUTES,
    *routes_decisions.ROUTES,
    *routes_why.ROUTES,
    *routes_audit.ROUTES,
    *routes_events.ROUTES,
    *routes_measurements.ROUTES,
    *routes_figures.ROUTES,
    *routes_reload.ROUTES,
    *health.ROUTES,
)
"""Every route but those that describe the others."""


def build(context: Context) -> web.Application:
    """The application; it reads what `context` holds and changes nothing by itself.

    Middlewares run in their order: an id first, so that every refusal can name it.
    """
    routes = (*DECLARED, *reference_routes(DECLARED))
    app = web.Application(
        middlewares=(watched, request_ids(), problems_answered, host_known, only_declared(routes)),
        client_max_size=BODY_LIMIT,
    )
    app[CONTEXT] = context
    app[routes_overrides.REPLAYS] = Replays(context.clock)
    app[routes_overrides.ONE_WRITE] = asyncio.Lock()
    limits = RateLimits(context.clock)
    app.add_routes([served(route, context, limits) for route in routes])
    app.on_shutdown.append(routes_events.end_streams)
    app.on_response_prepare.append(add_headers)
    context.metrics.watch(context.traffic)
    return app
