"""Builds a `Snapshot` of everything known: the input of cycles, previews and reloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.carried_weights import WeightMemory
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.reports.traffic import TrafficReports
from controller.model.configuration import Settings
from controller.model.decision import PoolName, Snapshot
from controller.model.levers import Observed, Position
from controller.model.memory import NO_MEMORY
from controller.model.overrides import Override
from controller.model.second_opinions import AnsweredCounts, Opinion
from controller.planning.guards.way_back import with_unexplained_parts
from controller.ports import Clock, FigureSource

_MEASURED_S = 10.0
"""Seconds of users' reports that a decision looks at."""
_UNREAD = "the state file with earlier orders has not been read yet"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a snapshot's parts come from; all answer at once."""

    probing: ProbeLoop
    observation: Observation
    overrides: Overrides
    expectations: Expectations
    weights: WeightMemory
    traffic: TrafficReports
    figures: FigureSource
    opinions: Callable[[], Mapping[Position, Opinion]]
    """What Route 53's health checks say."""
    answered: Callable[[Mapping[str, Observed]], Mapping[PoolName, AnsweredCounts]]
    """What the zones' name servers answer by the weights that are observed."""


class SnapshotBuilder:
    """Builds snapshots; `memory` is what the last cycle remembered for the next decision."""

    def __init__(self, active_settings: ActiveSettings, clock: Clock, sources: Sources) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self.sources = sources
        self._started_at = clock.monotonic()
        self.memory = NO_MEMORY

    @property
    def unread(self) -> str | None:
        """Why nothing may move: earlier orders are not read yet; None once they are."""
        sources = self.sources
        parts = (sources.overrides, sources.expectations, sources.weights)
        return None if all(part.loaded for part in parts) else _UNREAD

    def build(self, overrides: Iterable[Override], settings: Settings | None = None) -> Snapshot:
        """Everything known now, with these overrides, and the active settings or those given."""
        settings, sources = settings or self._active_settings.settings, self.sources
        observed, expected = sources.observation.observed(settings), sources.expectations.all
        if sources.expectations.loaded:
            observed = {
                name: with_unexplained_parts(one, expected) if one.unequal else one
                for name, one in observed.items()
            }
        return Snapshot(
            now=self._clock.monotonic(),
            started_at=self._started_at,
            settings=settings,
            health={settings.vantage.name: sources.probing.health_under(settings)},
            known_good=sources.probing.known_good_under(settings),
            known_bad=sources.probing.known_bad_under(settings),
            observed=observed,
            expected=expected,
            overrides=tuple(overrides),
            figures=sources.figures.read(),
            measured=sources.traffic.split(_MEASURED_S),
            memory=self.memory,
            opinions=sources.opinions(),
            answered=sources.answered(observed),
            unread=self.unread or "",
        )
