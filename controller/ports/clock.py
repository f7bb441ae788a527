"""Time, and calls that are to come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time. Durations are reckoned with `monotonic` only; `wall` is for people and expiry dates."""

    def monotonic(self) -> float: ...

    def wall(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call once, when `monotonic` has reached `when`; nothing awaits the callback."""
        ...


class Alarm(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None: ...
