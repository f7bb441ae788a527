"""What users do, as measured, and what becomes of it in windows of time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """Requests that one pool's users sent to one region in a window of time."""

    service: str
    pool: str
    region: str
    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class MeasuredShare:
    """The part of a pool's users' requests that one region received lately."""

    requests: int
    errors: int
    share: float
