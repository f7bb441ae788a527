"""`/v1/audit`: who did what, in pages, and whether the chain of entries is whole."""

from __future__ import annotations

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.paging import page
from controller.api.http.parameters import BEFORE, Parameter, limit
from controller.api.http.problems import ProblemError
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.api.views.common import Page
from controller.api.views.plain import answer
from controller.model.audit import AuditCheck, AuditEntry, ChainPoint

_LIMIT = limit(50)


def _mark(text: str, _context: ApiDependencies) -> ChainPoint:
    try:
        return ChainPoint.parse(text)
    except ValueError as error:
        raise ProblemError(400, str(error), field="noted") from error


_NOTED: Parameter[ChainPoint | None] = Parameter(
    "noted",
    "A mark kept elsewhere, `NUMBER:DIGEST`, such as the daemon logs when it starts: a chain that "
    "was made anew does not have it.",
    _mark,
    schema={"type": "string", "pattern": "^[0-9]+:[0-9a-f]{64}$"},
)


async def _list(call: RouteCall) -> web.Response:
    wanted = call[_LIMIT]
    found = await call.context.store.audit_entries(limit=wanted + 1, before=call[BEFORE])
    return answer(page(call, found, wanted, lambda entry: entry.seq, Page[AuditEntry]))


async def _check(call: RouteCall) -> web.Response:
    return answer(await call.context.store.check_audit(call[_NOTED]))


ROUTES = (
    Route(
        "GET",
        "/v1/audit",
        _list,
        summary="Who did what",
        description="Newest first. Decisions have a list of their own.",
        parameters=(_LIMIT, BEFORE),
        answers={200: RouteResponse("A page of the audit.", Page[AuditEntry])},
        problems=(503,),
    ),
    Route(
        "GET",
        "/v1/audit/check",
        _check,
        summary="Whether the audit is whole",
        description="Looks through every entry kept, and every decision with its snapshot. With a "
        "large state file it takes seconds; the daemon goes on steering.",
        parameters=(_NOTED,),
        answers={200: RouteResponse("What was found; no fault means whole.", AuditCheck)},
        problems=(503,),
    ),
)
