"""Reads what AWS says of the levers, and keeps it until it is too old or known to be stale.

One listing per hosted zone and one reading per accelerator serve all services that share them. When
AWS does not answer, the last reading stays, with its age: deciding goes on, and a write that rests
on an old reading is refused by its own compare-and-swap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import structlog

from controller.loops.current import Current
from controller.loops.proofs import Proofs
from controller.model.configuration import Settings
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import EndpointGroup, Observed, RecordSet
from controller.planning.residency.proof import Proof
from controller.planning.tree import observe_groups, observe_records
from controller.ports import Accelerators, Clock, RecordSets

_log = structlog.get_logger("observation")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What AWS said, and when the question was asked (monotonic seconds)."""

    value: T
    at: float


class Observation:
    """What AWS says of every lever, as last read."""

    def __init__(
        self, current: Current, records: RecordSets, accelerators: Accelerators, clock: Clock
    ) -> None:
        self._current = current
        self._records = records
        self._accelerators = accelerators
        self._clock = clock
        self._zones: dict[str, Reading[tuple[RecordSet, ...]]] = {}
        self._groups: dict[str, Reading[tuple[EndpointGroup, ...]]] = {}
        self._failing: dict[str, str] = {}
        self._stale: set[str] = set()
        self._proofs = Proofs()

    @property
    def failing(self) -> Mapping[str, str]:
        """Zone or accelerator to the error of its last, failed reading."""
        return dict(self._failing)

    def invalidate(self, target: str) -> None:
        """Have this zone or accelerator read again before it is next used."""
        self._stale.add(target)

    async def refresh(self, max_age_s: float, settings: Settings | None = None) -> None:
        """Read again what is older than `max_age_s` or stale; a failure keeps the old reading.

        What is read are the levers of the settings in force, or of those given.
        """
        asked = settings or self._current.settings
        async with asyncio.TaskGroup() as group:
            for zone_id in sorted(_zone_ids(asked)):
                if self._is_old(zone_id, self._zones, max_age_s):
                    group.create_task(self._read(zone_id, self._records.read, self._zones))
            for arn in sorted(_arns(asked)):
                if self._is_old(arn, self._groups, max_age_s):
                    group.create_task(self._read(arn, self._accelerators.read, self._groups))

    def forget_unused(self) -> None:
        """Drop what was read of levers that the settings in force do not name."""
        used = _zone_ids(self._current.settings) | _arns(self._current.settings)
        for known in (self._zones, self._groups, self._failing):
            for target in known.keys() - used:
                del known[target]
        self._stale &= used
        self._proofs = Proofs()

    def observed(self, settings: Settings | None = None) -> dict[str, Observed]:
        """Service to what its levers say; services never read are missing.

        The services are those of the settings in force, or of those given.
        """
        found: dict[str, Observed] = {}
        for name, service in (settings or self._current.settings).services.items():
            route53, accelerator = service.levers.route53, service.levers.accelerator
            if route53 and (zone := self._zones.get(route53.hosted_zone_id)):
                proof = self._proofs.of_records(name, service, zone.value)
                found[name] = _with(proof, observe_records(name, service, zone.value, zone.at))
            if accelerator and (groups := self._groups.get(accelerator.arn)):
                proof = self._proofs.of_groups(name, service, groups.value)
                found[name] = _with(proof, observe_groups(name, service, groups.value, groups.at))
        return found

    def records(self, zone_id: str) -> tuple[RecordSet, ...]:
        """Record sets of a zone as last read; none of one that never was."""
        return self._zones[zone_id].value if zone_id in self._zones else ()

    def groups(self, arn: str) -> tuple[EndpointGroup, ...]:
        """Endpoint groups of an accelerator as last read."""
        return self._groups[arn].value

    async def _read(
        self, target: str, read: Callable[[str], Awaitable[T]], into: dict[str, Reading[T]]
    ) -> None:
        asked_at = self._clock.monotonic()
        self._stale.discard(target)
        try:
            into[target] = Reading(await read(target), asked_at)
        except (ProviderUnavailableError, ProviderRejectedError) as error:
            self._stale.add(target)
            if target not in self._failing:
                _log.warning("observation_failed", target=target, error=str(error))
            self._failing[target] = str(error)
        else:
            if self._failing.pop(target, None) is not None:
                _log.info("observation_recovered", target=target)

    def _is_old(self, target: str, readings: Mapping[str, Reading[T]], max_age_s: float) -> bool:
        reading = readings.get(target)
        if reading is None or target in self._stale:
            return True
        return self._clock.monotonic() - reading.at >= max_age_s


def _with(proof: Proof, observed: Observed) -> Observed:
    return replace(observed, leaks=proof.leaks, notices=(*observed.notices, *proof.notices))


def _zone_ids(settings: Settings) -> set[str]:
    levers = (service.levers.route53 for service in settings.services.values())
    return {lever.hosted_zone_id for lever in levers if lever}


def _arns(settings: Settings) -> set[str]:
    levers = (service.levers.accelerator for service in settings.services.values())
    return {lever.arn for lever in levers if lever}
