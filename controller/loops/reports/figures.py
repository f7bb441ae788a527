"""Measured figures, as they were last reported; what they are worth is
`planning.placement.figures`.

They steer, so only those of who may steer are taken. Nothing is kept on disk: a restart forgets
them, and the settings' own figures stand until somebody reports again. A report wakes nobody: the
next cycle looks at it.
"""

from __future__ import annotations

from controller.loops.active_settings import ActiveSettings
from controller.model.figures import Figure, Figures
from controller.model.levers import Position
from controller.ports import Clock


class ReportedFigures:
    """Fulfils the FigureSource port with what somebody posts, one figure for each place.

    Callers tell of places that the settings in force name, and `follow_settings` forgets the
    others: that bounds it.
    """

    def __init__(self, active_settings: ActiveSettings, clock: Clock) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self._demand: dict[tuple[str, str], Figure] = {}
        self._latency: dict[Position, Figure] = {}
        self._reports = 0

    @property
    def reports(self) -> int:
        """How many figures were reported; it only rises."""
        return self._reports

    def read(self) -> Figures:
        """Everything reported, however old."""
        return Figures(dict(self._demand), dict(self._latency))

    def tell_demand(self, service: str, pool: str, rps: float) -> None:
        """A pool's users ask for so many requests per second now."""
        self._demand[service, pool] = Figure(rps, self._clock.monotonic())
        self._reports += 1

    def tell_latency(self, position: Position, ms: float) -> None:
        """A pool's users are so many milliseconds from a region now."""
        self._latency[position] = Figure(ms, self._clock.monotonic())
        self._reports += 1

    def apply_settings(self) -> None:
        """Forget what the settings in force do not name."""
        pools = {
            (name, pool): noun
            for name, service in self._active_settings.settings.services.items()
            for pool, noun in service.pools.items()
        }
        self._demand = {place: one for place, one in self._demand.items() if place in pools}
        self._latency = {
            place: one
            for place, one in self._latency.items()
            if place[:2] in pools and place.region in pools[place[:2]].latency_ms
        }
