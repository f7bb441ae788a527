"""`POST /v1/measurements/traffic`: what users do, as their clients or edges report it."""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

from controller.api.bodies import PostedMeasurement, PostedMeasurements
from controller.api.problems import ProblemError
from controller.api.registry import Answered, Call, Meter, Route
from controller.model.configuration import Settings
from controller.model.traffic import Measurement
from controller.settings.messages import did_you_mean

NOWHERE = "none"
"""Region of requests that no region answered."""


async def _post(call: Call) -> web.Response:
    report = call.body(PostedMeasurements)
    for index, posted in enumerate(report.measurements):
        _check(posted, f"measurements.{index}", call.context.settings)
    call.context.traffic.add(
        Measurement(m.service, m.pool, m.region, m.requests, m.errors) for m in report.measurements
    )
    return web.Response(status=204)


def _check(posted: PostedMeasurement, place: str, settings: Settings) -> None:
    """Any region of the service may be named: users do arrive where they should not."""
    _known(posted.service, settings.services, f"{place}.service")
    service = settings.services[posted.service]
    _known(posted.pool, service.pools, f"{place}.pool")
    _known(posted.region, (*service.regions, NOWHERE), f"{place}.region")


def _known(name: str, possible: Collection[str], field: str) -> None:
    if name not in possible:
        detail = f"{field} is {name!r}; {did_you_mean(name, possible)}"
        raise ProblemError(422, detail, field=field, valid=possible)


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
        summary="Report what users did",
        description="Region `none` counts requests that no region answered. A report is evidence "
        "and no order: whoever sends it needs no right to move traffic.",
        body=PostedMeasurements,
        body_example=_EXAMPLE,
        answers={204: Answered("It is counted.", media=())},
        meter=Meter.MEASUREMENT,
    ),
)
