"""Time, and calls that are to come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time. Durations are reckoned with `monotonic`; `wall` is for people and expiry dates."""

    def monotonic(self) -> float: ...

    def boottime(self) -> float:
        """Seconds that go on while the machine is suspended; setting the date changes nothing.

        For promises to people, such as when an order ends. Timers do not follow it.
        """
        ...

    def wall(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call once, when `monotonic` has reached `when`; nothing awaits the callback."""
        ...


class Alarm(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None: ...
