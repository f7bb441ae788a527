"""Measured figures, as they were last reported; what they are worth is `planning.figures`."""

from __future__ import annotations

from controller.model.figures import Figure, Figures
from controller.model.levers import Position
from controller.ports import Clock


class ReportedFigures:
    """Fulfils the FigureSource port with what somebody posts. Bounded by what settings name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._demand: dict[tuple[str, str], Figure] = {}
        self._latency: dict[Position, Figure] = {}

    def read(self) -> Figures:
        """Everything reported, however old."""
        return Figures(dict(self._demand), dict(self._latency))

    def tell_demand(self, service: str, pool: str, rps: float) -> None:
        """A pool's users ask for so many requests per second now."""
        self._demand[service, pool] = Figure(rps, self._clock.monotonic())

    def tell_latency(self, position: Position, ms: float) -> None:
        """A pool's users are so many milliseconds from a region now."""
        self._latency[position] = Figure(ms, self._clock.monotonic())
