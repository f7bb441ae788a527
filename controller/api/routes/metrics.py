"""`/metrics`: the series that Prometheus scrapes."""

from __future__ import annotations

from aiohttp import web

from controller.api.http.parameters import Parameter
from controller.api.http.route import TEXT, Route, RouteCall, RouteResponse
from controller.api.metrics.exposition import exposition

_NAMES = Parameter(
    "name[]",
    "Only these series; may be given several times.",
    lambda text, _dependencies: text,
    default="",
    repeatable=True,
)
"""Declared so that it is accepted and described; `exposition` reads all of them itself."""


async def _metrics(call: RouteCall) -> web.StreamResponse:
    return await exposition(call.dependencies.metrics.registry, call.request)


ROUTES = (
    Route(
        "GET",
        "/metrics",
        _metrics,
        summary="Metrics for Prometheus",
        parameters=(_NAMES,),
        responses={
            200: RouteResponse("The exposition.", media=(TEXT, "application/openmetrics-text"))
        },
    ),
)
