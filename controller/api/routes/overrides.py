"""`/v1/overrides`: a person's standing instructions, seen, previewed, given, extended and ended."""

from __future__ import annotations

import asyncio

from aiohttp import web

from controller.api.http.authentication import require, signed
from controller.api.http.idempotency import IDEMPOTENCY_KEY, REPLAYED, KeptReplies
from controller.api.http.parameters import ID, IF_MATCH, Parameter, flag
from controller.api.http.precondition import ETAG, check, previewed, tagged
from controller.api.http.problems import ProblemError
from controller.api.http.request_bodies import PostedExtension, PostedOverride, line
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.api.views.common import (
    ALL,
    OverrideView,
    Page,
    PlanView,
    as_if_ended,
    as_if_set,
    in_force,
    shown,
)
from controller.api.views.plain import answer
from controller.model.access import Role
from controller.model.overrides import Override, OverrideKind, OverrideRequest

REPLAYS = web.AppKey("replays", KeptReplies)
ONE_WRITE = web.AppKey("one_write", asyncio.Lock)
"""Held from looking at the state to changing it: two callers must not both be the first."""

_DRY_RUN = flag("dry_run", "Answer with the plan as if it were set, and set nothing.")
_AUTHOR: Parameter[str | None] = Parameter(
    "author",
    "Whom the caller speaks for; without it, for itself.",
    lambda text, _context: line("author", text, 100),
    schema={"type": "string", "maxLength": 100},
)


async def _list(call: RouteCall) -> web.Response:
    return tagged(call, Page[OverrideView](items=in_force(call.context)))


async def _one(call: RouteCall) -> web.Response:
    return answer(shown(call.context, _in_force(call)))


async def _add(call: RouteCall) -> web.Response:
    wanted = _request(call)
    if call[_DRY_RUN]:
        return previewed(call, as_if_set(call.context, wanted))
    key = call[IDEMPOTENCY_KEY]
    if key is None:
        return await _set(call, wanted)
    replays = call.request.app[REPLAYS]
    body = await call.request.read()
    return await replays.once(call.principal.name, key, body, lambda: _set(call, wanted))


async def _set(call: RouteCall, wanted: OverrideRequest) -> web.Response:
    context = call.context
    async with call.request.app[ONE_WRITE]:
        check(call, as_if_set(context, wanted))
        for replaced in context.overrides.active():
            if replaced.target == wanted.target:
                _may_end(call, replaced, wanted.ttl_s)
        override = await context.overrides.add(wanted)
    location = {"Location": f"/v1/overrides/{override.id}"}
    return tagged(call, shown(context, override), status=201, headers=location)


async def _extend(call: RouteCall) -> web.Response:
    posted = call.body(PostedExtension)
    actor = signed(call.principal, posted.author)
    async with call.request.app[ONE_WRITE]:
        override = _in_force(call)
        _may_end(call, override, posted.ttl_s)
        check(call)
        override = await call.context.overrides.extend(
            override.id, posted.ttl_s, actor, posted.reason
        )
    return tagged(call, shown(call.context, override))


async def _ending(call: RouteCall) -> web.Response:
    return previewed(call, as_if_ended(call.context, _in_force(call)))


async def _end(call: RouteCall) -> web.Response:
    actor = signed(call.principal, call[_AUTHOR])
    async with call.request.app[ONE_WRITE]:
        override = _in_force(call)
        _may_end(call, override, 0)
        check(call, as_if_ended(call.context, override))
        await call.context.overrides.withdraw(override.id, actor)
    return tagged(call, shown(call.context, override))


def _in_force(call: RouteCall) -> Override:
    """The override that the path names."""
    active = {override.id: override for override in call.context.overrides.active()}
    wanted = active.get(call[ID] or 0)
    if wanted is None:
        detail = f"no override {call.request.match_info['id']} is in force"
        raise ProblemError(404, detail, field="id", valid=map(str, active))
    return wanted


def _request(call: RouteCall) -> OverrideRequest:
    posted, limits = call.body(PostedOverride), call.context.settings.overrides
    return OverrideRequest(
        kind=posted.kind,
        author=signed(call.principal, posted.author),
        reason=posted.reason,
        ttl_s=limits.default_ttl_s if posted.ttl_s is None else posted.ttl_s,
        region=posted.region,
        service=posted.service,
        pool=posted.pool,
        share=posted.share,
        ignore_guards=posted.ignore_guards,
    )


