"""Deadlines of client connections, and the limit of their number.

aiohttp 3.14 waits for request headers and for a client that reads slowly as long as its keep-alive
time-out, or for ever; a thousand half-open connections would lock out all other callers (slowloris
attack). So each connection has a deadline for the headers of a request (from its first byte; for
the first request from the connection's start), and one for reading what is sent to it. Request
bodies have their deadline in `body_reading.read_body`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
MAX_UNREAD_BYTES = 64 * 2**20
"""Most bytes of answers that wait for clients to take them, of all connections."""
_NO_REQUEST_ID = "none"
"""Request id of bytes that could not be parsed as a request."""
_TOO_LONG = "the request's first line or a header is too long"


class ClientConnection(web.RequestHandler):
    """One connection with its two deadlines. asyncio calls it as a protocol."""

    __slots__ = (
        "_busy",
        "_connections",
        "_header_deadline",
        "_send_deadline",
        "ends_with_client",
    )

    def __init__(self, connections: ClientConnections, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._connections = connections
        self._busy = False
        self.ends_with_client = False
        """Whether what is being answered is given up when the client leaves."""
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
        self._connections.became_unread(self)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._send_deadline.stop()
        self._connections.became_read(self)
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Both deadlines end with the connection."""
        self._header_deadline.stop()
        self._send_deadline.stop()
        self._connections.closed(self)
        if self.ends_with_client and self._task_handler is not None:
            self._task_handler.cancel()
        super().connection_lost(exc)

    @property
    def unread_bytes(self) -> int:
        """Bytes that wait for the client to take them."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

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
    """Every open connection, the one that has been idle longest first; at most `limit`.

    `admitted` counts those that were accepted and are not set up yet, too. One that is being closed
    does not count, and is not chosen again.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[ClientConnection, None] = {}
        self._ending: set[ClientConnection] = set()
        self._unread: set[ClientConnection] = set()
        """Those whose client does not take what is sent to it."""
        self._expected = 0
        """Accepted sockets that have no connection yet."""

    def __len__(self) -> int:
        return len(self._open)

    def factory(self, server: web.Server, **options: Any) -> Callable[[], ClientConnection]:
        """Makes the protocol of an accepted socket; `options` are aiohttp's of a connection."""
        return lambda: ClientConnection(self, server, **options)

    def admit(self) -> bool:
        """Whether one more may be accepted; the one idle longest is closed for it if need be.

        False when all are busy or not set up yet.
        """
        if len(self._open) - len(self._ending) + self._expected >= self._limit:
            idle = next((one for one in self._open if one.idle and one not in self._ending), None)
            if idle is None:
                return False
            self._ending.add(idle)
            idle.abort()
        self._expected += 1
        return True

    def set_up(self) -> None:
        """An admitted socket has its connection, or will have none."""
        self._expected -= 1

    def opened(self, connection: ClientConnection) -> None:
        """Add a connection."""
        self._open[connection] = None

    def became_idle(self, connection: ClientConnection) -> None:
        """Move a connection to the end of the order in which idle ones are closed."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def became_unread(self, connection: ClientConnection) -> None:
        """A client does not take what is sent to it. When too much waits for all such clients, the
        one for whom most waits is closed."""
        self._unread.add(connection)
        waiting = {one: one.unread_bytes for one in self._unread - self._ending}
        while sum(waiting.values()) > MAX_UNREAD_BYTES:
            largest = max(waiting, key=waiting.__getitem__)
            del waiting[largest]
            self._ending.add(largest)
            largest.abort()

    def became_read(self, connection: ClientConnection) -> None:
        """A client takes what is sent to it again."""
        self._unread.discard(connection)

    def closed(self, connection: ClientConnection) -> None:
        """Remove a connection."""
        self._open.pop(connection, None)
        self._ending.discard(connection)
        self._unread.discard(connection)


@contextmanager
def ending_with_client(request: web.BaseRequest) -> Iterator[None]:
    """A context that is cancelled when the client of this request leaves."""
    connection = request.protocol
    assert isinstance(connection, ClientConnection), "served by `server.serving`"
    connection.ends_with_client = True
    try:
        yield
    finally:
        connection.ends_with_client = False


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
