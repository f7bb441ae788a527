"""For whoever restarts or scrapes the daemon: `/livez`, `/readyz`, `/metrics`.

Neither health answer depends on AWS or on any region: the daemon must not be killed during the
outage it exists for. Alive means that the loop beats; ready, that it has begun and can remember.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import Parameter
from controller.api.http.route import TEXT, Route, RouteCall, RouteResponse
from controller.api.metrics.exposition import exposition
from controller.model.access import Role
from controller.model.errors import StateUnavailableError

_STORE_DEADLINE_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so."""

    name: str
    ok: bool
    detail: str


async def _livez(call: RouteCall) -> web.Response:
    heartbeat = call.context.heartbeat
    detail = f"last cycle {heartbeat.silent_s:.1f} s ago, {heartbeat.allowed_s:g} s allowed"
    return _answer(call, [Check("loop", heartbeat.alive, detail)])


async def _readyz(call: RouteCall) -> web.Response:
    latest = call.context.reconciliation.latest
    detail = f"cycle {latest.cycle}" if latest else "no cycle has ended yet"
    return _answer(
        call, [Check("first_cycle", latest is not None, detail), await _state(call.context)]
    )


async def _metrics(call: RouteCall) -> web.StreamResponse:
    return await exposition(call.context.metrics.registry, call.request)


async def _state(context: ApiDependencies) -> Check:
    if (unread := context.snapshots.unread) is not None:
        return Check("state", False, f"{unread}; nothing is moved")
    if (waiting := context.reconciliation.unrecorded) is not None:
        return Check("state", False, waiting)
    try:
        async with asyncio.timeout(_STORE_DEADLINE_S):
            await context.store.audit_entries(limit=1)
    except StateUnavailableError as error:
        return Check("state", False, str(error))
    except TimeoutError:
        return Check("state", False, f"no answer in {_STORE_DEADLINE_S:g} s")
    return Check("state", True, "answers")


def _answer(call: RouteCall, checks: list[Check]) -> web.Response:
    """`ok`, or every check when one fails or all are asked for.

    Details name files and errors, so only those who may look get them.
    """
    ok = all(check.ok for check in checks)
    told = call.principal.may(Role.VIEWER)
    lines = [
        f"{'ok' if check.ok else 'FAILED'} {check.name}" + (f": {check.detail}" if told else "")
        for check in checks
    ]
    text = "\n".join(lines) if call[_VERBOSE] or not ok else "ok"
    return web.Response(text=text + "\n", status=200 if ok else 503)


_VERBOSE = Parameter(
    "verbose",
    "Tell every check, also when all is well.",
    lambda _text, _context: True,
    default=False,
)
_NAMES = Parameter(
    "name[]",
    "Only these series; may be given several times.",
    lambda text, _context: text,
    default="",
    many=True,
)
_HEALTH = {
    200: RouteResponse("`ok`, or a line for each check.", media=(TEXT,)),
    503: RouteResponse("A line for each check.", media=(TEXT,)),
}

ROUTES = (
    Route(
        "GET",
        "/livez",
        _livez,
        role=None,
        summary="Whether the daemon should be left running",
        description="Depends neither on AWS nor on any region. Details only for those who may "
        "look.",
        parameters=(_VERBOSE,),
        answers=_HEALTH,
    ),
    Route(
        "GET",
        "/readyz",
        _readyz,
        role=None,
        summary="Whether the daemon has begun and can remember",
        parameters=(_VERBOSE,),
        answers=_HEALTH,
    ),
    Route(
        "GET",
        "/metrics",
        _metrics,
        summary="Metrics for Prometheus",
        parameters=(_NAMES,),
        answers={
            200: RouteResponse("The exposition.", media=(TEXT, "application/openmetrics-text"))
        },
    ),
)
