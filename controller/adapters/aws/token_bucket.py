"""The part of an AWS account's request rate that this process allows itself.

AWS throttles with a token bucket per account and action (Route 53 Developer Guide, *Throttling for
Amazon Route 53 API requests*). Whoever empties it cannot write when it matters, so a reserve is
kept that only an emergency may spend.
"""

from __future__ import annotations

import asyncio

from controller.ports import Clock

# Below this a shortage is rounding; waiting it out might not advance the clock at all.
_ROUNDING = 1e-6


class TokenBucket:
    """Tokens that return at a steady rate up to a burst; it is full at the beginning.

    Callers of a kind are served in the order in which they came, emergencies before the others.
    """

    def __init__(self, rate: float, burst: int, reserve: int, clock: Clock) -> None:
        """`rate` is tokens per second; `reserve` of the `burst` is for emergencies alone.

        Raises ValueError when the reserve leaves nothing to the others.
        """
        if rate <= 0:
            raise ValueError(f"rate is {rate}; it must be above 0")
        if not 0 <= reserve < burst:
            raise ValueError(f"reserve is {reserve}; it must be 0 to {burst - 1}, below the burst")
        self._rate = rate
        self._burst = burst
        self._reserve = reserve
        self._clock = clock
        self._tokens = float(burst)
        self._counted_at: float | None = None
        self._line = asyncio.Lock()
        self._emergency_line = asyncio.Lock()

    async def take(self, *, emergency: bool = False) -> None:
        """Wait for a token and spend it. A caller that is cancelled while it waits spends none."""
        line, kept = (self._emergency_line, 0) if emergency else (self._line, self._reserve)
        async with line:
            while (wait_s := self._wait_s(1 + kept)) > 0:
                await self._clock.sleep(wait_s)
            self._tokens -= 1

    def _wait_s(self, wanted: int) -> float:
        """Seconds until there are `wanted` tokens if nobody spends any; 0 when they are there."""
        now = self._clock.monotonic()
        if self._counted_at is not None:
            self._tokens += (now - self._counted_at) * self._rate
        self._tokens = min(self._tokens, float(self._burst))
        self._counted_at = now
        shortage = wanted - self._tokens
        return shortage / self._rate if shortage > _ROUNDING else 0.0
