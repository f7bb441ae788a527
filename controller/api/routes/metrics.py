"""`/metrics`: the series that Prometheus scrapes."""

from __future__ import annotations

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import Parameter
from controller.api.http.problems import ProblemError
from controller.api.http.route import TEXT, Route, RouteCall, RouteResponse
from controller.api.metrics.exposition import exposition

_LONGEST_NAME = 200


def _name(text: str, _dependencies: ApiDependencies) -> str:
    if len(text) > _LONGEST_NAME:
        detail = f"a name of a series has at most {_LONGEST_NAME} characters, not {len(text)}"
        raise ProblemError(400, detail, field="name[]")
    return text


_NAMES = Parameter(
    "name[]",
    "Only these series; may be given several times.",
    _name,
    default="",
    schema={"type": "string", "maxLength": _LONGEST_NAME},
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
