"""The aiohttp application: every route, and the middlewares in front of all of them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from controller.api.dependencies import DEPENDENCIES, ApiDependencies
from controller.api.http.browser_protection import add_security_headers, check_host
from controller.api.http.client_connections import track_requests
from controller.api.http.dispatch import refuse_undeclared, route_definition
from controller.api.http.idempotency import IdempotencyCache
from controller.api.http.problems import BODY_LIMIT, problem_responses, request_ids
from controller.api.http.rate_limits import RateLimits
from controller.api.http.read_turns import ReadTurns
from controller.api.routes import (
    audit,
    decisions,
    events,
    figures,
    health_checks,
    measurements,
    metrics,
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
    *health_checks.ROUTES,
    *metrics.ROUTES,
)
"""Every route except `/docs` and `/openapi.json`, which are made of these."""


def build(dependencies: ApiDependencies) -> web.Application:
    """The application in front of these loops.

    The middlewares run in this order: the request id comes first, so that
    every error response can name it.
    """
    routes = (*DECLARED, *reference_routes(DECLARED))
    app = web.Application(
        middlewares=(
            track_requests,
            request_ids(),
            problem_responses,
            check_host,
            refuse_undeclared(routes),
        ),
        client_max_size=BODY_LIMIT,
    )
    app[DEPENDENCIES] = dependencies
    app[overrides.IDEMPOTENCY_CACHE] = IdempotencyCache(dependencies.clock)
    app[overrides.WRITE_LOCK] = asyncio.Lock()
    limits, turns = (
        RateLimits(dependencies.clock),
        ReadTurns(dependencies.clock, dependencies.steering_first),
    )
    app.add_routes([route_definition(route, dependencies, limits, turns) for route in routes])
    app.on_shutdown.append(events.end_streams)
    app.on_response_prepare.append(add_security_headers)
    dependencies.metrics.add_measured_shares(dependencies.traffic)
    dependencies.metrics.add_readings(dependencies.observation.listing_states)
    dependencies.metrics.add_state_file(dependencies.store, dependencies.clock.wall)
    return app
