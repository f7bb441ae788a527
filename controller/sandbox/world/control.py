"""The world's control API: break and heal regions, and read users' measurements.

For `gtc sandbox …`, stories and tests. It listens on loopback; the daemon never calls it.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from controller.sandbox.errors import SandboxError
from controller.sandbox.problems import error_responses
from controller.sandbox.world.region_modes import BREAKS, RegionMode
from controller.sandbox.world.regions import SandboxRegions
from controller.sandbox.world.user_traffic import HISTORY_S, UserTraffic

ALL = "all"
DEFAULT_WINDOW_S = 5


def control_app(regions: SandboxRegions, traffic: UserTraffic) -> web.Application:
    """The control API as an aiohttp application."""
    control = _Control(regions, traffic)
    app = web.Application(middlewares=[error_responses])
    app.router.add_get("/state", control.state)
    app.router.add_post("/break", control.break_region)
    app.router.add_post("/heal", control.heal)
    app.router.add_get("/users", control.users)
    app.router.add_get("/users/history", control.history)
    return app


class _Control:
    def __init__(self, regions: SandboxRegions, traffic: UserTraffic) -> None:
        self._regions = regions
        self._traffic = traffic

    async def state(self, request: web.Request) -> web.Response:
        return self._state()

    async def break_region(self, request: web.Request) -> web.Response:
        body = await _body(request, {"region", "how"})
        await self._regions.set_mode(body["region"], _break_named(body["how"]))
        return self._state()

    async def heal(self, request: web.Request) -> web.Response:
        name = (await _body(request, {"region"}))["region"]
        if name != ALL and name not in self._regions.names:
            raise SandboxError(f"no region is called {name!r}", (*self._regions.names, ALL))
        for region in self._regions.names if name == ALL else (name,):
            await self._regions.set_mode(region, RegionMode.WELL)
        return self._state()

    async def users(self, request: web.Request) -> web.Response:
        window_s = _window(request.query.get("window_s", str(DEFAULT_WINDOW_S)))
        split = [
            {"service": service, "pool": pool, "region": region, **asdict(share)}
            for (service, pool, region), share in self._traffic.shares(window_s).items()
        ]
        return web.json_response({"window_s": window_s, "split": split})

    async def history(self, request: web.Request) -> web.Response:
        seconds = [
            {
                "at": second.at.isoformat(),
                "measurements": [asdict(item) for item in second.measurements],
            }
            for second in self._traffic.history()
        ]
        return web.json_response({"seconds": seconds})

    def _state(self) -> web.Response:
        regions = {
            name: {"mode": state.mode.value, "since": state.since.isoformat()}
            for name, state in self._regions.state().items()
        }
        return web.json_response({"regions": regions})


async def _body(request: web.Request, keys: set[str]) -> dict[str, str]:
    """The request's JSON object with exactly these keys and strings as values.

    Raises SandboxError.
    """
    valid = tuple(sorted(keys))
    try:
        body = await request.json()
    except ValueError:
        raise SandboxError("the body is not JSON; send an object with these keys", valid) from None
    if not isinstance(body, dict) or set(body) != keys:
        names = ", ".join(valid)
        raise SandboxError(f"the body must be an object with exactly these keys: {names}", valid)
    for key, value in body.items():
        if not isinstance(value, str):
            raise SandboxError(f"{key} must be a text, not {json.dumps(value)}")
    return body


def _break_named(text: str) -> RegionMode:
    for mode in BREAKS:
        if mode.value == text:
            return mode
    raise SandboxError(f"no way to break is called {text!r}", tuple(mode.value for mode in BREAKS))


def _window(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= HISTORY_S:
        raise SandboxError(f"window_s must be a whole number from 1 to {HISTORY_S}, not {text!r}")
    return int(text)
