"""Measured figures (demand, latency) as last reported; `planning.placement.believed` weighs them.

They steer, so reporting them takes the role operator. They survive a restart
(`loops.process.restart_memory`). A report wakes no loop: the next cycle reads it.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.loops.active_settings import ActiveSettings
from controller.model.figures import Figure, Figures
from controller.model.levers import Position
from controller.ports import Clock


class ReportedFigures:
    """Fulfils the FigureSource port: the last figure of each pool, and of each pool and region.

    Callers report places that the active settings name, and `apply_settings` forgets all others:
    that bounds it.
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
        """All reported figures, however old."""
        return Figures(dict(self._demand), dict(self._latency))

    def report_demand(self, service: str, pool: str, rps: float) -> None:
        """Note a pool's present demand, in requests per second."""
        self._demand[service, pool] = Figure(rps, self._clock.monotonic())
        self._reports += 1

    def report_latency(self, position: Position, ms: float) -> None:
        """Note the present latency between a pool's users and a region, in milliseconds."""
        self._latency[position] = Figure(ms, self._clock.monotonic())
        self._reports += 1

    def places(self) -> Iterator[tuple[str, ...]]:
        """Every place of the active settings that figures can be reported of: service and pool,
        or service, pool and region."""
        for service_name, service in self._active_settings.settings.services.items():
            for pool_name, pool in service.pools.items():
                yield service_name, pool_name
                for region in pool.latency_ms:
                    yield service_name, pool_name, region

    def resume(self, place: tuple[str, ...], figure: Figure) -> None:
        """Take over an earlier process's figure, unless the place was reported since."""
        if len(place) == 2:
            self._demand.setdefault((place[0], place[1]), figure)
        else:
            self._latency.setdefault(Position(*place), figure)

    def apply_settings(self) -> None:
        """Forget places that the active settings do not name."""
        pools = {
            (service_name, pool_name): pool
            for service_name, service in self._active_settings.settings.services.items()
            for pool_name, pool in service.pools.items()
        }
        self._demand = {name: figure for name, figure in self._demand.items() if name in pools}
        self._latency = {
            position: figure
            for position, figure in self._latency.items()
            if position[:2] in pools and position.region in pools[position[:2]].latency_ms
        }
