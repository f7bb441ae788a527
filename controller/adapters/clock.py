"""Real time, behind the Clock port, so that everything above can live in simulated time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux's monotonic clock stands still while the machine is suspended; this one does not."""


class SystemClock:
    """The machine's clocks. To be used from within a running event loop."""

    def monotonic(self) -> float:
        """Seconds by the event loop's own clock: timers and durations agree."""
        return asyncio.get_running_loop().time()

    def boottime(self) -> float:
        """Seconds by the kernel's clock that counts time spent in suspend, where there is one."""
        return time.clock_gettime(_BOOTTIME)

    def wall(self) -> datetime:
        """Date and time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call once, by the event loop's own clock."""
        return asyncio.get_running_loop().call_at(when, callback)
