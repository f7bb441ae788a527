"""`POST /v1/measurements/traffic`: what users do, as their clients or edges report it."""

from __future__ import annotations

from aiohttp import web

from controller.api.http.request_bodies import PostedMeasurement, PostedMeasurements, known_name
from controller.api.http.route import Meter, Route, RouteCall, RouteResponse
from controller.model.access import Role
from controller.model.configuration import Settings
from controller.model.traffic import Measurement

NOWHERE = "none"
"""Region of requests that no region answered."""


async def _post(call: RouteCall) -> web.Response:
    report = call.body(PostedMeasurements)
    for index, posted in enumerate(report.measurements):
        _check(posted, f"measurements.{index}", call.context.settings)
    call.context.traffic.add(
        Measurement(m.service, m.pool, m.region, m.requests, m.errors) for m in report.measurements
    )
    return web.Response(status=204)


def _check(posted: PostedMeasurement, place: str, settings: Settings) -> None:
    """Any region of the service may be named: users do arrive where they should not."""
    known_name(posted.service, settings.services, f"{place}.service")
    service = settings.services[posted.service]
    known_name(posted.pool, service.pools, f"{place}.pool")
    known_name(posted.region, (*service.regions, NOWHERE), f"{place}.region")


_EXAMPLE = {
    "window_s": 1.0,
    "measurements": [
        {"service": "shop", "pool": "europe", "region": "eu-west-1", "requests": 90, "errors": 1},
        {"service": "shop", "pool": "europe", "region": "none", "requests": 2, "errors": 2},
    ],
}

ROUTES = (
    Route(
        "POST",
        "/v1/measurements/traffic",
        _post,
        role=Role.OPERATOR,
        summary="Report what users did",
        description="Region `none` counts requests that no region answered. Reports are evidence "
        "of what a decision did, and deciding looks at them, so it takes the role that may move "
        "traffic: they can hold back a region's rise or undo the return of one that fails its "
        "users; behind an accelerator they correct which users are nearest to which region, from "
        "which dials are reckoned. They never empty a region that serves, unless it is on its way "
        "back.",
        body=PostedMeasurements,
        body_example=_EXAMPLE,
        answers={204: RouteResponse("It is counted.", media=())},
        meter=Meter.MEASUREMENT,
    ),
)
