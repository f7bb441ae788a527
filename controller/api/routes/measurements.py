"""`POST /v1/measurements/traffic`: requests and errors of users, as their clients or edges report
them."""

from __future__ import annotations

from aiohttp import web

from controller.api.http.request_bodies import PostedMeasurement, PostedMeasurements, check_name
from controller.api.http.route import RateClass, Route, RouteCall, RouteResponse
from controller.model.access import Role
from controller.model.configuration import Settings
from controller.model.traffic import Measurement

NOWHERE = "none"
"""Region of requests that no region answered."""


async def _post(call: RouteCall) -> web.Response:
    report = call.body(PostedMeasurements)
    for index, posted in enumerate(report.measurements):
        _check_names(posted, f"measurements.{index}", call.dependencies.settings)
    call.dependencies.traffic.add(
        Measurement(m.service, m.pool, m.region, m.requests, m.errors) for m in report.measurements
    )
    return web.Response(status=204)


def _check_names(posted: PostedMeasurement, place: str, settings: Settings) -> None:
    """Raise ProblemError 422 for a name that is not configured.

    Any region of the service is allowed, not only those of the pool: users can arrive elsewhere.
    """
    check_name(posted.service, settings.services, f"{place}.service")
    service = settings.services[posted.service]
    check_name(posted.pool, service.pools, f"{place}.pool")
    check_name(posted.region, (*service.regions, NOWHERE), f"{place}.region")


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
        responses={204: RouteResponse("It is counted.", media=())},
        rate_class=RateClass.MEASUREMENT,
    ),
)
