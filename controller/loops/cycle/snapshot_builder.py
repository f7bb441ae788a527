"""Builds a `Snapshot` of everything known: the input of cycles, previews and reloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.carried_weights import WeightMemory
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.process.pauses import ProcessPauses
from controller.loops.reports.traffic import TrafficReports
from controller.model.configuration import Settings
from controller.model.decision import PoolName, Snapshot
from controller.model.levers import Observed, Position
from controller.model.memory import NO_MEMORY, Memory, ServiceMemory
from controller.model.overrides import Override
from controller.model.second_opinions import AnsweredCounts, Opinion
from controller.planning.guards.way_back import with_unexplained_parts
from controller.planning.memory import with_services
from controller.planning.restart import resumed_memory
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
    pauses: ProcessPauses
    opinions: Callable[[], Mapping[Position, Opinion]]
    """What Route 53's health checks say."""
    answered: Callable[[Mapping[str, Observed]], Mapping[PoolName, AnsweredCounts]]
    """What the zones' name servers answer by the weights that are observed."""


class SnapshotBuilder:
    """Builds snapshots of what is known, and of what the last cycle remembered for the next."""

    def __init__(self, active_settings: ActiveSettings, clock: Clock, sources: Sources) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self.sources = sources
        self._started_at = clock.monotonic()
        self._memory = NO_MEMORY
        self._resumed: dict[str, ServiceMemory] = {}
        """Service to an earlier process's memory, until a decision has seen it."""
        self._memory_listener: Callable[[], None] = lambda: None
        self._is_memory_read = False
        """Whether the memory of an earlier process was read."""

    @property
    def memory(self) -> Memory:
        """What the next decision must know of earlier ones, of an earlier process's too."""
        if not self._resumed:
            return self._memory
        new = ServiceMemory(since=self._started_at)
        names = dict.fromkeys([*self._active_settings.settings.services, *self._resumed])
        services = {name: self._memory.services.get(name, new) for name in names}
        for name, kept in self._resumed.items():
            services[name] = resumed_memory(kept, services[name])
        return with_services(self._memory, services)

    def remember(self, memory: Memory, decided_on: Snapshot) -> None:
        """Take the memory after a decision. What was resumed meanwhile counts from the next one."""
        self._memory = memory
        if not decided_on.unread:
            self._resumed.clear()
        self._memory_listener()

    def follow_memory(self, listener: Callable[[], None]) -> None:
        """Call this after each decision."""
        self._memory_listener = listener

    def resume(self, service: str, kept: ServiceMemory) -> None:
        """Take over an earlier process's memory of a service; before anything is written."""
        self._resumed[service] = kept

    def memory_was_read(self) -> None:
        """Note that all of an earlier process's memory was taken over."""
        self._is_memory_read = True

    def resume_isolation(self, since: float | None) -> None:
        """Take over since when an earlier process has doubted itself."""
        if self._memory.isolated_since is None:
            self._memory = replace(self._memory, isolated_since=since)

    @property
    def unread(self) -> str | None:
        """Why nothing may move: earlier orders are not read yet; None once they are."""
        sources = self.sources
        parts = (sources.overrides, sources.expectations, sources.weights)
        is_read = all(part.loaded for part in parts) and self._is_memory_read
        return None if is_read else _UNREAD

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
            pause=sources.pauses.last,
        )
