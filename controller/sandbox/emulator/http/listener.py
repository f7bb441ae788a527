"""The gateway's HTTP socket; it can be closed and opened again while the services keep running."""

from collections.abc import Awaitable, Callable

from aiohttp import web

SHUTDOWN_S = 0.5

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpListener:
    """A listener on one host and port; it keeps the port of its first opening."""

    def __init__(self, handler: Handler, host: str, port: int) -> None:
        """Port 0 takes a free port at the first opening."""
        self._handler = handler
        self.host = host
        self.port = port
        self._runner: web.ServerRunner | None = None

    async def open(self) -> None:
        """Listen; does nothing if it already does. Raises OSError when the port is taken."""
        if self._runner is not None:
            return
        runner = web.ServerRunner(
            web.Server(self._handler, access_log=None, handler_cancellation=True),
            shutdown_timeout=SHUTDOWN_S,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def close(self) -> None:
        """Refuse new connections and end the open ones; does nothing when already closed."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
