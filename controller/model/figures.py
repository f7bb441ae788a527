"""Numbers about users that change by themselves: how many they are, how far they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.model.levers import Position


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    value: float
    at: float
    """When it was measured, monotonic seconds; its age decides how much it counts."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured lately; the settings' own figures stand for what is missing or old."""

    demand_rps: Mapping[tuple[str, str], Figure] = field(default_factory=dict)
    """Service and pool to the requests per second of its users."""
    latency_ms: Mapping[Position, Figure] = field(default_factory=dict)
    """Milliseconds from a pool's users to a region."""


NO_FIGURES = Figures()
"""Nothing was measured."""
