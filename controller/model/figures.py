"""Figures: measured demand and latency, which replace the configured values while they are
fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.model.levers import Position


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `value >= 0` and finite."""

    value: float
    at: float
    """When it was measured, monotonic seconds. Its influence halves every
    `placement.figures_half_life_s`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures measured lately. Without one the configured value is used."""

    demand_rps: Mapping[tuple[str, str], Figure] = field(default_factory=dict)
    """Service and pool to requests per second of the pool's users."""
    latency_ms: Mapping[Position, Figure] = field(default_factory=dict)
    """Position to milliseconds from the pool's users to the region."""


NO_FIGURES = Figures()
"""No measurements."""
