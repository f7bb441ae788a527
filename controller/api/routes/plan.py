"""`/v1/plan`: what would be written now, with other overrides, or if something happened."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.precondition import ETAG, present
from controller.api.http.request_bodies import PlannedOverride, PostedPlan
from controller.api.http.route import Meter, Route, RouteCall, RouteResponse
from controller.api.views.common import ALL, PlanView, View, as_if_set, planned, supposed
from controller.api.views.plain import answer
from controller.model.errors import within
from controller.model.overrides import OverrideRequest
from controller.planning.account.effects_text import explain_failures
from controller.planning.account.single_failures import SingleFailure
from controller.planning.account.what_if import PREVIEW_AUTHOR, PREVIEW_REASON


class FailuresView(View):
    """What would become of the loss of every single region."""

    at: datetime
    items: tuple[SingleFailure, ...]
    text: str
    """The same as a table."""


async def _get(call: RouteCall) -> web.Response:
    return present(call)


async def _post(call: RouteCall) -> web.Response:
    posted = call.body(PostedPlan)
    wanted = [_request(call.context, override) for override in posted.overrides]
    for number, one in enumerate(wanted):
        with within(f"overrides.{number}"):
            call.context.overrides.check(one)
    context, everything = call.context, call[ALL]
    decided = context.previews.under(as_if_set(context, *wanted))
    if not posted.hypotheses:
        return answer(planned(context, decided, everything=everything))
    return answer(supposed(context, decided, posted.hypotheses, everything=everything))


async def _failures(call: RouteCall) -> web.Response:
    failures = await call.context.previews.failures()
    text = explain_failures(failures)
    return answer(FailuresView(at=call.context.clock.wall(), items=failures, text=text))


def _request(context: ApiDependencies, planned: PlannedOverride) -> OverrideRequest:
    return OverrideRequest(
        kind=planned.kind,
        author=PREVIEW_AUTHOR,
        reason=PREVIEW_REASON,
        ttl_s=context.settings.overrides.default_ttl_s,
        region=planned.region,
        service=planned.service,
        pool=planned.pool,
        share=planned.share,
        ignore_guards=planned.ignore_guards,
    )


ROUTES = (
    Route(
        "GET",
        "/v1/plan",
        _get,
        summary="What would be written now",
        description="Nothing is written. Told are the pools that move or that something holds. "
        "Decided once for each state: a cycle's end, an order, other settings, another reading, "
        "verdict or reported figure begins the next.",
        parameters=(ALL,),
        answers={200: RouteResponse("The plan.", PlanView, headers=ETAG)},
    ),
    Route(
        "POST",
        "/v1/plan",
        _post,
        summary="What would be written if some overrides were in force, or something happened",
        description="Nothing is stored and nothing is written. With hypotheses, the text says "
        "first what AWS does by itself, then the plan and what it does to regions and users.",
        parameters=(ALL,),
        body=PostedPlan,
        body_example={
            "overrides": [{"kind": "failover", "region": "eu-west-1"}],
            "hypotheses": ["us-east-1 down", "demand europe ×1.5"],
        },
        answers={200: RouteResponse("The plan as if it were so.", PlanView)},
        meter=Meter.READ,
    ),
    Route(
        "GET",
        "/v1/plan/failures",
        _failures,
        summary="What would become of the loss of every single region",
        answers={200: RouteResponse("One row for each region of each service.", FailuresView)},
    ),
)
