"""Deadlines of client connections, and the limit of their number.

aiohttp 3.14 waits for request headers and for a client that reads slowly as long as its keep-alive
time-out, or for ever; a thousand half-open connections would lock out all other callers (slowloris
attack). So each connection has a deadline for the headers of a request (from its first byte; for
the first request from the connection's start), and one for reading what is sent to it. Request
bodies have their deadline in `body_reading.read_body`.
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

from controller.api.http.body_reading import RECEIVE_DEADLINE_S
from controller.api.http.browser_protection import set_security_headers
from controller.api.http.problems import ProblemError, problem_response

_log = structlog.get_logger("api")

SEND_DEADLINE_S = 30.0
"""Seconds after which a connection is closed whose client reads nothing of what is sent to it."""
_NO_REQUEST_ID = "none"
"""Request id of bytes that could not be parsed as a request."""
_TOO_LONG = "the request's first line or a header is too long"
_OPEN_FILES = 8192
"""File descriptors that the process asks for, if its hard limit allows."""
_RESERVED_FILES = 256
"""File descriptors kept for probes, AWS and the state file."""


class ClientConnection(web.RequestHandler):
    """One connection with its two deadlines. asyncio calls it as a protocol."""

    __slots__ = ("_busy", "_connections", "_header_deadline", "_send_deadline")

    def __init__(self, connections: ClientConnections, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._connections = connections
        self._busy = False
        self._header_deadline = _Deadline(RECEIVE_DEADLINE_S, self.abort)
        self._send_deadline = _Deadline(SEND_DEADLINE_S, self.abort)

    @property
    def idle(self) -> bool:
        """Whether no request of it is being handled."""
        return not self._busy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The headers of its first request are awaited from now on."""
        super().connection_made(transport)
        self._header_deadline.start()
        self._connections.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes that come between two requests begin the next one."""
        if not self._busy:
            self._header_deadline.start()
        super().data_received(data)

    def pause_writing(self) -> None:
        """The send buffer is full: the client does not read."""
        super().pause_writing()
        self._send_deadline.start()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._send_deadline.stop()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Both deadlines end with the connection."""
        self._header_deadline.stop()
        self._send_deadline.stop()
        self._connections.closed(self)
        super().connection_lost(exc)

    def request_began(self) -> None:
        """A request's headers are complete, and its handler starts."""
        self._busy = True
        self._header_deadline.stop()

    def request_ended(self) -> None:
        """The handler is done; the response may still have to be sent."""
        self._busy = False
        self._connections.became_idle(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A problem response (400) for bytes that cannot be parsed as a request.

        aiohttp would send a text of its own and log a stack trace with a part of the bytes, which
        may hold a secret, and any client could fill the log. So only the error's class is logged.
        """
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        kind = type(exc).__name__
        _log.info("request_unreadable", why=kind, peer=request.remote)
        too_long = isinstance(exc, LineTooLong)
        detail = _TOO_LONG if too_long else f"not a request of HTTP/1.1 ({kind})"
        response = problem_response(ProblemError(400, detail), _NO_REQUEST_ID)
        set_security_headers(response, _NO_REQUEST_ID)
        response.force_close()
        return response

    def abort(self) -> None:
        """Close the connection at once, without sending what is buffered."""
        if self.transport is not None:
            self.transport.abort()


class _Deadline:
    """Calls a function after some seconds, unless it is stopped before."""

    def __init__(self, seconds: float, expire: Callable[[], None]) -> None:
        self._seconds = seconds
        self._expire = expire
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the time; no effect while it is running."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._expire)

    def stop(self) -> None:
        """Stop the time; no effect while it is not running."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ClientConnections:
    """Every open connection, the one that has been idle longest first; at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[ClientConnection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def factory(self, server: web.Server, **options: Any) -> Callable[[], ClientConnection]:
        """The protocol factory for an asyncio server; `options` are aiohttp's of a connection."""
        return lambda: ClientConnection(self, server, **options)

    def opened(self, connection: ClientConnection) -> None:
        """Add a connection. Above the limit the one that has been idle longest is closed; that is
        the new one when all others are busy."""
        self._open[connection] = None
        if len(self._open) > self._limit:
            next(each for each in (*self._open, connection) if each.idle).abort()

    def became_idle(self, connection: ClientConnection) -> None:
        """Move a connection to the end of the order in which idle ones are closed."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def closed(self, connection: ClientConnection) -> None:
        """Remove a connection."""
        self._open.pop(connection, None)


@web.middleware
async def track_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware that marks the connection as busy while its request is handled."""
    connection = request.protocol
    assert isinstance(connection, ClientConnection), "served by `server.serving`"
    connection.request_began()
    try:
        return await handler(request)
    finally:
        connection.request_ended()


def connection_limit(wanted: int) -> int:
    """The number of connections that may be open, at most `wanted` and at least 1.

    Each takes a file descriptor, and the rest of the daemon needs some. Raises the process's soft
    limit (RLIMIT_NOFILE) first, as far as its hard limit allows.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _OPEN_FILES:
        soft = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - _RESERVED_FILES))
