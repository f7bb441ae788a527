"""`/v1/why`: why a region has its share of the traffic, now or at an earlier time.

The decision that was active at a time is the newest record by then: a decision is recorded whenever
a verdict, plan, outcome or hold changes, and nothing changes between two records.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import REGION, Parameter
from controller.api.http.problems import ProblemError
from controller.api.http.response_bodies import View
from controller.api.http.responses import json_response, prefers_text
from controller.api.http.route import JSON, TEXT, Route, RouteCall, RouteResponse
from controller.model.decision import Decision, DecisionRecord
from controller.model.decoding import UnreadableError
from controller.model.errors import UnreadableStateError
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
    """The time that this describes."""
    in_force: int | None
    """Id of the decision that was active then; null when none is kept of that time."""
    accounts: tuple[RegionAccount, ...]
    """How the region stood in each pool; empty without a region, and where it is not known."""
    decision: DecisionRecord | None
    """The newest decision by then, with a region the newest that concerns it."""
    text: str
    """All of it in words."""


_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No decision is older than this program; calendars of other years have no place in UTC."""


def _past_time(text: str, dependencies: ApiDependencies) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        detail = f"at must be a time with its offset, as in 2026-06-01T12:00:00Z, not {text!r}"
        raise ProblemError(400, detail, field="at")
    if at > dependencies.clock.wall():
        raise ProblemError(400, f"at lies in the future: {text}", field="at")
    if at < _EARLIEST:
        detail = f"at must be {_EARLIEST:%Y-%m-%d} or later, not {text}: nothing is older"
        raise ProblemError(400, detail, field="at")
    return at


_AT: Parameter[datetime | None] = Parameter(
    "at",
    f"A time in the past, from {_EARLIEST:%Y-%m-%d} on; without it, now.",
    _past_time,
    schema={"type": "string", "format": "date-time", "x-minimum": _EARLIEST.isoformat()},
)


async def _why(call: RouteCall) -> web.Response:
    dependencies, region, at = call.dependencies, call[REGION], call[_AT]
    newest = await dependencies.store.records(limit=1, until=at)
    if at is not None and not newest:
        detail = f"no decision is kept of {at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ} or before"
        raise ProblemError(404, detail, field="at")
    of_region = await dependencies.store.records(limit=1, until=at, region=region)
    evidence = _latest(dependencies) if at is None else await _recorded(dependencies, newest[0])
    found = region_accounts(evidence, region) if region and evidence else ()
    record = of_region[0] if of_region else None
    parts = [
        explain_time(at, newest[0]) if at else "",
        explain_accounts(found) if found else "",
        explain_record(record) if record else _no_record(region),
    ]
    view = WhyView(
        at=at or dependencies.clock.wall(),
        in_force=newest[0].id if newest else None,
        accounts=found,
        decision=record,
        text="\n\n".join(filter(None, parts)),
    )
    return (
        web.Response(text=view.text + "\n") if prefers_text(call.request) else json_response(view)
    )


def _latest(dependencies: ApiDependencies) -> Evidence | None:
    """Snapshot and decision of the last cycle; None before the first one."""
    latest = dependencies.reconciliation.latest
    return Evidence(latest.snapshot, latest.decision) if latest else None


async def _recorded(dependencies: ApiDependencies, record: DecisionRecord) -> Evidence | None:
    """Snapshot and decision of a record.

    None when its snapshot is not kept, is damaged, or was written in a form that this version
    cannot read.
    """
    try:
        text = await dependencies.store.evidence(record.id)
    except UnreadableStateError:
        return None
    if text is None:
        return None
    try:
        snapshot = read_snapshot(text)
    except UnreadableError:
        return None
    decision = Decision(record.regions, plans_as_applied(record), {}, snapshot.memory)
    return Evidence(snapshot, decision)


def _no_record(region: str | None) -> str:
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
        parameters=(REGION, _AT),
        responses={200: RouteResponse("How it stands, and why.", WhyView, media=(JSON, TEXT))},
        problems=(404, 503),
    ),
)
