"""`/livez` and `/readyz`: health checks for a supervisor or load balancer.

Live: the last cycle ended no longer ago than the heartbeat allows. Ready: the first cycle has ended
and the state file answers. Neither depends on AWS or on a region, so that no supervisor restarts
the daemon during the outage that it is there for; `/readyz?verbose` notes what AWS denies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import Parameter
from controller.api.http.route import TEXT, Route, RouteCall, RouteResponse
from controller.model.access import Role
from controller.model.errors import StateUnavailableError

_STORE_DEADLINE_S = 1.0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One condition of a health check, and whether it holds."""

    name: str
    ok: bool
    detail: str


async def _livez(call: RouteCall) -> web.Response:
    heartbeat = call.dependencies.heartbeat
    detail = f"last cycle {heartbeat.silent_s:.1f} s ago, {heartbeat.allowed_s:g} s allowed"
    return _health_response(call, [HealthCheck("loop", heartbeat.alive, detail)])


def _notes(dependencies: ApiDependencies) -> list[str]:
    """What a reader should know although the daemon is ready all the same."""
    now = dependencies.clock.monotonic()
    return [
        f"note aws: {denial.service} {denial.text(now)}" for denial in dependencies.aws_denials()
    ]


async def _readyz(call: RouteCall) -> web.Response:
    latest = call.dependencies.reconciliation.latest
    detail = f"cycle {latest.cycle}" if latest else "no cycle has ended yet"
    return _health_response(
        call,
        [
            HealthCheck("first_cycle", latest is not None, detail),
            await _state_check(call.dependencies),
        ],
        _notes(call.dependencies),
    )


async def _state_check(dependencies: ApiDependencies) -> HealthCheck:
    """Whether the state file was read at the start, takes every record and answers."""
    if (unread := dependencies.snapshots.unread) is not None:
        return HealthCheck("state", False, f"{unread}; nothing is moved")
    if (waiting := dependencies.reconciliation.unrecorded) is not None:
        return HealthCheck("state", False, waiting)
    try:
        async with asyncio.timeout(_STORE_DEADLINE_S):
            await dependencies.store.audit_entries(limit=1)
    except StateUnavailableError as error:
        return HealthCheck("state", False, str(error))
    except TimeoutError:
        return HealthCheck("state", False, f"no answer in {_STORE_DEADLINE_S:g} s")
    return HealthCheck("state", True, "answers")


def _health_response(
    call: RouteCall, checks: list[HealthCheck], notes: Sequence[str] = ()
) -> web.Response:
    """200 `ok`, or 503 with every check when one fails; `verbose` shows every check.

    Details and notes name files and errors, so only callers with the role viewer get them.
    """
    ok = all(check.ok for check in checks)
    show_details = call.principal.may(Role.VIEWER)
    lines = [
        f"{'ok' if check.ok else 'FAILED'} {check.name}"
        + (f": {check.detail}" if show_details else "")
        for check in checks
    ]
    lines += notes if show_details else ()
    text = "\n".join(lines) if call[_VERBOSE] or not ok else "ok"
    return web.Response(text=text + "\n", status=200 if ok else 503)


_VERBOSE = Parameter(
    "verbose",
    "Tell every check, also when all is well.",
    lambda _text, _dependencies: True,
    default=False,
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
        responses=_HEALTH,
    ),
    Route(
        "GET",
        "/readyz",
        _readyz,
        role=None,
        summary="Whether the daemon has begun and can remember",
        parameters=(_VERBOSE,),
        responses=_HEALTH,
    ),
)
