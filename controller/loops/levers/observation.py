"""Reads what AWS says of the levers, and keeps it until it is too old or known to be stale.

One listing per hosted zone and one reading per accelerator serve all services that share them. When
AWS does not answer, the last reading stays, with its age: deciding goes on, and a write that rests
on an old reading is refused by its own compare-and-swap. Nor is a slow answer waited for longer
than `PATIENCE_S`, and by one cycle only, whether or not there is an earlier one: a hanging zone
delays no accelerator's drain.
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

PATIENCE_S = 0.5
"""Seconds a cycle waits for readings. What comes later rings. With the gap between two cycles that
leaves time to drain a region within a second."""


class Observation:
    """What AWS says of every lever, as last read."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        ports: LeverPorts,
        clock: Clock,
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        """`arrived` is called when a reading comes that nobody waited for any more."""
        self._active_settings = active_settings
        self._ports = ports
        self._clock = clock
        self._readings: dict[str, Reading[Any]] = {}
        """Target to what was last read of it."""
        self._failing: dict[str, str] = {}
        self._not_understood: dict[str, str] = {}
        """Service to why it cannot be said what was read of its levers: a mistake of ours."""
        self._stale: set[str] = set()
        self._outdated: set[str] = set()
        """Targets that have not been read since they were last written."""
        self._arrived = arrived
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._late: set[str] = set()
        """Targets whose reading under way is not waited for any more."""
        self._proofs = ResidencyCache()
        self._changes = 0

    @property
    def changes(self) -> int:
        """How many readings said something else than the one before; it only rises."""
        return self._changes

    @property
    def failing(self) -> Mapping[str, str]:
        """Zone or accelerator to the error of its last, failed reading; also the services of which
        what was read is not understood. Of the settings in force: what a reload only proposed, and
        did not take over, is not read again, so that its failure would stand for ever."""
        settings = self._active_settings.settings
        used = _targets(settings.services.values()).keys() | settings.services.keys()
        found = self._not_understood | self._failing
        return {what: error for what, error in found.items() if what in used}

    def invalidate(self, target: str) -> None:
        """Have this zone or accelerator, which was written, read again before it is next used."""
        self._stale.add(target)
        self._outdated.add(target)

    def is_behind(self, target: str, at: float) -> bool:
        """Whether it is being read, and what was read last was asked for before `at`."""
        reading = self._readings.get(target)
        return target in self._under_way and (reading is None or reading.at < at)

    async def refresh(
        self, max_age_s: float, settings: Settings | None = None, *, patience_s: float = PATIENCE_S
    ) -> None:
        """Read again what is older than `max_age_s` or stale; a failure keeps the old reading.

        What is read are the levers of the settings in force, or of those given. A reading is waited
        for `patience_s`, and not again by those who come later; it goes on and rings.
        """
        asked = settings or self._active_settings.settings
        targets = _targets(asked.services.values())
        for target, lever in targets.items():
            if self._is_old(target, max_age_s):
                self._begin(target, lever)
        under_way = {t: self._under_way[t] for t in targets if t in self._under_way}
        await self._wait(under_way, patience_s)

    async def end(self) -> None:
        """Give up every reading under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget_unused(self) -> None:
        """Drop what was read of levers that the settings in force do not name."""
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
        self._proofs.forget_all_but(names)
        for reading in self._readings.values():
            reading.forget_all_but(names)

    def observed(self, settings: Settings | None = None) -> dict[str, Observed]:
        """Service to what its levers say; services never read are missing.

        So are those of which what was read is not understood: a mistake of ours, with their own
        records or groups, which holds them and no other. The services are those of the settings in
        force, or of those given.
        """
        services = (settings or self._active_settings.settings).services
        seen = {
            name: self._seen(reading, name, service)
            for name, service in services.items()
            if (reading := self._reading(service)) is not None
        }
        return {name: one for name, one in seen.items() if one is not None}

    def resources(self, name: str) -> Resources[Any]:
        """Position to what steers it, weighted records or endpoint groups, as last read.

        Every position is there, of a target that was never read without any resource.
        """
        service = self._active_settings.settings.services[name]
        if (reading := self._reading(service)) is not None:
            return reading.derived(name, service).resources
        lever = lever_of(service)
        return lever.resources(name, service, lever.index(()))

    def destinations(self, name: str) -> Mapping[Position, Destination]:
        """Where each weighted A record of a service leads, as last read."""
        service = self._active_settings.settings.services[name]
        reading = self._reading(service)
        return {} if reading is None else reading.derived(name, service).destinations

    def checks(self, name: str) -> Mapping[Position, tuple[str, ...]]:
        """The health checks of a service's records, as last read; positions without are missing."""
        service = self._active_settings.settings.services[name]
        reading = self._reading(service)
        return {} if reading is None else reading.derived(name, service).checks

    def _reading(self, service: Service) -> Reading[Any] | None:
        """The last one of the service's target."""
        return self._readings.get(lever_of(service).target(service))

    def _seen(self, reading: Reading[Any], name: str, service: Service) -> Observed | None:
        """None where that is not understood; told once."""
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

    def _begin(self, target: str, lever: AnyLever) -> None:
        """Have it read, unless that is under way."""
        if target not in self._under_way:
            task = asyncio.create_task(  # noqa: TID251 - outlives its cycle; `end` gives it up
                self._read(target, lever), name=f"reading {target}"
            )
            self._under_way[target] = task
            task.add_done_callback(lambda ended: self._ended(target, ended))

    async def _wait(self, tasks: Mapping[str, asyncio.Task[None]], patience_s: float) -> None:
        """For these readings."""
        if awaited := [task for target, task in tasks.items() if target not in self._late]:
            await asyncio.wait(awaited, timeout=patience_s)
        self._late |= {target for target, task in tasks.items() if not task.done()}

    def _ended(self, target: str, task: asyncio.Task[None]) -> None:
        del self._under_way[target]
        if target in self._late:
            self._late.discard(target)
            if not task.cancelled() and target not in self._stale:
                self._arrived()

    async def _read(self, target: str, lever: AnyLever) -> None:
        """Read it, and again if it became stale meanwhile: the answer may be older than that."""
        while True:
            self._stale.discard(target)
            try:
                await self._read_once(target, lever)
            except (ProviderUnavailableError, ProviderRejectedError) as error:
                self._failed(target, str(error))
                return
            except Exception as error:
                # A mistake of ours, such as with a record that nobody expected: one target's alone.
                if target not in self._failing:
                    _log.exception("reading_failed", target=target)
                self._failed(target, f"a mistake of ours: {error!r}")
                return
            if self._failing.pop(target, None) is not None:
                _log.info("observation_recovered", target=target)
            if target not in self._stale:
                self._outdated.discard(target)
                return

    async def _read_once(self, target: str, lever: AnyLever) -> None:
        """Have a reading; what says the same as the one before is not derived again."""
        asked_at = self._clock.monotonic()
        value = await self._ports[lever.kind].read(target)
        before = self._readings.get(target)
        if before is not None and before.value == value:
            self._readings[target] = before.again(asked_at)
        else:
            self._readings[target] = Reading(lever, value, asked_at, self._proofs)
            self._changes += 1

    def _failed(self, target: str, error: str) -> None:
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
    """The zones and accelerators that steer these services, each kind in the order of its ids."""
    levers = {(lever := lever_of(one)).target(one): lever for one in services}
    in_order = sorted(levers, key=lambda target: (LEVERS.index(levers[target]), target))
    return {target: levers[target] for target in in_order}
