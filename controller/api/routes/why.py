"""`/v1/why`: why a region carries what it carries, now or at an earlier time.

Answers for quiet times, too: the decision in force is the newest one kept by then, because one is
kept whenever a verdict, plan, outcome or hold changes.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import REGION, Parameter
from controller.api.http.problems import ProblemError
from controller.api.http.route import JSON, TEXT, Route, RouteCall, RouteResponse
from controller.api.routes.decisions import wants_text
from controller.api.views.common import View
from controller.api.views.plain import answer
from controller.model.decision import Decision, DecisionRecord
from controller.model.decoding import UnreadableError
from controller.planning.account.evidence import Evidence, read_snapshot
from controller.planning.account.explanation import explain_record
from controller.planning.account.region_account import (
    RegionAccount,
    plans_as_applied,
    region_accounts,
)
from controller.planning.account.region_account_text import explain_accounts, explain_time


class WhyView(View):
    """Why a region carries what it carries."""

    at: datetime
    """The time that is spoken of."""
    in_force: int | None
    """Id of the decision in force then; null when none is kept of that time."""
    accounts: tuple[RegionAccount, ...]
    """How the region stood in each pool; empty without a region, and where it is not known."""
    decision: DecisionRecord | None
    """The newest decision by then, with a region the newest that concerns it."""
    text: str
    """All of it in words."""


def _at(text: str, context: ApiDependencies) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        detail = f"at must be a time with its offset, as in 2026-06-01T12:00:00Z, not {text!r}"
        raise ProblemError(400, detail, field="at")
    if at > context.clock.wall():
        raise ProblemError(400, f"at lies in the future: {text}", field="at")
    return at


AT: Parameter[datetime | None] = Parameter(
    "at",
    "A time in the past; without it, now.",
    _at,
    schema={"type": "string", "format": "date-time"},
)


async def _why(call: RouteCall) -> web.Response:
    context, region, at = call.context, call[REGION], call[AT]
    newest = await context.store.records(limit=1, until=at)
    if at is not None and not newest:
        detail = f"no decision is kept of {at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ} or before"
        raise ProblemError(404, detail, field="at")
    concerning = await context.store.records(limit=1, until=at, region=region)
    evidence = _latest(context) if at is None else await _kept(context, newest[0])
    found = region_accounts(evidence, region) if region and evidence else ()
    record = concerning[0] if concerning else None
    parts = [
        explain_time(at, newest[0]) if at else "",
        explain_accounts(found) if found else "",
        explain_record(record) if record else _nothing(region),
    ]
    view = WhyView(
        at=at or context.clock.wall(),
        in_force=newest[0].id if newest else None,
        accounts=found,
        decision=record,
        text="\n\n".join(filter(None, parts)),
    )
    return web.Response(text=view.text + "\n") if wants_text(call.request) else answer(view)


def _latest(context: ApiDependencies) -> Evidence | None:
    latest = context.reconciliation.latest
    return Evidence(latest.snapshot, latest.decision) if latest else None


async def _kept(context: ApiDependencies, record: DecisionRecord) -> Evidence | None:
    """What was known then; None when that is not kept, or as only another version reads it."""
    text = await context.store.evidence(record.id)
    if text is None:
        return None
    try:
        snapshot = read_snapshot(text)
    except UnreadableError:
        return None
    decision = Decision(record.regions, plans_as_applied(record), {}, snapshot.memory)
    return Evidence(snapshot, decision)


def _nothing(region: str | None) -> str:
    concerned = f" that concerns {region}" if region else ""
    return f"No decision{concerned} is on record."


ROUTES = (
    Route(
        "GET",
        "/v1/why",
        _why,
        summary="Why a region carries what it carries",
        description="How it stands in every pool and what keeps it so, then the newest decision "
        "that concerns it; with `at`, as of that time. In words for `Accept: text/plain`.",
        parameters=(REGION, AT),
        answers={200: RouteResponse("How it stands, and why.", WhyView, media=(JSON, TEXT))},
        problems=(404, 503),
    ),
)