def _may_end(call: RouteCall, override: Override, in_s: float) -> None:
    """To end a freeze before its time takes admin, by whatever way. Raises ProblemError 403."""
    sooner = in_s < call.context.overrides.remaining_s(override.id)
    if override.kind is OverrideKind.FREEZE and sooner:
        require(call.principal, Role.ADMIN, "ending a freeze before its time")


_EXAMPLE = {
    "id": 7,
    "kind": "drain",
    "region": "eu-west-1",
    "service": "shop",
    "pool": None,
    "share": None,
    "author": "ann (ops)",
    "reason": "INC-42",
    "created_at": "2026-06-01T12:00:00.000Z",
    "expires_at": "2026-06-01T16:00:00.000Z",
    "ignore_guards": [],
    "remaining_s": 14400.0,
    "expires_soon": False,
    "void": None,
}

ROUTES = (
    Route(
        "GET",
        "/v1/overrides",
        _list,
        summary="Overrides in force",
        answers={200: RouteResponse("Oldest first.", Page[OverrideView], headers=ETAG)},
    ),
    Route(
        "POST",
        "/v1/overrides",
        _add,
        role=Role.OPERATOR,
        summary="Drain, fail over, pin or freeze",
        description="Takes the place of an override of the same kind at the same place, and is "
        "acknowledged once it is durable. A pin fixes a region's `share` of each pool while the "
        "region is well; it rises in steps. A freeze that would end one in force sooner takes "
        "admin.",
        parameters=(_DRY_RUN, ALL, IF_MATCH, IDEMPOTENCY_KEY),
        body=PostedOverride,
        body_example={"kind": "drain", "region": "eu-west-1", "reason": "INC-42", "ttl_s": 14400},
        answers={
            201: RouteResponse(
                "It is in force.",
                OverrideView,
                headers={
                    "Location": "Path of the override.",
                    REPLAYED: "`true` when the Idempotency-Key had been sent before.",
                    **ETAG,
                },
                example=_EXAMPLE,
            ),
            200: RouteResponse(
                "With `dry_run`: the plan as if it were set.", PlanView, headers=ETAG
            ),
        },
        problems=(409, 412, 428, 503),
    ),
    Route(
        "GET",
        "/v1/overrides/{id}",
        _one,
        summary="One override in force",
        parameters=(ID,),
        answers={200: RouteResponse("The override.", OverrideView, example=_EXAMPLE)},
        problems=(404,),
    ),
    Route(
        "GET",
        "/v1/overrides/{id}/ending",
        _ending,
        summary="What would be written if an override ended now",
        description="Nothing ends. With its ETag as `If-Match`, a DELETE ends the override only "
        "while this is still what follows.",
        parameters=(ID, ALL),
        answers={200: RouteResponse("The plan without it.", PlanView, headers=ETAG)},
        problems=(404,),
    ),
    Route(
        "PATCH",
        "/v1/overrides/{id}",
        _extend,
        role=Role.OPERATOR,
        summary="Give an override another end",
        description="It ends `ttl_s` from now, be that later or sooner than it would have ended. "
        "Ending a freeze sooner takes admin.",
        parameters=(ID, IF_MATCH),
        body=PostedExtension,
        body_example={"ttl_s": 7200, "reason": "INC-42 goes on"},
        answers={200: RouteResponse("The override with its new end.", OverrideView, headers=ETAG)},
        problems=(404, 412, 428, 503),
    ),
    Route(
        "DELETE",
        "/v1/overrides/{id}",
        _end,
        role=Role.OPERATOR,
        summary="End an override",
        description="Ending a freeze takes admin. A region's traffic comes back in steps. May be "
        "bound to what `GET /v1/overrides/{id}/ending` shows.",
        parameters=(ID, _AUTHOR, IF_MATCH),
        answers={200: RouteResponse("The override, which has ended.", OverrideView, headers=ETAG)},
        problems=(404, 412, 428, 503),
    ),
)
