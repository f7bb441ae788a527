"""Wakes one loop, on behalf of many."""

from __future__ import annotations

import asyncio


class WakeUp:
    """Notifications for one waiter, merged: after any number of them, it wakes once."""

    def __init__(self) -> None:
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """Wake the waiter, or let its next wait return at once."""
        self._notified.set()

    async def notified(self) -> None:
        """Return once there is a notification; it is left for the waiter."""
        await self._notified.wait()

    async def wait(self, timeout_s: float) -> bool:
        """Whether a notification came within `timeout_s` seconds; it is consumed."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._notified.wait()
        except TimeoutError:
            return False
        self._notified.clear()
        return True
