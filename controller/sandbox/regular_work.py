"""Regular work in real time, for the sandbox's own programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


async def ticks(period_s: float) -> AsyncIterator[float]:
    """Yield the loop's time once a period, the first time at once, until cancelled.

    After a pause (a stopped process, a consumer that took longer) it goes on from now: missed
    periods are not made up for, or a resumed sandbox would flood its regions.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        yield due
        due = max(due + period_s, loop.time())
