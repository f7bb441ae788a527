"""Figures about users that steer: reported by `POST /v1/measurements/figures`, shown with what
they count for by `GET /v1/figures`."""

from __future__ import annotations

from aiohttp import web

from controller.api.http.problems import ProblemError
from controller.api.http.request_bodies import (
    PostedDemand,
    PostedFigures,
    PostedLatency,
    known_name,
)
from controller.api.http.route import Meter, Route, RouteCall, RouteResponse
from controller.api.views.common import Page
from controller.api.views.figures import FiguresView, figures_of
from controller.api.views.plain import answer
from controller.model.access import Role
from controller.model.configuration import Pool, Settings
from controller.model.levers import Position
from controller.planning.account.evidence import Evidence


async def _list(call: RouteCall) -> web.Response:
    context = call.context
    # Verdicts as last decided on, figures with their age by now.
    decision = context.previews.present().evidence.decision
    now = Evidence(context.snapshots.build(), decision)
    items = tuple(figures_of(now, name) for name in now.snapshot.settings.services)
    return answer(Page[FiguresView](items=items))


async def _post(call: RouteCall) -> web.Response:
    posted, figures = call.body(PostedFigures), call.context.figures
    for index, demand in enumerate(posted.demand):
        _pool(demand, f"demand.{index}", call.context.settings)
    for index, latency in enumerate(posted.latency):
        _check_region(latency, f"latency.{index}", call.context.settings)
    for demand in posted.demand:
        figures.report_demand(demand.service, demand.pool, demand.rps)
    for latency in posted.latency:
        position = Position(latency.service, latency.pool, latency.region)
        figures.report_latency(position, latency.ms)
    return web.Response(status=204)


def _pool(posted: PostedDemand | PostedLatency, place: str, settings: Settings) -> Pool:
    known_name(posted.service, settings.services, f"{place}.service")
    pools = settings.services[posted.service].pools
    known_name(posted.pool, pools, f"{place}.pool")
    return pools[posted.pool]


def _check_region(posted: PostedLatency, place: str, settings: Settings) -> None:
    pool = _pool(posted, place, settings)
    if not pool.latency_ms:
        detail = (
            f"{place}.pool is {posted.pool!r}, which has no latency_ms in the configuration: it is "
            "placed by its regions' shares, and a measured latency would count for nothing"
        )
        raise ProblemError(422, detail, field=f"{place}.pool")
    known_name(posted.region, pool.latency_ms, f"{place}.region")


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
        answers={200: RouteResponse("The figures of every service.", Page[FiguresView])},
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
        answers={204: RouteResponse("They are believed from now on.", media=())},
        meter=Meter.MEASUREMENT,
    ),
)
