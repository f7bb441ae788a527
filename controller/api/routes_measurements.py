"""`POST /v1/measurements/traffic`: what users do, as their clients or edges report it."""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

from controller.api.bodies import PostedMeasurement, PostedMeasurements, read
from controller.api.context import CONTEXT
from controller.api.parameters import parameters
from controller.api.problems import ProblemError
from controller.model.configuration import Settings
from controller.model.traffic import Measurement
from controller.settings.messages import did_you_mean

NOWHERE = "none"
"""Region of requests that no region answered."""


async def _post(request: web.Request) -> web.Response:
    parameters(request)
    context = request.app[CONTEXT]
    report = await read(request, PostedMeasurements)
    for index, posted in enumerate(report.measurements):
        _check(posted, f"measurements.{index}", context.settings)
    context.traffic.add(
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


ROUTES = (web.post("/v1/measurements/traffic", _post),)
