"""A bell: many may ring it, one loop waits for it."""

from __future__ import annotations

import asyncio


class WakeUp:
    """Rings are merged: however often it rang since the last wait, the waiter wakes once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def notify(self) -> None:
        """Wake the waiter, or let its next wait return at once."""
        self._rung.set()

    async def notified(self) -> None:
        """Return once it has rung; the ring is left for the waiter."""
        await self._rung.wait()

    async def wait(self, timeout_s: float) -> bool:
        """Whether it rang within `timeout_s` seconds."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True
