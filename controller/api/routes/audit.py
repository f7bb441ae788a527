"""`/v1/audit`: pages of audit entries, and the check of their hash chain."""

from __future__ import annotations

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.paging import page
from controller.api.http.parameters import BEFORE, Parameter, limit_parameter
from controller.api.http.problems import ProblemError
from controller.api.http.response_bodies import Page
from controller.api.http.responses import json_response
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.model.audit import AuditCheck, AuditEntry, ChainPoint

_LIMIT = limit_parameter(50)


def _chain_point(text: str, _dependencies: ApiDependencies) -> ChainPoint:
    try:
        return ChainPoint.parse(text)
    except ValueError as error:
        raise ProblemError(400, str(error), field="noted") from error


_NOTED: Parameter[ChainPoint | None] = Parameter(
    "noted",
    "A mark kept elsewhere, `NUMBER:DIGEST`, such as the daemon logs when it starts: a chain that "
    "was made anew does not have it.",
    _chain_point,
    schema={"type": "string", "pattern": "^[0-9]+:[0-9a-f]{64}$"},
)


async def _list(call: RouteCall) -> web.Response:
    limit = call[_LIMIT]
    # One more than asked for: it shows whether there is a next page.
    found = await call.dependencies.store.audit_entries(limit=limit + 1, before=call[BEFORE])
    return await page(call, found, limit, lambda entry: entry.seq)


async def _check(call: RouteCall) -> web.Response:
    return json_response(await call.dependencies.store.check_audit(call[_NOTED]))


ROUTES = (
    Route(
        "GET",
        "/v1/audit",
        _list,
        summary="Who did what",
        description="Newest first. Decisions have a list of their own. A page may be shorter than "
        "`limit`: large entries fill it.",
        parameters=(_LIMIT, BEFORE),
        responses={200: RouteResponse("A page of the audit.", Page[AuditEntry])},
        problems=(503,),
    ),
    Route(
        "GET",
        "/v1/audit/check",
        _check,
        summary="Whether the audit is whole",
        tokens=20,
        description="Looks through every entry kept, and every decision with its snapshot. With a "
        "large state file it takes seconds; the daemon goes on steering.",
        parameters=(_NOTED,),
        responses={200: RouteResponse("What was found; no fault means whole.", AuditCheck)},
        problems=(503,),
    ),
)
