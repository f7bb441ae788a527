"""`GET /v1/status` and `GET /v1/audit`: how things stand, and who did what."""

from __future__ import annotations

from aiohttp import web

from controller.api.context import CONTEXT, Context
from controller.api.parameters import limit, parameters
from controller.api.plain import answer
from controller.api.routes_overrides import shown
from controller.api.status_view import daemon_view, service_view
from controller.model.errors import StateUnavailableError


async def _status(request: web.Request) -> web.Response:
    parameters(request)
    context = request.app[CONTEXT]
    latest = context.reconciliation.latest
    return answer(
        {
            **daemon_view(context, latest),
            "services": [service_view(context, latest, name) for name in context.settings.services],
            "overrides": [shown(context, o) for o in context.overrides.active()],
            **await _last_decision(context),
        }
    )


async def _audit(request: web.Request) -> web.Response:
    wanted = limit(parameters(request, "limit"), 50)
    return answer({"items": await request.app[CONTEXT].store.audit_entries(limit=wanted)})


async def _last_decision(context: Context) -> dict[str, object]:
    """The newest record. A store that fails must not hide the rest of the status."""
    try:
        newest = await context.store.records(limit=1)
    except StateUnavailableError as error:
        return {"last_decision": None, "state_error": str(error)}
    brief = (
        {"id": newest[0].id, "at": newest[0].at, "trigger": newest[0].trigger} if newest else None
    )
    return {"last_decision": brief, "state_error": None}


ROUTES = (web.get("/v1/status", _status), web.get("/v1/audit", _audit))
