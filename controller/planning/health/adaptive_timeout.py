"""The timeout of probes, computed as TCP's retransmission timeout (RFC 6298).

A smoothed mean of the latencies plus four times their smoothed deviation. The caller gives its
minimum and maximum.

Worked example: answers after 100 ms and then 180 ms. The first makes a mean of 100 ms and a
deviation of 50 ms, so a timeout of 300 ms. The second makes a mean of 100 + 80/8 = 110 ms and a
deviation of 50 + (80 - 50)/4 = 57.5 ms, so a timeout of 340 ms.
"""

from __future__ import annotations

BACKOFF_FACTOR = 1.5
"""Factor by which each timeout in a row makes the next wait longer. Even with a minimum
of 0.2 s (the default is 0.5) and gaps of 0.05 and 0.2 s three probes wait 1.2 s in all: longer than
TCP takes to repeat a lost SYN, one second (RFC 6298, 2)."""
FAST_FRACTION = 1 / 8
"""Part of the minimum up to which mean and deviation make the timeout the minimum:
`(1 + 4) / 8 < 1`."""
_MAX_TIMEOUTS = 50
"""Timeouts in a row after which any maximum is reached."""
_UNKNOWN = -1.0


class AdaptiveTimeout:
    """Mean and deviation of one endpoint's latency over one kind of connection, in seconds."""

    __slots__ = ("_deviation", "_mean")

    def __init__(self) -> None:
        self._mean = _UNKNOWN
        self._deviation = 0.0

    def learn(self, latency_s: float) -> None:
        """Update mean and deviation with an answer's latency."""
        mean = self._mean
        if mean < 0:
            self._mean, self._deviation = latency_s, latency_s / 2
            return
        error = latency_s - mean
        self._mean = mean + error / 8
        self._deviation += ((error if error > 0 else -error) - self._deviation) / 4

    def wait_s(self, min_s: float, max_s: float, timeouts: int = 0) -> float:
        """Seconds to wait for the next answer, after so many timeouts in a row.

        `max_s` before the first answer.
        """
        if self._mean < 0:
            return max_s
        wait_s = self._mean + 4 * self._deviation
        if wait_s < min_s:
            wait_s = min_s
        if timeouts:
            wait_s *= BACKOFF_FACTOR ** min(timeouts, _MAX_TIMEOUTS)
        return wait_s if wait_s < max_s else max_s

    def is_at_minimum(self, min_s: float) -> bool:
        """Whether the timeout is the minimum, and stays so while answers are as fast as
        `min_s * FAST_FRACTION`: these need not be learned."""
        fast_s = min_s * FAST_FRACTION
        return 0.0 <= self._mean <= fast_s and self._deviation <= fast_s
