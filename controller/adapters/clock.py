"""Real time behind the Clock port, so that the layers above can run in simulated time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""On Linux, CLOCK_MONOTONIC stops while the machine is suspended; this clock does not."""


class SystemClock:
    """The machine's clocks; use it within a running event loop."""

    def monotonic(self) -> float:
        """Seconds of the event loop's clock, so that timers and durations agree."""
        return asyncio.get_running_loop().time()

    def boottime(self) -> float:
        """Seconds of the kernel's clock that also counts suspended time, where it exists."""
        return time.clock_gettime(_BOOTTIME)

    def wall(self) -> datetime:
        """Date and time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for this number of seconds."""
        await asyncio.sleep(seconds)

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `callback` once, at `when` of `monotonic`."""
        return asyncio.get_running_loop().call_at(when, callback)
