"""The emulator's own control API, on a port of its own that stays open while AWS is gone.

`/_emulator/calls`: what was called. `/_emulator/faults`: GET lists the faults in force and those
there are, POST begins one, DELETE (`?name=`) ends one kind or all. It has no counterpart in AWS.
"""

from aiohttp import web

from controller.sandbox.emulator.faults.active import Faults
from controller.sandbox.emulator.faults.kinds import KINDS
from controller.sandbox.emulator.http.gateway import CallLog
from controller.sandbox.errors import SandboxError
from controller.sandbox.problems import explain, json_object

CALLS_PATH = "/_emulator/calls"
FAULTS_PATH = "/_emulator/faults"
_SHUTDOWN_S = 0.1


class Control:
    """Listens beside AWS."""

    def __init__(self, calls: CallLog, faults: Faults, host: str, port: int) -> None:
        """Port 0 takes a free port."""
        self._calls = calls
        self._faults = faults
        self.host = host
        self.port = port
        app = web.Application(middlewares=[explain])
        app.router.add_get(CALLS_PATH, self._show_calls)
        app.router.add_get(FAULTS_PATH, self._show_faults)
        app.router.add_post(FAULTS_PATH, self._add_fault)
        app.router.add_delete(FAULTS_PATH, self._clear_faults)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)

    async def open(self) -> None:
        """Listen; raises OSError when the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening, if it does."""
        await self._runner.cleanup()

    async def _show_calls(self, request: web.Request) -> web.Response:
        return web.json_response(self._calls.to_json())

    async def _show_faults(self, request: web.Request) -> web.Response:
        return self._shown()

    async def _add_fault(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        name = body.pop("name", None)
        if not isinstance(name, str):
            raise SandboxError('name the fault, as in {"name": "throttle"}', tuple(KINDS))
        await self._faults.add(name, **body)
        return self._shown()

    async def _clear_faults(self, request: web.Request) -> web.Response:
        await self._faults.clear(request.query.get("name"))
        return self._shown()

    def _shown(self) -> web.Response:
        kinds = {
            name: {"summary": kind.summary, "takes": sorted(kind.takes)}
            for name, kind in KINDS.items()
        }
        return web.json_response({"active": self._faults.to_json(), "faults": kinds})
