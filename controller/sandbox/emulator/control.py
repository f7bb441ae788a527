"""The emulator's control API, on a separate port that stays open while AWS is gone.

`/_emulator/calls`: the log of calls. `/_emulator/faults`: GET lists active faults and all kinds,
POST begins one, DELETE (`?name=`) ends one kind or all. AWS has no such API.
"""

from aiohttp import web

from controller.sandbox.emulator.faults.active import Faults
from controller.sandbox.emulator.faults.kinds import KINDS
from controller.sandbox.emulator.http.gateway import CallLog
from controller.sandbox.errors import SandboxError
from controller.sandbox.problems import error_responses, json_object

CALLS_PATH = "/_emulator/calls"
FAULTS_PATH = "/_emulator/faults"
_SHUTDOWN_S = 0.1


class ControlServer:
    """The server of the control API."""

    def __init__(self, calls: CallLog, faults: Faults, host: str, port: int) -> None:
        """Port 0 takes a free port."""
        self._calls = calls
        self._faults = faults
        self.host = host
        self.port = port
        app = web.Application(middlewares=[error_responses])
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
        """Stop listening; does nothing if it does not listen."""
        await self._runner.cleanup()

    async def _show_calls(self, request: web.Request) -> web.Response:
        return web.json_response(self._calls.to_json())

    async def _show_faults(self, request: web.Request) -> web.Response:
        return self._faults_response()

    async def _add_fault(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        name = body.pop("name", None)
        if not isinstance(name, str):
            raise SandboxError('name the fault, as in {"name": "throttle"}', tuple(KINDS))
        await self._faults.add(name, **body)
        return self._faults_response()

    async def _clear_faults(self, request: web.Request) -> web.Response:
        await self._faults.clear(request.query.get("name"))
        return self._faults_response()

    def _faults_response(self) -> web.Response:
        kinds = {
            name: {"summary": kind.summary, "takes": sorted(kind.takes)}
            for name, kind in KINDS.items()
        }
        return web.json_response({"active": self._faults.to_json(), "faults": kinds})
