"""Steering goes first: what can wait does, while what is believed of endpoints changes.

A failure is being confirmed then, or a failover is on its way. That takes a second, so nobody waits
longer than that: an endpoint that flaps must not keep people from looking.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.ports import Clock

_SHORTEST_S = 0.001
_SETTLES_S = 1.0
"""Seconds after a change in which more is likely to follow."""


class SteeringFirst:
    """Whether anything has changed lately, and a wait for its end."""

    def __init__(self, clock: Clock, changed_at: Callable[[], float]) -> None:
        """`changed_at`: when a suspicion or verdict changed last, monotonic seconds."""
        self._clock = clock
        self._changed_at = changed_at

    async def wait(self, most_s: float) -> float:
        """Wait until nothing changes, at most so long; the seconds that it took."""
        began = now = self._clock.monotonic()
        while (wait_s := min(self._changed_at() + _SETTLES_S, began + most_s) - now) > _SHORTEST_S:
            await self._clock.sleep(wait_s)
            now = self._clock.monotonic()
        return now - began
