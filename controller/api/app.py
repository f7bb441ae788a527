"""Puts the API together: every route, and what stands in front of all of them."""

from __future__ import annotations

from aiohttp import web

from controller.api import (
    health,
    routes_decisions,
    routes_measurements,
    routes_overrides,
    routes_plan,
    routes_services,
    routes_status,
)
from controller.api.context import CONTEXT, Context
from controller.api.problems import BODY_LIMIT, problems_answered, request_ids
from controller.api.protection import add_headers, host_known, writes_are_json


def build(context: Context) -> web.Application:
    """The application; it reads what `context` holds and changes nothing by itself.

    Middlewares run in their order: an id first, so that every refusal can name it.
    """
    app = web.Application(
        middlewares=(request_ids(), problems_answered, host_known, writes_are_json),
        client_max_size=BODY_LIMIT,
    )
    app[CONTEXT] = context
    for routes in (
        routes_status.ROUTES,
        routes_services.ROUTES,
        routes_decisions.ROUTES,
        routes_plan.ROUTES,
        routes_overrides.ROUTES,
        routes_measurements.ROUTES,
        health.routes(context.metrics),
    ):
        app.add_routes(routes)
    app.on_startup.append(health.note_start)
    app.on_response_prepare.append(add_headers)
    context.metrics.watch(context.traffic)
    return app
