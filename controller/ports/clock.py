"""Time and timers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time. Durations are measured with `monotonic`; `wall` is for display and expiry dates."""

    def monotonic(self) -> float: ...

    def boottime(self) -> float:
        """Seconds, counted also while the machine is suspended; setting the date has no effect.

        For promises to operators, such as when an order ends. Timers do not follow it.
        """
        ...

    def wall(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` once, when `monotonic() >= when`."""
        ...


class TimerHandle(Protocol):
    """A scheduled call."""

    def cancel(self) -> None: ...
