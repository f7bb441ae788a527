"""`GET /v1/status`: the state of the daemon, its services, pools and regions."""

from __future__ import annotations

import asyncio

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import flag
from controller.api.http.precondition import ETAG_HEADER, state_tag
from controller.api.http.problems import ProblemError
from controller.api.http.responses import Slices, sliced_json_response
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.api.views.status import DecisionSummary, Status, status_view
from controller.model.errors import StateUnavailableError

_STORE_DEADLINE_S = 1.0
_POOLS = 4
"""Where pools are in the answer: below the services' list and that of a service's pools."""
_WHOLE_WAIT_S = 30.0
"""Seconds for listing all records: three zones of 10,000 take 20 at five requests a second."""
_CYCLE_WAIT_S = 10.0
_WHOLE = flag(
    "whole",
    "List all records of every hosted zone first, not only what is steered, and decide by them. It "
    "takes a request for each 300 records. Within 30 s only what is steered is listed again.",
)


async def _status(call: RouteCall) -> web.Response:
    """Answers without the last decision when the state file fails or hangs."""
    if call[_WHOLE]:
        await _read_whole(call.dependencies)
    try:
        async with asyncio.timeout(_STORE_DEADLINE_S):
            newest = await call.dependencies.store.records(limit=1)
    except TimeoutError:
        why = f"no answer from the state file within {_STORE_DEADLINE_S:g} s"
        return await _response(call, None, why)
    except StateUnavailableError as error:
        return await _response(call, None, str(error))
    last = [DecisionSummary(id=r.id, at=r.at, trigger=r.trigger) for r in newest]
    return await _response(call, last[0] if last else None, None)


async def _response(
    call: RouteCall, last: DecisionSummary | None, state_error: str | None
) -> web.Response:
    """The status in slices, under the tag of the state in which it was begun."""
    headers, slices = {"ETag": state_tag(call.dependencies)}, Slices()
    view = await status_view(call.dependencies, last, state_error, slices)
    return await sliced_json_response(view, slices, depth=_POOLS, headers=headers)


async def _read_whole(dependencies: ApiDependencies) -> None:
    """Have all of the zones read, and a cycle see it. Raises ProblemError."""
    unread = await dependencies.observation.read_whole(_WHOLE_WAIT_S)
    if unread:
        raise ProblemError(
            503,
            f"AWS did not show all of {', '.join(unread)} within {_WHOLE_WAIT_S:g} s: ask again, "
            "or without `whole` for what was read last",
        )
    if not await dependencies.reconciliation.run_next(_CYCLE_WAIT_S):
        raise ProblemError(503, f"no cycle ended within {_CYCLE_WAIT_S:g} s: ask again")


ROUTES = (
    Route(
        "GET",
        "/v1/status",
        _status,
        summary="How everything stands",
        description="The last cycle's verdicts, shares and holds beside what is live.",
        parameters=(_WHOLE,),
        problems=(503,),
        responses={200: RouteResponse("Everything at a glance.", Status, headers=ETAG_HEADER)},
    ),
)
