"""Reads the levers from AWS, and keeps each reading until it is too old or known to be stale.

One listing per hosted zone and one reading per accelerator serve all services that share them. When
AWS does not answer, the last reading stays, with its age: decisions go on, and AWS refuses a write
that rests on an old reading (compare-and-swap). A slow answer is awaited for `READ_WAIT_S` at most,
and by one cycle only, even without an earlier reading: a hanging zone delays no accelerator's
drain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.lever_ports import LeverPorts
from controller.loops.levers.readings import Reading
from controller.loops.levers.residency_cache import ResidencyCache
from controller.model.configuration import Service, Settings
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import Observed, Position
from controller.planning.levers.lever import Resources
from controller.planning.levers.registry import LEVERS, AnyLever, lever_of
from controller.planning.residency.destinations import Destination
from controller.ports import Clock

_log = structlog.get_logger("observation")

READ_WAIT_S = 0.5
"""Seconds that a cycle waits for readings; a later one wakes the reconciler. With the gap between
two cycles that leaves time to drain a region within a second."""


class Observation:
    """The last reading of every lever."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        ports: LeverPorts,
        clock: Clock,
        on_late_reading: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_late_reading` is called for a reading that came after its cycle stopped waiting."""
        self._active_settings = active_settings
        self._ports = ports
        self._clock = clock
        self._readings: dict[str, Reading[Any]] = {}
        """Target to its last reading."""
        self._failing: dict[str, str] = {}
        self._not_understood: dict[str, str] = {}
        """Service to the exception that deriving from its reading raised, a mistake of ours."""
        self._stale: set[str] = set()
        self._outdated: set[str] = set()
        """Targets that have not been read since they were last written."""
        self._on_late_reading = on_late_reading
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._late: set[str] = set()
        """Targets whose reading under way is not awaited any more."""
        self._residency_cache = ResidencyCache()
        self._changes = 0

    @property
    def changes(self) -> int:
        """How many readings differed from the one before; it only rises."""
        return self._changes

    @property
    def failing(self) -> Mapping[str, str]:
        """Zone or accelerator to the error of its last reading, if that failed; and service to the
        error of deriving from its reading. Of the active settings only: what a refused reload named
        is not read again, so that its failure would stay for ever."""
        settings = self._active_settings.settings
        used = _targets(settings.services.values()).keys() | settings.services.keys()
        found = self._not_understood | self._failing
        return {name: error for name, error in found.items() if name in used}

    def invalidate(self, target: str) -> None:
        """Note that this zone or accelerator was written: read it again before its next use."""
        self._stale.add(target)
        self._outdated.add(target)

    def begin_anew(self) -> None:
        """Read everything again before its next use; a reading under way is repeated."""
        self._stale |= self._readings.keys() | self._under_way.keys()

    def is_reread_pending(self, target: str, at: float) -> bool:
        """Whether a reading is under way, and the last one was asked for before `at`."""
        reading = self._readings.get(target)
        return target in self._under_way and (reading is None or reading.at < at)

    async def refresh(
        self, max_age_s: float, settings: Settings | None = None, *, wait_s: float = READ_WAIT_S
    ) -> None:
        """Read again what is older than `max_age_s` or stale; a failure keeps the old reading.

        It reads the levers of the active settings, or of those given. One call awaits a reading,
        for `wait_s`; then it continues in the background and wakes the reconciler.
        """
        asked = settings or self._active_settings.settings
        targets = _targets(asked.services.values())
        for target, lever in targets.items():
            if self._is_old(target, max_age_s):
                self._start_reading(target, lever)
        under_way = {t: self._under_way[t] for t in targets if t in self._under_way}
        await self._wait(under_way, wait_s)

    async def end(self) -> None:
        """Cancel every reading under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget_unused(self) -> None:
        """Drop readings of levers that the active settings do not name."""
        used = set(_targets(self._active_settings.settings.services.values()))
        for target in self._under_way.keys() - used:
            self._under_way[target].cancel()
        for target in self._readings.keys() - used:
            del self._readings[target]
        for target in self._failing.keys() - used:
            del self._failing[target]
        self._stale &= used
        self._outdated &= used
        names = self._active_settings.settings.services.keys()
        for name in self._not_understood.keys() - names:
            del self._not_understood[name]
        self._residency_cache.forget_all_but(names)
        for reading in self._readings.values():
            reading.forget_all_but(names)

    def observed(self, settings: Settings | None = None) -> dict[str, Observed]:
        """Service to the observed state of its levers; services never read are missing.

        So are services whose reading this program fails on: that holds them, and no others. The
        services are those of the active settings, or of those given.
        """
        services = (settings or self._active_settings.settings).services
        seen = {
            name: self._observed_of(reading, name, service)
            for name, service in services.items()
            if (reading := self._reading(service)) is not None
        }
        return {name: observed for name, observed in seen.items() if observed is not None}

    def resources(self, name: str) -> Resources[Any]:
        """Position to its weighted records or endpoint groups, as last read.

        Every position is there; without any resource if its target was never read.
        """
        service = self._active_settings.settings.services[name]
        if (reading := self._reading(service)) is not None:
            return reading.derived(name, service).resources
        lever = lever_of(service)
        return lever.resources(name, service, lever.index(()))

    def destinations(self, name: str) -> Mapping[Position, Destination]:
        """Position to the destination of its weighted A record, as last read."""
        service = self._active_settings.settings.services[name]
        reading = self._reading(service)
        return {} if reading is None else reading.derived(name, service).destinations

    def checks(self, name: str) -> Mapping[Position, tuple[str, ...]]:
        """Position to the health checks of its records, as last read; positions without any are
        missing."""
        service = self._active_settings.settings.services[name]
        reading = self._reading(service)
        return {} if reading is None else reading.derived(name, service).checks

    def _reading(self, service: Service) -> Reading[Any] | None:
        """The last reading of the service's target."""
        return self._readings.get(lever_of(service).target(service))

    def _observed_of(self, reading: Reading[Any], name: str, service: Service) -> Observed | None:
        """The observed state; None where deriving it fails, which is logged once."""
        try:
            observed = reading.observed(name, service)
        except Exception as error:
            if name not in self._not_understood:
                _log.exception("reading_not_understood", service=name)
            self._not_understood[name] = f"a mistake of ours: {error!r}"
            return None
        if self._not_understood.pop(name, None) is not None:
            _log.info("reading_understood", service=name)
        is_outdated = lever_of(service).target(service) in self._outdated
        return replace(observed, outdated=True) if is_outdated else observed

    def _start_reading(self, target: str, lever: AnyLever) -> None:
        """Start a reading, unless one is under way."""
        if target not in self._under_way:
            task = asyncio.create_task(  # noqa: TID251 - outlives its cycle; `end` cancels it
                self._read(target, lever), name=f"reading {target}"
            )
            self._under_way[target] = task
            task.add_done_callback(lambda ended: self._on_read_end(target, ended))

    async def _wait(self, tasks: Mapping[str, asyncio.Task[None]], wait_s: float) -> None:
        """Wait for these readings, those that an earlier call gave up excepted."""
        if awaited := [task for target, task in tasks.items() if target not in self._late]:
            await asyncio.wait(awaited, timeout=wait_s)
        self._late |= {target for target, task in tasks.items() if not task.done()}

    def _on_read_end(self, target: str, task: asyncio.Task[None]) -> None:
        del self._under_way[target]
        if target in self._late:
            self._late.discard(target)
            if not task.cancelled() and target not in self._stale:
                self._on_late_reading()

    async def _read(self, target: str, lever: AnyLever) -> None:
        """Read the target; again if it was written meanwhile, for the answer may be older."""
        while True:
            self._stale.discard(target)
            try:
                await self._read_once(target, lever)
            except (ProviderUnavailableError, ProviderRejectedError) as error:
                self._on_failure(target, str(error))
                return
            except Exception as error:
                # A mistake of ours, such as with a record of a new shape: it stops one target only.
                if target not in self._failing:
                    _log.exception("reading_failed", target=target)
                self._on_failure(target, f"a mistake of ours: {error!r}")
                return
            if self._failing.pop(target, None) is not None:
                _log.info("observation_recovered", target=target)
            if target not in self._stale:
                self._outdated.discard(target)
                return

    async def _read_once(self, target: str, lever: AnyLever) -> None:
        """Keep one reading; a listing equal to the one before is not derived from again."""
        asked_at = self._clock.monotonic()
        value = await self._ports[lever.kind].read(target)
        before = self._readings.get(target)
        if before is not None and before.value == value:
            self._readings[target] = before.repeated(asked_at)
        else:
            self._readings[target] = Reading(lever, value, asked_at, self._residency_cache)
            self._changes += 1

    def _on_failure(self, target: str, error: str) -> None:
        self._stale.add(target)
        if target not in self._failing:
            _log.warning("observation_failed", target=target, error=error)
        self._failing[target] = error

    def _is_old(self, target: str, max_age_s: float) -> bool:
        reading = self._readings.get(target)
        if reading is None or target in self._stale:
            return True
        return self._clock.monotonic() - reading.at >= max_age_s


def _targets(services: Iterable[Service]) -> dict[str, AnyLever]:
    """The zones and accelerators of these services, with their levers, by kind and id."""
    levers = {(lever := lever_of(service)).target(service): lever for service in services}
    in_order = sorted(levers, key=lambda target: (LEVERS.index(levers[target]), target))
    return {target: levers[target] for target in in_order}
