"""Measured traffic: requests of a pool's users, counted per region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """Requests that a pool's users sent to one region in a window of time.

    `0 <= errors <= requests`.
    """

    service: str
    pool: str
    region: str
    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class MeasuredShare:
    """The share of a pool's requests that one region received lately.

    `0 <= errors <= requests`; `0 <= share <= 1`; for a pool `sum(shares) == 1 or all == 0`.
    """

    requests: int
    errors: int
    share: float
