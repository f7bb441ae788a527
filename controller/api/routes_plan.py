"""`GET` and `POST /v1/plan`: what would be written now, or if some overrides were in force."""

from __future__ import annotations

from aiohttp import web

from controller.api.bodies import PlannedOverride, PostedPlan
from controller.api.context import Context
from controller.api.plain import answer
from controller.api.precondition import ETAG, tagged
from controller.api.registry import Answered, Call, Meter, Route
from controller.api.views import PlanView, preview
from controller.model.overrides import OverrideRequest

_AUTHOR = "preview"


async def _get(call: Call) -> web.Response:
    return tagged(call, preview(call.context))


async def _post(call: Call) -> web.Response:
    overrides = call.body(PostedPlan).overrides
    return answer(preview(call.context, [_request(call.context, o) for o in overrides]))


def _request(context: Context, planned: PlannedOverride) -> OverrideRequest:
    return OverrideRequest(
        kind=planned.kind,
        author=_AUTHOR,
        reason=_AUTHOR,
        ttl_s=context.settings.overrides.default_ttl_s,
        region=planned.region,
        service=planned.service,
        pool=planned.pool,
        ignore_guards=planned.ignore_guards,
    )


ROUTES = (
    Route(
        "GET",
        "/v1/plan",
        _get,
        summary="What would be written now",
        description="Decided anew for this answer; nothing is written.",
        answers={200: Answered("The plan.", PlanView, headers=ETAG)},
    ),
    Route(
        "POST",
        "/v1/plan",
        _post,
        summary="What would be written if some overrides were in force",
        description="Nothing is stored and nothing is written.",
        body=PostedPlan,
        body_example={"overrides": [{"kind": "failover", "region": "eu-west-1"}]},
        answers={200: Answered("The plan as if they were set.", PlanView)},
        meter=Meter.READ,
    ),
)
