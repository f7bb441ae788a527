"""Periodic work in real time, for the sandbox's programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


async def ticks(period_s: float) -> AsyncIterator[float]:
    """Yield the loop's time once per period, the first time at once, until cancelled.

    After a pause (a stopped process, a slow consumer) it continues from now. Missed periods are
    skipped; otherwise a resumed sandbox would flood its regions.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        yield due
        due = max(due + period_s, loop.time())
