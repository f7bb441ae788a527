"""Token bucket: limits this process to a part of the AWS account's request rate.

AWS throttles with a token bucket per account and action (Route 53 Developer Guide, *Throttling for
Amazon Route 53 API requests*). When it is empty, AWS refuses urgent writes as well. So this bucket
has a reserve that only an emergency may spend. Example: rate 2/s, reserve 1, no tokens left: an
emergency waits 0.5 s until there is one token, any other call waits 1 s until there are two.
"""

from __future__ import annotations

import asyncio

from controller.ports import Clock

# A smaller shortage is a rounding error; waiting for it might not advance the clock.
_ROUNDING = 1e-6


class TokenBucket:
    """Tokens that are refilled at a steady rate; full at the beginning: `tokens <= burst`.

    Callers are served first come, first served; emergencies before the others.
    """

    def __init__(self, rate: float, burst: int, reserve: int, clock: Clock) -> None:
        """`rate` is in tokens per second; `reserve` of the `burst` are for emergencies only.

        Raises ValueError unless `rate > 0` and `0 <= reserve < burst`.
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
        self._refilled_at: float | None = None
        self._queue = asyncio.Lock()
        self._emergency_queue = asyncio.Lock()

    async def take(self, *, emergency: bool = False) -> None:
        """Wait for a token and spend it. A caller that is cancelled while waiting spends none."""
        queue, reserved = (self._emergency_queue, 0) if emergency else (self._queue, self._reserve)
        async with queue:
            while (wait_s := self._wait_s(1 + reserved)) > 0:
                await self._clock.sleep(wait_s)
            self._tokens -= 1

    def _wait_s(self, wanted: int) -> float:
        """Seconds until there are `wanted` tokens, if none is spent meanwhile; 0 if there are."""
        now = self._clock.monotonic()
        if self._refilled_at is not None:
            self._tokens += (now - self._refilled_at) * self._rate
        self._tokens = min(self._tokens, float(self._burst))
        self._refilled_at = now
        shortage = wanted - self._tokens
        return shortage / self._rate if shortage > _ROUNDING else 0.0
