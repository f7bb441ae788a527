"""Steering goes first: what can wait does, while what is believed of endpoints changes.

A failure is being confirmed then, or a failover is on its way. That takes a second, so nobody waits
longer than that: an endpoint that flaps must not keep people from looking.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from controller.ports import Clock

_SETTLES_S = 1.0
"""Seconds after a change in which more is likely to follow."""
_LOOK_S = 0.05


class SteeringFirst:
    """Whether anything has changed lately, and a wait for its end."""

    def __init__(self, clock: Clock, changes: Callable[[], int]) -> None:
        """`changes` counts suspicions and verdicts; it only rises."""
        self._clock = clock
        self._changes = changes
        self._seen = changes()
        self._changed_at = -inf

    async def wait(self, most_s: float) -> float:
        """Wait until nothing changes, at most so long; the seconds that it took."""
        began = self._clock.monotonic()
        while self._is_changing() and self._clock.monotonic() - began < most_s:
            await self._clock.sleep(_LOOK_S)
        return self._clock.monotonic() - began

    def _is_changing(self) -> bool:
        now, changes = self._clock.monotonic(), self._changes()
        if changes != self._seen:
            self._seen, self._changed_at = changes, now
        return now - self._changed_at < _SETTLES_S
