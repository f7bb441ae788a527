"""A clock for simulated time: everything follows the running event loop, dates included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """Fulfils Clock. Use it under looptime, where sleeping takes no time.

    Can be told:
    - the date at which the loop's time was 0 (`start`);
    - `suspend(seconds)`: the machine was suspended so long: the loop's time stood still meanwhile;
    - `boot(at)`: the machine was booted: the monotonic clock shows this now.
    """

    def __init__(self, start: datetime = NOON) -> None:
        self.start = start
        self._suspended_s = 0.0
        self._zero_s = 0.0
        """What the monotonic clock showed at the loop's time 0."""

    def boot(self, at: float) -> None:
        self._zero_s = at - asyncio.get_running_loop().time()

    def suspend(self, seconds: float) -> None:
        self._suspended_s += seconds
        self.start += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self._zero_s

    def boottime(self) -> float:
        return self.monotonic() + self._suspended_s

    def wall(self) -> datetime:
        return self.start + timedelta(seconds=asyncio.get_running_loop().time())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_at(when - self._zero_s, callback)
