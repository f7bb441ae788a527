"""`GET` and `POST /v1/plan`: what would be written now, or if some overrides were in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from aiohttp import web

from controller.api.bodies import PlannedOverride, PostedPlan, read
from controller.api.context import CONTEXT, Context
from controller.api.parameters import parameters
from controller.api.plain import answer
from controller.model.overrides import Override, OverrideRequest
from controller.planning.explanation import explain_plan

_AUTHOR = "preview"


async def _get(request: web.Request) -> web.Response:
    parameters(request)
    return answer(preview(request.app[CONTEXT], ()))


async def _post(request: web.Request) -> web.Response:
    parameters(request)
    context = request.app[CONTEXT]
    posted = await read(request, PostedPlan)
    return answer(preview(context, [_request(context, o) for o in posted.overrides]))


def preview(context: Context, requests: Iterable[OverrideRequest]) -> dict[str, object]:
    """The plan as if these overrides were in force too. Raises InvalidRequestError."""
    extra = []
    for wanted in requests:
        context.overrides.check(wanted)
        extra.append(_as_if_set(context, wanted))
    decision = context.reconciliation.preview(extra)
    return {
        "at": context.clock.wall(),
        "plans": decision.plans,
        "changes": len(decision.changes),
        "text": explain_plan(decision.plans),
    }


def _request(context: Context, planned: PlannedOverride) -> OverrideRequest:
    return OverrideRequest(
        kind=planned.kind,
        author=_AUTHOR,
        reason=_AUTHOR,
        ttl_s=context.settings.overrides.default_ttl_s,
        region=planned.region,
        service=planned.service,
        ignore_guards=planned.ignore_guards,
    )


def _as_if_set(context: Context, wanted: OverrideRequest) -> Override:
    now = context.clock.wall()
    return Override(
        id=0,
        kind=wanted.kind,
        region=wanted.region,
        service=wanted.service,
        author=wanted.author,
        reason=wanted.reason,
        created_at=now,
        expires_at=now + timedelta(seconds=wanted.ttl_s),
        ignore_guards=wanted.ignore_guards,
    )


ROUTES = (web.get("/v1/plan", _get), web.post("/v1/plan", _post))
