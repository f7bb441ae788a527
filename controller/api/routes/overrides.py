"""`/v1/overrides`: list, show, preview, set, extend and end overrides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from controller.api.http.authentication import actor_name, authorize
from controller.api.http.idempotency import IDEMPOTENCY_KEY, REPLAYED_HEADER, IdempotencyCache
from controller.api.http.parameters import ID, IF_MATCH, Parameter, flag
from controller.api.http.precondition import (
    ETAG_HEADER,
    check_precondition,
    preview_tag,
    tagged_response,
)
from controller.api.http.problems import ProblemError
from controller.api.http.request_bodies import PostedExtension, PostedOverride, single_line
from controller.api.http.response_bodies import Page
from controller.api.http.responses import json_response
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.api.views.overrides import OverrideView, active_override_views, override_view
from controller.api.views.plan import ALL_POOLS, PlanView, plan_view
from controller.model.access import Role
from controller.model.overrides import Override, OverrideKind, OverrideRequest

IDEMPOTENCY_CACHE = web.AppKey("idempotency_cache", IdempotencyCache)
WRITE_LOCK = web.AppKey("write_lock", asyncio.Lock)
"""Held from the check of If-Match until the write is done, so that two writes that are based on the
same state cannot both pass the check."""

_DRY_RUN = flag("dry_run", "Answer with the plan as if it were set, and set nothing.")
_AUTHOR: Parameter[str | None] = Parameter(
    "author",
    "Whom the caller speaks for; without it, for itself.",
    lambda text, _dependencies: single_line("author", text, 100),
    schema={"type": "string", "maxLength": 100},
)


async def _list(call: RouteCall) -> web.Response:
    return tagged_response(call, Page[OverrideView](items=active_override_views(call.dependencies)))


async def _one(call: RouteCall) -> web.Response:
    return json_response(override_view(call.dependencies, _active_override(call)))


async def _add(call: RouteCall) -> web.Response:
    request = _override_request(call)
    if call[_DRY_RUN]:
        call.dependencies.overrides.check(request)
        return _preview(call, call.dependencies.overrides.supposing(request))
    key = call[IDEMPOTENCY_KEY]
    if key is None:
        return await _set(call, request)
    cache = call.request.app[IDEMPOTENCY_CACHE]
    body = await call.request.read()
    return await cache.once(call.principal.name, key, body, lambda: _set(call, request))


async def _set(call: RouteCall, request: OverrideRequest) -> web.Response:
    dependencies = call.dependencies
    async with call.request.app[WRITE_LOCK]:
        override = await dependencies.overrides.add(request, partial(_agree, call, request))
    location = {"Location": f"/v1/overrides/{override.id}"}
    return tagged_response(
        call, override_view(dependencies, override), status=201, headers=location
    )


def _agree(call: RouteCall, request: OverrideRequest, supposed: Sequence[Override]) -> None:
    """Raise ProblemError for an order that its caller based on another state, or may not give."""
    check_precondition(call, plan_view, supposed)
    for replaced in call.dependencies.overrides.active():
        if replaced.target == request.target:
            _authorize_end(call, replaced, request.ttl_s)


async def _extend(call: RouteCall) -> web.Response:
    posted = call.body(PostedExtension)
    actor = actor_name(call.principal, posted.author)
    async with call.request.app[WRITE_LOCK]:
        override = _active_override(call)
        _authorize_end(call, override, posted.ttl_s)
        check_precondition(call, plan_view)
        override = await call.dependencies.overrides.extend(
            override.id, posted.ttl_s, actor, posted.reason
        )
    return tagged_response(call, override_view(call.dependencies, override))


async def _preview_end(call: RouteCall) -> web.Response:
    return _preview(call, call.dependencies.overrides.without(_active_override(call)))


async def _end(call: RouteCall) -> web.Response:
    actor = actor_name(call.principal, call[_AUTHOR])
    async with call.request.app[WRITE_LOCK]:
        override = _active_override(call)
        _authorize_end(call, override, 0)
        check_precondition(call, plan_view, call.dependencies.overrides.without(override))
        await call.dependencies.overrides.withdraw(override.id, actor)
    return tagged_response(call, override_view(call.dependencies, override))


def _preview(call: RouteCall, supposed: tuple[Override, ...]) -> web.Response:
    """The plan as if these overrides were active, with the ETag that binds a write to it."""
    dependencies = call.dependencies
    preview = dependencies.previews.under(supposed)
    view = plan_view(dependencies, preview, all_pools=call[ALL_POOLS])
    return json_response(view, headers={"ETag": preview_tag(dependencies, preview, supposed)})


def _active_override(call: RouteCall) -> Override:
    """The override that the path names. Raises ProblemError 404 when it is not active."""
    active = {override.id: override for override in call.dependencies.overrides.active()}
    override = active.get(call[ID] or 0)
    if override is None:
        detail = f"no override {call.request.match_info['id']} is in force"
        raise ProblemError(404, detail, field="id", valid=map(str, active))
    return override


def _override_request(call: RouteCall) -> OverrideRequest:
    posted, limits = call.body(PostedOverride), call.dependencies.settings.overrides
    return OverrideRequest(
        kind=posted.kind,
        author=actor_name(call.principal, posted.author),
        reason=posted.reason,
        ttl_s=limits.default_ttl_s if posted.ttl_s is None else posted.ttl_s,
        region=posted.region,
        service=posted.service,
        pool=posted.pool,
        share=posted.share,
        ignore_guards=posted.ignore_guards,
    )


def _authorize_end(call: RouteCall, override: Override, ends_in_s: float) -> None:
    """Raise ProblemError 403 when the override is a freeze that would end sooner than it does now
    and the caller is not an admin.

    This holds for a DELETE, for an earlier end, and for a shorter freeze in its place.
    """
    ends_sooner = ends_in_s < call.dependencies.overrides.remaining_s(override.id)
    if override.kind is OverrideKind.FREEZE and ends_sooner:
        authorize(call.principal, Role.ADMIN, "ending a freeze before its time")


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
    "warnings": [],
}

ROUTES = (
    Route(
        "GET",
        "/v1/overrides",
        _list,
        summary="Overrides in force",
        responses={200: RouteResponse("Oldest first.", Page[OverrideView], headers=ETAG_HEADER)},
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
        parameters=(_DRY_RUN, ALL_POOLS, IF_MATCH, IDEMPOTENCY_KEY),
        body=PostedOverride,
        body_example={"kind": "drain", "region": "eu-west-1", "reason": "INC-42", "ttl_s": 14400},
        responses={
            201: RouteResponse(
                "It is in force.",
                OverrideView,
                headers={
                    "Location": "Path of the override.",
                    REPLAYED_HEADER: "`true` when the Idempotency-Key had been sent before.",
                    **ETAG_HEADER,
                },
                example=_EXAMPLE,
            ),
            200: RouteResponse(
                "With `dry_run`: the plan as if it were set.", PlanView, headers=ETAG_HEADER
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
        responses={200: RouteResponse("The override.", OverrideView, example=_EXAMPLE)},
        problems=(404,),
    ),
    Route(
        "GET",
        "/v1/overrides/{id}/ending",
        _preview_end,
        summary="What would be written if an override ended now",
        description="Nothing ends. With its ETag as `If-Match`, a DELETE ends the override only "
        "while this is still what follows.",
        parameters=(ID, ALL_POOLS),
        responses={200: RouteResponse("The plan without it.", PlanView, headers=ETAG_HEADER)},
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
        responses={
            200: RouteResponse("The override with its new end.", OverrideView, headers=ETAG_HEADER)
        },
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
        responses={
            200: RouteResponse("The override, which has ended.", OverrideView, headers=ETAG_HEADER)
        },
        problems=(404, 412, 428, 503),
    ),
)
