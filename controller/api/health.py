"""For whoever restarts or scrapes the daemon: `/livez`, `/readyz`, `/metrics`.

Neither health answer depends on AWS or on any region: the daemon must not be killed during the
outage it exists for. Alive means that the loop beats; ready, that it has begun and can remember.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from controller.api.context import CONTEXT, Context
from controller.api.metrics import Metrics
from controller.api.parameters import parameters
from controller.model.errors import StateUnavailableError

_LEAST_SILENCE_S = 30.0
_STORE_DEADLINE_S = 1.0
_STARTED = web.AppKey("started", float)
"""Monotonic seconds at which the API began: until the first cycle, silence counts from there."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so."""

    name: str
    ok: bool
    detail: str


async def note_start(app: web.Application) -> None:
    """Remember when the API began."""
    app[_STARTED] = app[CONTEXT].clock.monotonic()


def routes(metrics: Metrics) -> list[web.RouteDef]:
    """The routes of this module."""
    return [
        web.get("/livez", _livez),
        web.get("/readyz", _readyz),
        web.get("/metrics", make_aiohttp_handler(metrics.registry)),
    ]


async def _livez(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    latest = context.reconciliation.latest
    since = latest.snapshot.now + latest.took_s if latest else request.app[_STARTED]
    silent_s = context.clock.monotonic() - since
    allowed_s = max(3 * context.settings.cycle.period_s, _LEAST_SILENCE_S)
    detail = f"last cycle {silent_s:.1f} s ago, {allowed_s:g} s allowed"
    return _answer(request, [Check("loop", silent_s < allowed_s, detail)])


async def _readyz(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    latest = context.reconciliation.latest
    detail = f"cycle {latest.cycle}" if latest else "no cycle has ended yet"
    return _answer(
        request, [Check("first_cycle", latest is not None, detail), await _state(context)]
    )


async def _state(context: Context) -> Check:
    try:
        async with asyncio.timeout(_STORE_DEADLINE_S):
            await context.store.audit_entries(limit=1)
    except StateUnavailableError as error:
        return Check("state", False, str(error))
    except TimeoutError:
        return Check("state", False, f"no answer in {_STORE_DEADLINE_S:g} s")
    return Check("state", True, "answers")


def _answer(request: web.Request, checks: list[Check]) -> web.Response:
    """`ok`, or every check when one fails or all are asked for."""
    ok = all(check.ok for check in checks)
    verbose = "verbose" in parameters(request, "verbose")
    lines = [f"{'ok' if c.ok else 'FAILED'} {c.name}: {c.detail}" for c in checks]
    text = "\n".join(lines) if verbose or not ok else "ok"
    return web.Response(text=text + "\n", status=200 if ok else 503)
