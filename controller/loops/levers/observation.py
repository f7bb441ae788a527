"""Reads the levers from AWS, and keeps each reading until it is too old or known to be stale.

One listing per hosted zone and one reading per accelerator serve all services that share them. A
listing shows the names that these services need (`listings`), not all that a zone holds. When
AWS does not answer, the last reading stays, with its age: decisions go on, and AWS refuses a write
that rests on an old reading (compare-and-swap). A slow answer is awaited for `READ_WAIT_S` at most,
and by one cycle only, even without an earlier reading: a hanging zone delays no accelerator's
drain.

What AWS acknowledged is shown at once, and by every reading that began before (`own_writes`): a
service is decided about, and shown, by what was written, however slow its listing is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.carried_weights import WeightMemory
from controller.loops.levers.lever_ports import LeverPorts
from controller.loops.levers.listings import Listings, ListingState
from controller.loops.levers.own_writes import Beginning, OwnWrites
from controller.loops.levers.readings import DerivedReading, Reading
from controller.loops.levers.residency_cache import ResidencyCache
from controller.model.configuration import Service, Settings
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import CarriedWeights, Observed, Outcome, OutcomeStatus, Position
from controller.planning.levers.lever import NONE_CARRIED, Resources
from controller.planning.levers.registry import LEVERS, AnyLever, lever_of
from controller.planning.levers.write_steps import WriteStep
from controller.planning.residency.destinations import Destination
from controller.ports import Clock

_log = structlog.get_logger("observation")

READ_WAIT_S = 0.5
"""Seconds that a cycle waits for readings; a later one wakes the reconciler. With the gap between
two cycles that leaves time to drain a region within a second."""
WHOLE_ANSWER_S = 30.0
"""Seconds for which a listing of all of a zone answers those who ask for one: however many ask, the
calls are left to the readings."""


class Observation:
    """The last reading of every lever."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        ports: LeverPorts,
        clock: Clock,
        on_late_reading: Callable[[], None] = lambda: None,
        weights: WeightMemory | None = None,
    ) -> None:
        """`on_late_reading` is called for a reading that came after its cycle stopped waiting.

        `weights`: what is carried inside positions; None: nothing is.
        """
        self._weights = weights
        self._learned: dict[str, tuple[object, Service]] = {}
        """Service to the listing and the settings that its weights were learned from."""
        self._active_settings = active_settings
        self._ports = ports
        self._clock = clock
        self._readings: dict[str, Reading[Any]] = {}
        """Target to its last reading."""
        self._failing: dict[str, str] = {}
        self._not_understood: dict[str, str] = {}
        """Service to the exception that deriving from its reading raised, a mistake of ours."""
        self._stale: set[str] = set()
        self._own_writes = OwnWrites(clock)
        self._on_late_reading = on_late_reading
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._late: set[str] = set()
        """Targets whose reading under way is not awaited any more."""
        self._residency_cache = ResidencyCache()
        self._listings = Listings(active_settings, ports, clock, self._on_other_scope)
        self._proposed: Settings | None = None
        """Settings that a caller waits to see read; the active ones are read with them."""
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
        """Have this zone or accelerator read again before its next use."""
        self._stale.add(target)

    def note_outcome(
        self, lever: AnyLever, target: str, step: WriteStep[Any], outcome: Outcome
    ) -> None:
        """Take in AWS's answer to a request: what it applied is shown from now on."""
        self._own_writes.note(lever, target, step, outcome)
        self.invalidate(target)
        reading = self._readings.get(target)
        if reading is not None and outcome.status is OutcomeStatus.APPLIED:
            known = self._own_writes.laid_over(lever, target, reading.value, reading.began)
            self._readings[target] = reading.showing(known)
            self._changes += 1

    def unread_until(self, lever: AnyLever, target: str, writes: Iterable[Any]) -> float | None:
        """Until when these writes wait for a reading, monotonic seconds; None: they need not.

        They wait where an earlier write was refused or its outcome is unknown: the last reading
        does not show what stands there now.
        """
        within_s = self._active_settings.settings.aws.call_deadline_s
        return self._own_writes.unread_until(lever, target, writes, within_s)

    async def refresh(
        self, max_age_s: float, settings: Settings | None = None, *, wait_s: float = READ_WAIT_S
    ) -> None:
        """Read again what is older than `max_age_s` or stale; a failure keeps the old reading.

        It reads the levers of the active settings, or of those given. One call awaits a reading,
        for `wait_s`; then it continues in the background and wakes the reconciler.
        """
        if settings is None:
            await self._refresh(self._active_settings.settings, max_age_s, wait_s)
            return
        until, self._proposed = self._clock.monotonic() + wait_s, settings
        try:
            await self._refresh(settings, max_age_s, wait_s)
            # Again what was under way, for it may have begun without these settings.
            await self._refresh(settings, max_age_s, until - self._clock.monotonic())
        finally:
            self._proposed = None

    async def _refresh(self, settings: Settings, max_age_s: float, wait_s: float) -> None:
        targets = _targets(settings.services.values())
        for target, lever in targets.items():
            if self._is_old(target, max_age_s) or not self._shows_proposed(target, lever):
                self._start_reading(target, lever)
            self._listings.start_if_due(target, lever, self._services(target))
        under_way = {t: self._under_way[t] for t in targets if t in self._under_way}
        await self._wait(under_way, wait_s)

    async def read_whole(self, wait_s: float) -> tuple[str, ...]:
        """List all of every target, not only what is steered, and read it by what that shows.

        A target of which this was begun in the last `WHOLE_ANSWER_S` is not listed again. Returned
        are those of which it did not succeed within `wait_s`.
        """
        now = self._clock.monotonic()
        targets = _targets(self._active_settings.settings.services.values())
        since = now - WHOLE_ANSWER_S
        for target in targets:
            self._stale.add(target)
            if not self._listings.was_whole_since(target, since):
                self._listings.ask_for_whole(target)
        await self.refresh(inf, wait_s=wait_s)
        await self._listings.wait(targets, now + wait_s - self._clock.monotonic())
        await self.refresh(inf, wait_s=now + wait_s - self._clock.monotonic())
        return tuple(
            target
            for target in targets
            if not self._listings.was_whole_since(target, since) or target in self._stale
        )

    def listing_states(self) -> dict[str, ListingState]:
        """Target to how it was listed; targets never read are missing."""
        targets = _targets(self._active_settings.settings.services.values())
        states = {target: self._listings.state(target) for target in targets}
        return {target: state for target, state in states.items() if state is not None}

    async def end(self) -> None:
        """Cancel every reading under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listings.end()

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
        self._own_writes.forget_all_but(used)
        names = self._active_settings.settings.services.keys()
        for name in self._not_understood.keys() - names:
            del self._not_understood[name]
        for name in self._learned.keys() - names:
            del self._learned[name]
        self._listings.forget_all_but(used)
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

    def learn_weights(self, is_expected: Callable[[Position], bool]) -> None:
        """Learn the weights inside positions from readings that are new, once earlier ones were
        read; see `WeightMemory.learn`."""
        if self._weights is None or not self._weights.loaded:
            return
        for name, service in self._active_settings.settings.services.items():
            reading = self._reading(service)
            if reading is None:
                continue
            listing, settings = self._learned.get(name, (None, None))
            if listing is not reading.value or settings is not service:
                resources = reading.resources(name, service)
                self._weights.learn(name, service, lever_of(service), resources, is_expected)
                self._learned[name] = (reading.value, service)
        self._weights.save()

    def resources(self, name: str) -> Resources[Any]:
        """Position to its weighted records or endpoint groups, as last read.

        Every position is there; without any resource if its target was never read.
        """
        service = self._active_settings.settings.services[name]
        if (reading := self._reading(service)) is not None:
            return reading.resources(name, service)
        lever = lever_of(service)
        return lever.resources(name, service, lever.index(()))

    def open_weights(self, name: str) -> CarriedWeights:
        """Position to its parts' weights when it is open, by the last reading."""
        derived = self._derived(name)
        return NONE_CARRIED if derived is None else derived.open_weights

    def destinations(self, name: str) -> Mapping[Position, Destination]:
        """Position to the destination of its weighted A record, as last read."""
        derived = self._derived(name)
        return {} if derived is None else derived.destinations

    def checks(self, name: str) -> Mapping[Position, tuple[str, ...]]:
        """Position to the health checks of its records, as last read; positions without any are
        missing."""
        derived = self._derived(name)
        return {} if derived is None else derived.checks

    def _derived(self, name: str) -> DerivedReading[Any] | None:
        """What the last reading shows of a service of the active settings; None without any."""
        service = self._active_settings.settings.services[name]
        reading = self._reading(service)
        if reading is None:
            return None
        return reading.derived(name, service, self._known(name, service))

    def _known(self, name: str, service: Service) -> CarriedWeights:
        if self._weights is None:
            return NONE_CARRIED
        return self._weights.of(name, lever_of(service).identity(service))

    def _reading(self, service: Service) -> Reading[Any] | None:
        """The last reading of the service's target, if it shows the service's names."""
        lever = lever_of(service)
        reading = self._readings.get(lever.target(service))
        if reading is None or reading.scope is None or lever.is_shown(service, reading.scope):
            return reading
        return None

    def _observed_of(self, reading: Reading[Any], name: str, service: Service) -> Observed | None:
        """The observed state; None where deriving it fails, which is logged once."""
        try:
            observed = reading.observed(name, service, self._known(name, service))
        except Exception as error:
            if name not in self._not_understood:
                _log.exception("reading_not_understood", service=name)
            self._not_understood[name] = f"a mistake of ours: {error!r}"
            return None
        if self._not_understood.pop(name, None) is not None:
            _log.info("reading_understood", service=name)
        if self._weights is not None and not self._weights.loaded:
            observed = replace(observed, unknown_weights={})  # they may be in the state file
        return observed

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
            began = self._own_writes.now()
            try:
                await self._read_once(target, lever, began)
            except (ProviderUnavailableError, ProviderRejectedError) as error:
                self._on_failure(target, str(error), began)
                return
            except Exception as error:
                # A mistake of ours, such as with a record of a new shape: it stops one target only.
                if target not in self._failing:
                    _log.exception("reading_failed", target=target)
                self._on_failure(target, f"a mistake of ours: {error!r}", began)
                return
            if self._failing.pop(target, None) is not None:
                _log.info("observation_recovered", target=target)
            if target not in self._stale:
                return

    async def _read_once(self, target: str, lever: AnyLever, began: Beginning) -> None:
        """Keep one reading; a listing equal to the one before is not derived from again."""
        listing = await self._listings.read(target, lever, self._services(target))
        value = self._own_writes.note_reading(lever, target, listing.resources, began)
        before = self._readings.get(target)
        if before is not None and before.value == value and before.scope == listing.scope:
            self._readings[target] = before.repeated(began)
        else:
            proofs = self._residency_cache.within(listing.scope)
            self._readings[target] = Reading(lever, value, began, proofs)
            self._changes += 1

    def _on_failure(self, target: str, error: str, began: Beginning) -> None:
        self._stale.add(target)
        if self._own_writes.end_waits(target, began) and target in self._late:
            self._on_late_reading()
        if target not in self._failing:
            _log.warning("observation_failed", target=target, error=error)
        self._failing[target] = error

    def _shows_proposed(self, target: str, lever: AnyLever) -> bool:
        """Whether the last listing shows what proposed settings need, if there are any."""
        return self._proposed is None or self._listings.shows(target, lever, self._services(target))

    def _services(self, target: str) -> list[Service]:
        """The services for which the target is read."""
        every = [*self._active_settings.settings.services.values()]
        if self._proposed is not None:
            every += [s for s in self._proposed.services.values() if s not in every]
        return [service for service in every if lever_of(service).target(service) == target]

    def _on_other_scope(self, target: str) -> None:
        """A whole listing found what changes the readings: read again, and let a cycle see it."""
        self._stale.add(target)
        self._on_late_reading()

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
