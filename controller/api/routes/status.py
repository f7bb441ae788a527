"""`GET /v1/status`: how things stand."""

from __future__ import annotations

import asyncio

from aiohttp import web

from controller.api.http.precondition import ETAG, tagged
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.api.views.status import DecisionBrief, Status, status
from controller.model.errors import StateUnavailableError

_STORE_WITHIN_S = 1.0


async def _status(call: RouteCall) -> web.Response:
    """A store that fails or hangs must not hide the rest of the status."""
    try:
        async with asyncio.timeout(_STORE_WITHIN_S):
            newest = await call.context.store.records(limit=1)
    except TimeoutError:
        why = f"no answer from the state file within {_STORE_WITHIN_S:g} s"
        return tagged(call, status(call.context, None, why))
    except StateUnavailableError as error:
        return tagged(call, status(call.context, None, str(error)))
    brief = [DecisionBrief(id=r.id, at=r.at, trigger=r.trigger) for r in newest]
    return tagged(call, status(call.context, brief[0] if brief else None, None))


ROUTES = (
    Route(
        "GET",
        "/v1/status",
        _status,
        summary="How everything stands",
        description="The last cycle's verdicts, shares and holds beside what is live.",
        answers={200: RouteResponse("Everything at a glance.", Status, headers=ETAG)},
    ),
)
