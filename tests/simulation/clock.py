"""The clocks of a simulated process: its own zero, its own wall, and either may be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""The world's date when a simulation begins."""


class ProcessClock:
    """Fulfils the Clock port.

    `monotonic() = loop time + zero_s`, `boottime() = loop time + boottime_zero_s`, which goes on
    while a machine is suspended, and `wall() = EPOCH + loop time + wall_error`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, zero_s: float) -> None:
        self._loop = loop
        self.zero_s = zero_s
        self.boottime_zero_s = zero_s
        self.wall_error = timedelta()

    def monotonic(self) -> float:
        return self._loop.time() + self.zero_s

    def boottime(self) -> float:
        return self._loop.time() + self.boottime_zero_s

    def wall(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.time()) + self.wall_error

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_at(when - self.zero_s, callback)
