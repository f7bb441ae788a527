"""`/v1/events`: what happens, live, as server-sent events; and what happened lately.

The stream follows the HTML standard, section 9.2 Server-sent events: `id`, `event` and `data` for
each event, a comment as a heartbeat, and `Last-Event-ID` to go on where a connection broke off.
The id goes out before the first event and with every heartbeat, too, so that one who got nothing or
filters much has a place to go on from. The hub lets all go at once when the daemon ends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection

from aiohttp import web

from controller.api.context import CONTEXT, Context
from controller.api.parameters import Parameter, Place, limit
from controller.api.plain import answer
from controller.api.problems import ProblemError
from controller.api.registry import EVENTS, Answered, Call, Route
from controller.api.views import View
from controller.loops.live import EVERYTHING, Subscription
from controller.model.encoding import SHOWN
from controller.model.events import Event, EventType
from controller.settings.messages import did_you_mean

_HEARTBEAT_S = 15.0
_WRITE_DEADLINE_S = 30.0
"""A listener that takes nothing for so long is gone."""
_RETRY_MS = 1_000
MAX_STREAMS = 100


class RecentEvents(View):
    """The newest events, and where a stream goes on."""

    items: tuple[Event, ...]
    last_id: int
    """Of the newest event, for `Last-Event-ID`."""


async def stream(call: Call) -> web.StreamResponse:
    """Events from now on, or after the one that `Last-Event-ID` names, until either side ends."""
    live, request = call.context.live, call.request
    if live.listeners >= MAX_STREAMS:
        raise ProblemError(503, f"{MAX_STREAMS} streams are open already; close one of them")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    with live.subscription(call[_TYPES], call[_LAST_EVENT_ID]) as subscription:
        await response.prepare(request)
        try:
            await _follow(subscription, response)
        except (ConnectionResetError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
    return response


async def recent(call: Call) -> web.Response:
    """The newest events, oldest first, and the id after which a stream goes on."""
    live = call.context.live
    events = live.recent(call[_LIMIT], call[_TYPES])
    return answer(RecentEvents(items=events, last_id=live.last_id))


async def end_streams(app: web.Application) -> None:
    """Let every listener go."""
    app[CONTEXT].live.close()


async def _follow(subscription: Subscription, response: web.StreamResponse) -> None:
    await _write(response, f"retry: {_RETRY_MS}\nid: {subscription.place}\n\n")
    while not subscription.closed:
        event = await subscription.next(_HEARTBEAT_S)
        if event is not None:
            await _write(response, _framed(event))
        elif not subscription.closed:
            await _write(response, f": still here\nid: {subscription.place}\n\n")


async def _write(response: web.StreamResponse, text: str) -> None:
    """Raises TimeoutError when the listener takes nothing, ConnectionResetError when it left."""
    async with asyncio.timeout(_WRITE_DEADLINE_S):
        await response.write(text.encode())


def _framed(event: Event) -> str:
    """The event as `/v1/events/recent` has it: JSON, whose only line end is ours."""
    data = json.dumps(SHOWN(event), ensure_ascii=False)
    return f"id: {event.id}\nevent: {event.type.value}\ndata: {data}\n\n"


def _types(text: str, _context: Context) -> Collection[EventType]:
    """`decision,override_set`."""
    valid = [known.value for known in EventType]
    wanted = text.split(",")
    for name in wanted:
        if name not in valid:
            detail = f"no events are of type {name!r}; {did_you_mean(name, valid)}"
            raise ProblemError(400, detail, field="types", valid=valid)
    return {EventType(name) for name in wanted}


def _last_event_id(text: str, _context: Context) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        detail = f"Last-Event-ID must be an id that a stream gave, not {text!r}"
        raise ProblemError(400, detail, field="Last-Event-ID")
    return int(text)


_LIMIT = limit(20)
_TYPES = Parameter(
    "types",
    f"Only these, separated by commas: {', '.join(EventType)}.",
    _types,
    default=EVERYTHING,
)
_LAST_EVENT_ID: Parameter[int | None] = Parameter(
    "Last-Event-ID",
    "Go on after this event; browsers send it by themselves.",
    _last_event_id,
    place=Place.HEADER,
    schema={"type": "string", "pattern": "^[0-9]{0,18}$"},
)

ROUTES = (
    Route(
        "GET",
        "/v1/events",
        stream,
        summary="What happens, live",
        description="Server-sent events until either side ends. A comment comes every 15 s; "
        "`resync` says that events were missed and everything should be read anew.",
        parameters=(_TYPES, _LAST_EVENT_ID),
        answers={200: Answered("The stream.", media=(EVENTS,))},
        problems=(503,),
    ),
    Route(
        "GET",
        "/v1/events/recent",
        recent,
        summary="What happened lately",
        parameters=(_LIMIT, _TYPES),
        answers={200: Answered("The newest events, oldest first.", RecentEvents)},
    ),
)
