"""`/v1/events`: a stream of server-sent events, and the newest events as JSON.

The stream follows the HTML standard, section 9.2 Server-sent events: `id`, `event` and `data` for
each event, a comment as a heartbeat, and `Last-Event-ID` to continue after a broken connection. The
id of the newest event is sent before the first event and with every heartbeat, too, so that a
client that got no event, because its filter let none pass, knows where to continue. When the daemon
ends, all streams are closed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any

from aiohttp import web

from controller.api.dependencies import DEPENDENCIES, ApiDependencies
from controller.api.http.parameters import Parameter, ParameterLocation, limit_parameter
from controller.api.http.problems import ProblemError
from controller.api.http.response_bodies import View
from controller.api.http.route import EVENTS, Route, RouteCall, RouteResponse
from controller.loops.event_stream import EVERYTHING, MAX_LISTENERS, MAX_OWNED, Subscription
from controller.model.events import Event, EventType
from controller.settings.validation_messages import suggestion

_HEARTBEAT_S = 15.0
_WRITE_DEADLINE_S = 30.0
"""Seconds after which a stream is closed whose client reads nothing."""
_RETRY_MS = 1_000
"""Milliseconds after which a browser connects again."""


class EventView(View):
    """One thing that happened."""

    id: int
    """Grows; across restarts, too, as long as the wall clock is not set back."""
    type: EventType
    at: datetime
    data: dict[str, Any]
    """What happened in short; the nouns' own routes say everything. What would have been more than
    64 kB says in `left_out` of which member how many parts are missing."""


class RecentEvents(View):
    """The newest events, and where a stream goes on."""

    items: tuple[EventView, ...]
    last_id: int
    """Of the newest event, for `Last-Event-ID`."""


async def _stream(call: RouteCall) -> web.StreamResponse:
    """Events from now on, or after `Last-Event-ID`, until the client or the daemon ends, or newer
    streams take the place of this one."""
    event_stream, request = call.dependencies.event_stream, call.request
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    types, after, owner = call[_TYPES], call[_LAST_EVENT_ID], call.principal.name
    with event_stream.subscription(types, after, owner) as subscription:
        await response.prepare(request)
        try:
            await _follow(subscription, response)
        except (ConnectionResetError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
    return response


async def _recent(call: RouteCall) -> web.Response:
    """The newest events, oldest first, and the id after which a stream continues."""
    event_stream = call.dependencies.event_stream
    items = b",".join(event.text for event in event_stream.recent(call[_LIMIT], call[_TYPES]))
    body = b'{"items":[%b],"last_id":%d}\n' % (items, event_stream.last_id)
    return web.Response(body=body, charset="utf-8", content_type="application/json")


async def end_streams(app: web.Application) -> None:
    """Close every stream; aiohttp calls it when the application shuts down."""
    app[DEPENDENCIES].event_stream.close()


async def _follow(subscription: Subscription, response: web.StreamResponse) -> None:
    await _write(response, b"retry: %d\nid: %d\n\n" % (_RETRY_MS, subscription.last_id))
    while not subscription.closed:
        event = await subscription.next(_HEARTBEAT_S)
        if event is not None:
            await _write(response, _frame(event))
        elif not subscription.closed:
            await _write(response, b": still here\nid: %d\n\n" % subscription.last_id)


async def _write(response: web.StreamResponse, text: bytes) -> None:
    """Raises TimeoutError when the client reads nothing, ConnectionResetError when it has gone."""
    async with asyncio.timeout(_WRITE_DEADLINE_S):
        await response.write(text)


def _frame(event: Event) -> bytes:
    """The event as a server-sent event; its data is JSON in one line, as the format demands."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.type.encode(), event.text)


def _types(text: str, _dependencies: ApiDependencies) -> Collection[EventType]:
    """The types that a text such as `decision,override_set` names. Raises ProblemError 400."""
    valid = [event_type.value for event_type in EventType]
    names = text.split(",")
    for name in names:
        if name not in valid:
            detail = f"no events are of type {name!r}; {suggestion(name, valid)}"
            raise ProblemError(400, detail, field="types", valid=valid)
    return {EventType(name) for name in names}


def _last_event_id(text: str, _dependencies: ApiDependencies) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        detail = f"Last-Event-ID must be an id that a stream gave, not {text!r}"
        raise ProblemError(400, detail, field="Last-Event-ID")
    return int(text)


_LIMIT = limit_parameter(20)
_TYPES = Parameter(
    "types",
    f"Only these, separated by commas: {', '.join(EventType)}.",
    _types,
    default=EVERYTHING,
    schema={"type": "string", "pattern": "^({0})(,({0}))*$".format("|".join(EventType))},
)
_LAST_EVENT_ID: Parameter[int | None] = Parameter(
    "Last-Event-ID",
    "Go on after this event; browsers send it by themselves.",
    _last_event_id,
    location=ParameterLocation.HEADER,
    schema={"type": "string", "pattern": "^[0-9]{0,18}$"},
)

ROUTES = (
    Route(
        "GET",
        "/v1/events",
        _stream,
        summary="What happens, live",
        description="Server-sent events until either side ends. A comment comes every 15 s; "
        "`resync` says that events were missed and everything should be read anew. "
        f"{MAX_LISTENERS} streams are served, {MAX_OWNED} of them to one caller; a newer one takes "
        "the place of the caller's oldest.",
        parameters=(_TYPES, _LAST_EVENT_ID),
        responses={200: RouteResponse("The stream.", media=(EVENTS,))},
        problems=(503,),
    ),
    Route(
        "GET",
        "/v1/events/recent",
        _recent,
        summary="What happened lately",
        parameters=(_LIMIT, _TYPES),
        responses={200: RouteResponse("The newest events, oldest first.", RecentEvents)},
    ),
)
