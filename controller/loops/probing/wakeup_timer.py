"""One timer of the event loop, set to the earliest of many due times."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from controller.ports import Clock, TimerHandle

GRAIN_S = 0.001
"""Items due within this time fire together: a timer of the event loop for each would cost more."""
ROUNDING_S = 1e-6
"""An item due this soon counts as due: the event loop may call a little before the time set."""


class WakeupTimer:
    """Fires at the earliest time that it was set to since it last fired; idle until `start`."""

    def __init__(self, clock: Clock, fire: Callable[[float], float]) -> None:
        """`fire(now)` returns when to fire next; `inf`: only once it is set again."""
        self._clock = clock
        self._fire = fire
        self._alarm: TimerHandle | None = None
        self._at = -inf
        """When it fires next; `-inf` while stopped and while firing: `set` then does nothing."""

    def start(self, at: float) -> None:
        """Begin to fire, first at `at`."""
        self._at = inf
        self.set(at)

    def stop(self) -> None:
        """Fire no more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._at = None, -inf

    def set(self, at: float) -> None:
        """Fire at `at` at the latest."""
        if at >= self._at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._at = at
        self._alarm = self._clock.call_at(at, self._on_alarm)

    def _on_alarm(self) -> None:
        # While items fire, `set` does nothing: `fire` returns the next time anyway.
        self._alarm, self._at = None, -inf
        now = self._clock.monotonic()
        next_at = self._fire(now)
        self.start(max(next_at, now + GRAIN_S))
