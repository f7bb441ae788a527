"""Accepts clients' connections, a few in each turn of the event loop, and none above the limit.

asyncio's own server accepts everything that waits in one turn, before any connection knows of it: a
burst of a thousand took a thousand descriptors, whatever the limit, and without a descriptor left
it logged a traceback for each that waited.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import structlog

from controller.api.http.client_connections import ClientConnection, ClientConnections

_log = structlog.get_logger("api")
_AT_ONCE = 16
"""Connections accepted in one turn: so many descriptors may be in use above the limit until those
that were closed for them have ended."""
_PAUSE_S = 1.0
"""How long nothing is accepted after the system refused to."""


class Acceptor:
    """Accepts on one listening socket that does not block, until it is closed."""

    def __init__(
        self,
        listening: socket.socket,
        connections: ClientConnections,
        factory: Callable[[], ClientConnection],
    ) -> None:
        self._socket = listening
        self._connections = connections
        self._factory = factory
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Accept no more, and close the socket."""
        self._loop.remove_reader(self._socket)
        if self._pause is not None:
            self._pause.cancel()
        for task in self._tasks:
            task.cancel()
        self._socket.close()

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._accept_some)

    def _accept_some(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _ = _accept(self._socket)
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.warning("connections_not_accepted", error=str(error), again_in_s=_PAUSE_S)
                self._loop.remove_reader(self._socket)
                self._pause = self._loop.call_later(_PAUSE_S, self._listen)
                return
            if self._connections.admit():
                accepted.setblocking(False)
                task = self._loop.create_task(self._set_up(accepted))  # `close` cancels it
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                accepted.close()

    async def _set_up(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, accepted)
        except OSError:
            accepted.close()  # the client has gone
        finally:
            self._connections.set_up()


def _accept(listening: socket.socket) -> tuple[socket.socket, object]:
    """The system's next connection. Raises OSError."""
    return listening.accept()


def listening_sockets(host: str, port: int, backlog: int) -> list[socket.socket]:
    """A listening socket for each address of `host`. Raises OSError when one cannot be used."""
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE, proto=socket.IPPROTO_TCP
    )
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            one = socket.create_server(address, family=family, backlog=backlog)
            one.setblocking(False)
            sockets.append(one)
    except OSError as error:
        for one in sockets:
            one.close()
        why = os.strerror(error.errno or 0).lower()
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {why}") from error
    return sockets
