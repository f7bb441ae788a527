"""Connections that send too slowly, take too slowly, or are too many are closed.

aiohttp 3.14 waits for a request's headers and for a slow reader as long as its keep-alive time-out,
or for ever; a thousand half-open connections would keep everybody else out. So each connection has
a deadline for the headers of a request it has begun to send (its first one begins with the
connection), and one for taking what is sent to it. Bodies have theirs in `bodies.read`.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.typedefs import Handler

from controller.api.http.browser_protection import dress
from controller.api.http.problems import ProblemError, problem_response
from controller.api.http.request_bodies import RECEIVE_DEADLINE_S

_log = structlog.get_logger("api")

TAKE_DEADLINE_S = 30.0
"""Seconds a caller may take nothing of what is sent to it."""
_NO_REQUEST = "none"
"""Id of what is no request."""
_TOO_LONG = "the request's first line or a header is too long"
_OPEN_FILES = 8192
_SPARE_FILES = 256
"""Left to the probes, AWS and the state file."""


class ClientConnection(web.RequestHandler):
    """One connection, with its deadline."""

    __slots__ = ("_handling", "_headers", "_others", "_taking")

    def __init__(self, others: ClientConnections, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._others = others
        self._handling = False
        self._headers = _Deadline(RECEIVE_DEADLINE_S, self.abort)
        self._taking = _Deadline(TAKE_DEADLINE_S, self.abort)

    @property
    def idle(self) -> bool:
        """Whether nobody is working for it."""
        return not self._handling

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It must send a request's headers at once."""
        super().connection_made(transport)
        self._headers.start()
        self._others.opened(self)

    def data_received(self, data: bytes) -> None:
        """What comes between two requests begins the next one."""
        if not self._handling:
            self._headers.start()
        super().data_received(data)

    def pause_writing(self) -> None:
        """It takes nothing any more."""
        super().pause_writing()
        self._taking.start()

    def resume_writing(self) -> None:
        """It takes what is sent again."""
        self._taking.stop()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any more."""
        self._headers.stop()
        self._taking.stop()
        self._others.closed(self)
        super().connection_lost(exc)

    def began(self) -> None:
        """A request's headers are complete; somebody works for it."""
        self._handling = True
        self._headers.stop()

    def ended(self) -> None:
        """The request was answered, all but the sending."""
        self._handling = False
        self._others.rested(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read as a request like every other mistake of a caller.

        aiohttp would answer in its own words and log a stack with a piece of what was sent: at the
        pleasure of whoever sends it, and it may hold a secret. So its kind alone is told.
        """
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        kind = type(exc).__name__
        _log.info("request_unreadable", why=kind, peer=request.remote)
        too_long = isinstance(exc, LineTooLong)
        detail = _TOO_LONG if too_long else f"not a request of HTTP/1.1 ({kind})"
        response = problem_response(ProblemError(400, detail), _NO_REQUEST)
        dress(response, _NO_REQUEST)
        response.force_close()
        return response

    def abort(self) -> None:
        """Close it without waiting for anything."""
        if self.transport is not None:
            self.transport.abort()


class _Deadline:
    """Seconds after which something is done, unless it is stopped before."""

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        self._seconds = seconds
        self._act = act
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to wait; if it is running, it goes on."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._act)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ClientConnections:
    """Every open connection, the one that has been idle longest first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[ClientConnection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def factory(self, server: web.Server, **options: Any) -> Callable[[], ClientConnection]:
        """What an asyncio server makes of each new connection."""
        return lambda: ClientConnection(self, server, **options)

    def opened(self, connection: ClientConnection) -> None:
        """Room is made by closing the one that has been idle longest, at worst the new one."""
        self._open[connection] = None
        if len(self._open) > self._most:
            next(one for one in (*self._open, connection) if one.idle).abort()

    def rested(self, connection: ClientConnection) -> None:
        """It is idle from now on."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def closed(self, connection: ClientConnection) -> None:
        """It is no more."""
        self._open.pop(connection, None)


@web.middleware
async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tells the connection when work for it begins and ends."""
    connection = request.protocol
    assert isinstance(connection, ClientConnection), "served by `server.serving`"
    connection.began()
    try:
        return await handler(request)
    finally:
        connection.ended()


def affordable(wanted: int) -> int:
    """How many connections may be open: each takes a file descriptor, and others need some.

    The process' limit is raised as far as it may be.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _OPEN_FILES:
        soft = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - _SPARE_FILES))
