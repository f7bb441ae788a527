"""`/v1/decisions`: the records kept, as values or, for `Accept: text/plain`, in words."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from controller.api.context import CONTEXT
from controller.api.parameters import (
    LARGEST,
    id_in_path,
    known_region,
    limit,
    parameters,
    whole_number,
)
from controller.api.plain import answer
from controller.api.problems import ProblemError
from controller.model.decision import DecisionRecord
from controller.planning.explanation import explain


async def _list(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    found = parameters(request, "limit", "before", "region")
    wanted = limit(found, 20)
    before = whole_number(found, "before", default=None, highest=LARGEST)
    region = known_region(found, context)
    records = await context.store.records(limit=wanted + 1, before=before, region=region)
    page = records[:wanted]
    following = _next(wanted, page[-1].id, region) if len(records) > wanted else None
    return answer({"items": page, "next": following})


async def _latest(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    region = known_region(parameters(request, "region"), context)
    records = await context.store.records(limit=1, region=region)
    if not records:
        concerned = f" that concerns {region}" if region else ""
        raise ProblemError(404, f"no decision{concerned} has been recorded yet", field="region")
    return _shown(request, records[0])


async def _one(request: web.Request) -> web.Response:
    parameters(request)
    store = request.app[CONTEXT].store
    wanted = id_in_path(request)
    record = await store.record(wanted) if wanted is not None else None
    if record is None:
        newest = await store.records(limit=1)
        there = f"the newest is {newest[0].id}" if newest else "none has been recorded yet"
        detail = f"no decision {request.match_info['id']} is kept; {there}"
        raise ProblemError(404, detail, field="id")
    return _shown(request, record)


def _shown(request: web.Request, record: DecisionRecord) -> web.Response:
    accepted = request.headers.get("Accept", "")
    if "text/plain" in accepted and "application/json" not in accepted:
        return web.Response(text=explain(record) + "\n")
    return answer(record)


def _next(wanted: int, before: int, region: str | None) -> str:
    query: dict[str, object] = {"limit": wanted, "before": before}
    if region is not None:
        query["region"] = region
    return f"/v1/decisions?{urlencode(query)}"


ROUTES = (
    web.get("/v1/decisions", _list),
    web.get("/v1/decisions/latest", _latest),
    web.get("/v1/decisions/{id}", _one),
)
