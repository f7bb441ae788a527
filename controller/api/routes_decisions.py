"""`/v1/decisions`: the records kept, as values or, for `Accept: text/plain`, in words."""

from __future__ import annotations

from aiohttp import web

from controller.api.paging import page
from controller.api.parameters import BEFORE, ID, REGION, limit
from controller.api.plain import answer
from controller.api.problems import ProblemError
from controller.api.registry import JSON, TEXT, Answered, Call, Route
from controller.api.views import Page
from controller.model.decision import DecisionRecord
from controller.planning.explanation import explain

_LIMIT = limit(20)


async def _list(call: Call) -> web.Response:
    wanted = call[_LIMIT]
    records = await call.context.store.records(
        limit=wanted + 1, before=call[BEFORE], region=call[REGION]
    )
    return answer(page(call, records, wanted, lambda record: record.id, Page[DecisionRecord]))


async def _latest(call: Call) -> web.Response:
    region = call[REGION]
    records = await call.context.store.records(limit=1, region=region)
    if not records:
        concerned = f" that concerns {region}" if region else ""
        raise ProblemError(404, f"no decision{concerned} has been recorded yet", field="region")
    return _shown(call.request, records[0])


async def _one(call: Call) -> web.Response:
    store, wanted = call.context.store, call[ID]
    record = await store.record(wanted) if wanted is not None else None
    if record is None:
        newest = await store.records(limit=1)
        there = f"the newest is {newest[0].id}" if newest else "none has been recorded yet"
        detail = f"no decision {call.request.match_info['id']} is kept; {there}"
        raise ProblemError(404, detail, field="id")
    return _shown(call.request, record)


def _shown(request: web.Request, record: DecisionRecord) -> web.Response:
    accepted = request.headers.get("Accept", "")
    if "text/plain" in accepted and "application/json" not in accepted:
        return web.Response(text=explain(record) + "\n")
    return answer(record)


_RECORD = Answered(
    "The record; in words for `Accept: text/plain`.", DecisionRecord, media=(JSON, TEXT)
)

ROUTES = (
    Route(
        "GET",
        "/v1/decisions",
        _list,
        summary="Decisions kept",
        description="Newest first. A decision is kept when a verdict, plan, outcome or hold "
        "changed.",
        parameters=(_LIMIT, BEFORE, REGION),
        answers={200: Answered("A page of records.", Page[DecisionRecord])},
        problems=(404, 503),
    ),
    Route(
        "GET",
        "/v1/decisions/latest",
        _latest,
        summary="The newest decision",
        parameters=(REGION,),
        answers={200: _RECORD},
        problems=(404, 503),
    ),
    Route(
        "GET",
        "/v1/decisions/{id}",
        _one,
        summary="One decision",
        parameters=(ID,),
        answers={200: _RECORD},
        problems=(404, 503),
    ),
)
