"""`/v1/decisions`: decision records, as JSON or, for `Accept: text/plain`, as text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from controller import __version__
from controller.api.http.paging import PAGE_BYTES, next_path, page_response
from controller.api.http.parameters import BEFORE, ID, REGION, limit_parameter
from controller.api.http.problems import ProblemError
from controller.api.http.response_bodies import Page, View
from controller.api.http.responses import json_response, prefers_text
from controller.api.http.route import JSON, TEXT, Route, RouteCall, RouteResponse
from controller.model.decision import DecisionRecord, PoolPlan
from controller.model.decoding import UnreadableError
from controller.model.encoding import SHOWN, as_text
from controller.model.stored.unreadable import UnreadableRecord
from controller.planning.account.evidence import RecordedEvidence, export_evidence
from controller.planning.account.explanation import explain_record
from controller.planning.account.replay import Mismatch, replay
from controller.planning.account.replay_text import explain_replay

_LIMIT = limit_parameter(20)
_BATCH = 10
"""Records read from the store and encoded at once; one may take megabytes of memory."""


class ReplayView(View):
    """What came of deciding again."""

    decision_id: int
    version: str
    """Of the program that decided; empty when it was not noted yet."""
    replayed_by: str
    """Version of the program that decided again."""
    faithful: bool
    """False when the same version decided something else, which must not be."""
    differences: tuple[Mismatch, ...]
    """Between both decisions."""
    unread: tuple[Mismatch, ...]
    """What the snapshot holds and this version reads otherwise."""
    plans: tuple[PoolPlan, ...]
    """As decided again."""
    text: str
    """All of it in words."""


class ExportView(View):
    """A decision with everything it was made of, in the form in which it is kept."""

    format: str
    decision_id: int
    version: str
    settings: dict[str, Any]
    snapshot: dict[str, Any]
    decision: dict[str, Any]


async def _list(call: RouteCall) -> web.Response:
    """A page of at most `limit` records and PAGE_BYTES bytes, but of one record at least."""
    limit, before = call[_LIMIT], call[BEFORE]
    items: list[bytes] = []
    free_bytes, next_page = PAGE_BYTES, None
    while next_page is None:
        found = await call.dependencies.store.records_or_errors(
            limit=_BATCH, before=before, region=call[REGION]
        )
        for text, record in zip(await asyncio.to_thread(_encoded, found), found, strict=True):
            if items and (len(items) == limit or len(text) > free_bytes):
                next_page = next_path(call, limit, before or 0)
                break
            items.append(text)
            free_bytes, before = free_bytes - len(text), record.id
        if len(found) < _BATCH:
            break
    return page_response(items, next_page)


def _encoded(records: Iterable[DecisionRecord | UnreadableRecord]) -> list[bytes]:
    return [as_text(SHOWN(record)).encode() for record in records]


async def _latest(call: RouteCall) -> web.Response:
    region = call[REGION]
    records = await call.dependencies.store.records(limit=1, region=region)
    if not records:
        concerned = f" that concerns {region}" if region else ""
        raise ProblemError(404, f"no decision{concerned} has been recorded yet", field="region")
    return _record_response(call.request, records[0])


async def _one(call: RouteCall) -> web.Response:
    return _record_response(call.request, await _record(call))


async def _replay(call: RouteCall) -> web.Response:
    exhibit = await _exhibit(call)
    try:
        # In a thread: decoding and deciding can take as long as a whole cycle.
        replayed = await asyncio.to_thread(replay, exhibit, __version__)
    except UnreadableError as error:
        detail = f"this version cannot read the snapshot of decision {exhibit.decision_id}: {error}"
        raise ProblemError(409, detail, field="id") from error
    view = ReplayView(
        decision_id=replayed.decision_id,
        version=replayed.version,
        replayed_by=replayed.replayed_by,
        faithful=replayed.faithful,
        differences=replayed.differences,
        unread=replayed.unread,
        plans=replayed.plans,
        text=explain_replay(replayed),
    )
    return (
        web.Response(text=view.text + "\n") if prefers_text(call.request) else json_response(view)
    )


async def _snapshot(call: RouteCall) -> web.Response:
    return json_response(export_evidence(await _exhibit(call)))


async def _record(call: RouteCall) -> DecisionRecord:
    """The record that the path names. Raises ProblemError 404."""
    store, record_id = call.dependencies.store, call[ID]
    record = await store.record(record_id) if record_id is not None else None
    if record is None:
        newest = await store.records(limit=1)
        hint = f"the newest is {newest[0].id}" if newest else "none has been recorded yet"
        detail = f"no decision {call.request.match_info['id']} is kept; {hint}"
        raise ProblemError(404, detail, field="id")
    return record


async def _exhibit(call: RouteCall) -> RecordedEvidence:
    """The evidence of the decision that the path names. Raises ProblemError 404."""
    record = await _record(call)
    text = await call.dependencies.store.evidence(record.id)
    if text is None:
        detail = f"no snapshot is kept of decision {record.id}: it is older than snapshots are"
        raise ProblemError(404, detail, field="id")
    return RecordedEvidence(record.id, record.version, text)


def _record_response(request: web.Request, record: DecisionRecord) -> web.Response:
    return (
        web.Response(text=explain_record(record) + "\n")
        if prefers_text(request)
        else json_response(record)
    )


_RECORD = RouteResponse(
    "The record; in words for `Accept: text/plain`.", DecisionRecord, media=(JSON, TEXT)
)

ROUTES = (
    Route(
        "GET",
        "/v1/decisions",
        _list,
        summary="Decisions kept",
        description="Newest first. A decision is kept when a verdict, plan, outcome or hold "
        "changed. A page may be shorter than `limit`: large records fill it. A record that is "
        "damaged in the state file has only `id` and `unreadable`.",
        parameters=(_LIMIT, BEFORE, REGION),
        responses={
            200: RouteResponse("A page of records.", Page[DecisionRecord | UnreadableRecord])
        },
        problems=(404, 503),
    ),
    Route(
        "GET",
        "/v1/decisions/latest",
        _latest,
        summary="The newest decision",
        parameters=(REGION,),
        responses={200: _RECORD},
        problems=(404, 503),
    ),
    Route(
        "GET",
        "/v1/decisions/{id}",
        _one,
        summary="One decision",
        parameters=(ID,),
        responses={200: _RECORD},
        problems=(404, 503),
    ),
    Route(
        "GET",
        "/v1/decisions/{id}/replay",
        _replay,
        summary="Decide again on what a decision was made of",
        tokens=20,
        description="Compares the outcome with the recorded decision, byte for byte. The same "
        "version of the program must decide the same; of another, differences are information.",
        parameters=(ID,),
        responses={200: RouteResponse("What came of it.", ReplayView, media=(JSON, TEXT))},
        problems=(404, 409, 503),
    ),
    Route(
        "GET",
        "/v1/decisions/{id}/snapshot",
        _snapshot,
        summary="Everything a decision was made of",
        description="With the settings of then, but without who may call the API and where "
        "secrets are found. `gtc replay --file` takes it.",
        parameters=(ID,),
        responses={200: RouteResponse("To be kept as a file.", ExportView)},
        problems=(404, 503),
    ),
)
