"""`/v1/plan`: what would be written now, with other overrides, or under hypotheses."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.precondition import ETAG_HEADER, state_tag
from controller.api.http.request_bodies import PlannedOverride, PostedPlan
from controller.api.http.response_bodies import View
from controller.api.http.responses import Slices, json_response, sliced_json_response
from controller.api.http.route import RateClass, Route, RouteCall, RouteResponse
from controller.api.views.plan import ALL_POOLS, PlanView, plan_view, what_if_view
from controller.model.errors import within
from controller.model.overrides import OverrideRequest
from controller.planning.account.effects_text import explain_failures
from controller.planning.account.single_failures import SingleFailure
from controller.planning.account.what_if import PREVIEW_AUTHOR, PREVIEW_REASON

_PLANS = 2
"""Where plans are in the answer: below their list."""


class FailuresView(View):
    """What would become of the loss of every single region."""

    at: datetime
    items: tuple[SingleFailure, ...]
    text: str
    """The same as a table."""


async def _get(call: RouteCall) -> web.Response:
    preview = call.dependencies.previews.present()
    view = plan_view(call.dependencies, preview, all_pools=call[ALL_POOLS])
    headers = {"ETag": state_tag(call.dependencies)}
    return await sliced_json_response(view, Slices(), depth=_PLANS, headers=headers)


async def _post(call: RouteCall) -> web.Response:
    posted = call.body(PostedPlan)
    dependencies, all_pools = call.dependencies, call[ALL_POOLS]
    requests = [_override_request(dependencies, override) for override in posted.overrides]
    for index, request in enumerate(requests):
        with within(f"overrides.{index}"):
            dependencies.overrides.check(request)
    preview = dependencies.previews.under(dependencies.overrides.supposing(*requests))
    if not posted.hypotheses:
        view = plan_view(dependencies, preview, all_pools=all_pools)
    else:
        view = what_if_view(dependencies, preview, posted.hypotheses, all_pools=all_pools)
    return await sliced_json_response(view, Slices(), depth=_PLANS)


async def _failures(call: RouteCall) -> web.Response:
    failures = await call.dependencies.previews.failures()
    text = explain_failures(failures)
    return json_response(FailuresView(at=call.dependencies.clock.wall(), items=failures, text=text))


def _override_request(dependencies: ApiDependencies, planned: PlannedOverride) -> OverrideRequest:
    """The request for an override that is only previewed: author and reason are placeholders."""
    return OverrideRequest(
        kind=planned.kind,
        author=PREVIEW_AUTHOR,
        reason=PREVIEW_REASON,
        ttl_s=dependencies.settings.overrides.default_ttl_s,
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
        parameters=(ALL_POOLS,),
        responses={200: RouteResponse("The plan.", PlanView, headers=ETAG_HEADER)},
    ),
    Route(
        "POST",
        "/v1/plan",
        _post,
        summary="What would be written if some overrides were in force, or something happened",
        description="Nothing is stored and nothing is written. With hypotheses, the text says "
        "first what AWS does by itself, then the plan and what it does to regions and users.",
        parameters=(ALL_POOLS,),
        body=PostedPlan,
        body_example={
            "overrides": [{"kind": "failover", "region": "eu-west-1"}],
            "hypotheses": ["us-east-1 down", "demand europe ×1.5"],
        },
        responses={200: RouteResponse("The plan as if it were so.", PlanView)},
        rate_class=RateClass.READ,
    ),
    Route(
        "GET",
        "/v1/plan/failures",
        _failures,
        summary="What would become of the loss of every single region",
        tokens=20,
        responses={200: RouteResponse("One row for each region of each service.", FailuresView)},
    ),
)
