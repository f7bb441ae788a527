"""One alarm that rings for whoever is due first."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from controller.ports import Clock, TimerHandle

GRAIN_S = 0.001
"""What is due within this time is handed out together: an alarm for each would cost more."""
ROUNDING_S = 1e-6
"""What is due so soon is due: an alarm may ring a little before its time."""


class WakeupTimer:
    """Rings at the earliest of the times it was set to since it last rang; asleep until `wake`."""

    def __init__(self, clock: Clock, hand_out: Callable[[float], float]) -> None:
        """`hand_out(now)` returns when to ring again; `inf`: not before it is set."""
        self._clock = clock
        self._hand_out = hand_out
        self._alarm: TimerHandle | None = None
        self._at = -inf
        """When the alarm rings; `-inf` while nobody needs to set it."""

    def wake(self, at: float) -> None:
        """Begin to ring, at this time first."""
        self._at = inf
        self.set(at)

    def sleep(self) -> None:
        """Ring no more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._at = None, -inf

    def set(self, at: float) -> None:
        """Ring at this time at the latest."""
        if at >= self._at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._at = at
        self._alarm = self._clock.call_at(at, self._ring)

    def _ring(self) -> None:
        # Nobody needs to set it while things are handed out.
        self._alarm, self._at = None, -inf
        now = self._clock.monotonic()
        again = self._hand_out(now)
        self.wake(max(again, now + GRAIN_S))
