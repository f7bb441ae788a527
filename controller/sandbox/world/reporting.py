"""Reports users' measurements to the daemon once a second, as a real application's telemetry does.

The daemon may be stopped: the first failure and the recovery are logged. Measurements of that time
are not sent later, because they would describe the past.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

import aiohttp
import structlog

from controller.sandbox.regular_work import ticks
from controller.sandbox.world.user_traffic import TrafficSecond, UserTraffic

_log = structlog.get_logger(__name__)
_PERIOD_S = 1.0
_DEADLINE_S = 0.8  # a daemon that hangs must not delay the next second


class Reporter:
    """Closes each second of the users' counts and posts it to the daemon."""

    def __init__(
        self,
        traffic: UserTraffic,
        daemon_url: str,
        session: aiohttp.ClientSession,
        now: Callable[[], datetime],
    ) -> None:
        self._traffic = traffic
        self._url = f"{daemon_url.rstrip('/')}/v1/measurements/traffic"
        self._session = session
        self._now = now
        self._failing = False

    async def run(self) -> None:
        """Report until cancelled."""
        async for _ in ticks(_PERIOD_S):
            await self.report(self._traffic.close_second(self._now()))

    async def report(self, second: TrafficSecond) -> None:
        """Send one second's counts; the first of several failures in a row is logged."""
        body = {
            "window_s": _PERIOD_S,
            "measurements": [asdict(item) for item in second.measurements],
        }
        deadline = aiohttp.ClientTimeout(total=_DEADLINE_S)
        try:
            async with self._session.post(self._url, json=body, timeout=deadline) as response:
                response.raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._note(failing=True, detail=str(error) or type(error).__name__)
        else:
            self._note(failing=False, detail="")

    def _note(self, *, failing: bool, detail: str) -> None:
        if failing and not self._failing:
            _log.warning("daemon takes no measurements; users go on", url=self._url, detail=detail)
        if self._failing and not failing:
            _log.info("daemon takes measurements again", url=self._url)
        self._failing = failing
