"""How long to wait for an answer, learned from the answers before, as TCP learns to retransmit.

RFC 6298: a smoothed mean of the latencies plus four times their smoothed deviation. Its floor and
ceiling are the caller's.
"""

from __future__ import annotations

BACKOFF_FACTOR = 1.5
"""Each silent probe makes the next one wait so much longer. With the default floor of 0.2 s and
gaps of 0.05 and 0.2 s three probes listen for 1.2 s in all: longer than one lost SYN takes, which
TCP repeats after one second (RFC 6298, 2)."""
FAST_FRACTION = 1 / 8
"""Part of the least within which answers are brisk: a mean and four deviations of so much each are
less than the least."""
_MAX_TIMEOUTS = 50
"""Silences after which any ceiling is reached."""
_UNKNOWN = -1.0


class AdaptiveTimeout:
    """What is known of one endpoint's latency over one kind of connection."""

    __slots__ = ("_deviation", "_mean")

    def __init__(self) -> None:
        self._mean = _UNKNOWN
        self._deviation = 0.0

    def learn(self, latency_s: float) -> None:
        """Take note of an answer that came."""
        mean = self._mean
        if mean < 0:
            self._mean, self._deviation = latency_s, latency_s / 2
            return
        error = latency_s - mean
        self._mean = mean + error / 8
        self._deviation += ((error if error > 0 else -error) - self._deviation) / 4

    def wait_s(self, least_s: float, most_s: float, silent: int = 0) -> float:
        """Seconds to wait for the next answer, after so many probes in a row without one.

        `most_s` while nothing is known.
        """
        if self._mean < 0:
            return most_s
        wait_s = self._mean + 4 * self._deviation
        if wait_s < least_s:
            wait_s = least_s
        if silent:
            wait_s *= BACKOFF_FACTOR ** min(silent, _MAX_TIMEOUTS)
        return wait_s if wait_s < most_s else most_s

    def is_brisk(self, least_s: float) -> bool:
        """Whether the least is what is waited, and goes on to be while answers are brisk: then they
        need not be learned."""
        brisk_s = least_s * FAST_FRACTION
        return 0.0 <= self._mean <= brisk_s and self._deviation <= brisk_s
