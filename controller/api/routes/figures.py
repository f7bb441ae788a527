"""`GET /v1/figures` and `POST /v1/measurements/figures`: believed and reported figures."""

from __future__ import annotations

from aiohttp import web

from controller.api.http.problems import ProblemError
from controller.api.http.request_bodies import (
    PostedDemand,
    PostedFigures,
    PostedLatency,
    check_name,
)
from controller.api.http.response_bodies import Page
from controller.api.http.responses import Slices, sliced_json_response
from controller.api.http.route import RateClass, Route, RouteCall, RouteResponse
from controller.api.views.figures import FiguresView, figures_view
from controller.model.access import Role
from controller.model.configuration import Pool, Settings
from controller.model.levers import Position
from controller.planning.account.evidence import Evidence

_POOLS = 4
"""Where pools are in the answer: below the services' list and that of a service's pools."""


async def _list(call: RouteCall) -> web.Response:
    dependencies = call.dependencies
    # Verdicts of the last decision, but figures with their age of now.
    decision = dependencies.previews.present().evidence.decision
    evidence = Evidence(dependencies.snapshots.build(dependencies.overrides.active()), decision)
    items, slices = [], Slices()
    for name in evidence.snapshot.settings.services:
        items.append(figures_view(evidence, name))
        await slices.pause()
    page = Page[FiguresView](items=tuple(items))
    return await sliced_json_response(page, slices, depth=_POOLS)


async def _post(call: RouteCall) -> web.Response:
    """Checks all figures first: all are taken or none."""
    posted, figures = call.body(PostedFigures), call.dependencies.figures
    for index, demand in enumerate(posted.demand):
        _checked_pool(demand, f"demand.{index}", call.dependencies.settings)
    for index, latency in enumerate(posted.latency):
        _check_latency(latency, f"latency.{index}", call.dependencies.settings)
    for demand in posted.demand:
        figures.report_demand(demand.service, demand.pool, demand.rps)
    for latency in posted.latency:
        position = Position(latency.service, latency.pool, latency.region)
        figures.report_latency(position, latency.ms)
    return web.Response(status=204)


def _checked_pool(posted: PostedDemand | PostedLatency, place: str, settings: Settings) -> Pool:
    """The pool that a figure names; `place` is where the figure is in the body, for the error.

    Raises ProblemError 422 for a service or pool that is not configured.
    """
    check_name(posted.service, settings.services, f"{place}.service")
    pools = settings.services[posted.service].pools
    check_name(posted.pool, pools, f"{place}.pool")
    return pools[posted.pool]


def _check_latency(posted: PostedLatency, place: str, settings: Settings) -> None:
    pool = _checked_pool(posted, place, settings)
    if not pool.latency_ms:
        detail = (
            f"{place}.pool is {posted.pool!r}, which has no latency_ms in the configuration: it is "
            "placed by its regions' shares, and a measured latency would count for nothing"
        )
        raise ProblemError(422, detail, field=f"{place}.pool")
    check_name(posted.region, pool.latency_ms, f"{place}.region")


_EXAMPLE = {
    "demand": [{"service": "shop", "pool": "europe", "rps": 140.0}],
    "latency": [{"service": "shop", "pool": "europe", "region": "eu-west-1", "ms": 23.5}],
}

ROUTES = (
    Route(
        "GET",
        "/v1/figures",
        _list,
        summary="Demand, latency and capacity as believed",
        description="The configured figure of each, the one measured last, what that still counts "
        "for at its age, and what decisions are made by.",
        responses={200: RouteResponse("The figures of every service.", Page[FiguresView])},
    ),
    Route(
        "POST",
        "/v1/measurements/figures",
        _post,
        role=Role.OPERATOR,
        summary="Report demand and latency",
        description="These figures steer: placement believes a fresh one instead of the "
        "configuration's and forgets it by halves (`placement.figures_half_life_s`), so it takes "
        "the role that may move traffic. All are taken or none; of two for one place the last "
        "stands. The next cycle looks at them. A restart forgets them.",
        body=PostedFigures,
        body_example=_EXAMPLE,
        responses={204: RouteResponse("They are believed from now on.", media=())},
        rate_class=RateClass.MEASUREMENT,
    ),
)
