"""The last look before anything is sent: what must never be written, whoever asks, ends here.

The planner cannot express a change to an unlawful region, nor a pool with nobody open; should it
ever, that is refused as an outcome, and everything else goes on. A refusal is an error in the log
when it begins, not in each cycle that asks for the same again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.observation import Observation
from controller.model.decision import PoolName, WriteResult
from controller.model.levers import Change, LeverChange, Outcome, OutcomeStatus
from controller.planning.levers.lever import of_pool
from controller.planning.levers.registry import AnyLever, lever_of
from controller.planning.levers.write_steps import WriteStep

_log = structlog.get_logger("veto")


class WriteGuard:
    """Refuses writes by what the settings in force allow and what AWS last said."""

    def __init__(self, active_settings: ActiveSettings, observation: Observation) -> None:
        self._active_settings = active_settings
        self._observation = observation
        self._refused_before: set[str] = set()
        self._refused_now: set[str] = set()
        """Why something was refused, in the last cycle and in this one."""

    def end_cycle(self) -> None:
        """All writes of a cycle were looked at: what was not refused again has ended."""
        for detail in sorted(self._refused_before - self._refused_now):
            _log.info("write_refusal_ended", detail=detail)
        self._refused_before, self._refused_now = self._refused_now, set()

    def on(self, changes: Iterable[Change]) -> tuple[tuple[Change, ...], list[WriteResult]]:
        """The changes that may be sent, and the refusal of the others."""
        lawful, unlawful = self._lawful(changes)
        allowed, emptying = self._not_emptying(lawful)
        return tuple(allowed), [*unlawful, *emptying]

    def without_emptying(self, changes: Iterable[Change]) -> list[Change]:
        """These without those of pools that they alone would leave with nobody open.

        No refusal: what would open such a pool waits, and is sent together with the rest.
        """
        return [
            change
            for name, each in _by_pool(changes).items()
            if not self._would_empty(name, each)
            for change in each
        ]

    def on_step(
        self, lever: AnyLever, step: WriteStep[Any], applied: Iterable[LeverChange]
    ) -> WriteResult | None:
        """The refusal of a step that would close what is left of its pool.

        `applied` are the writes to the target known to be made since the last observation.
        """
        if step.part_of is None:
            return None
        detail = lever.refusal(step, applied, self._resources(step.part_of))
        return None if detail is None else self._refusal(tuple(step.parts), detail)

    def _lawful(self, changes: Iterable[Change]) -> tuple[list[Change], list[WriteResult]]:
        lawful, refused = list[Change](), list[WriteResult]()
        for change in changes:
            service, pool, region = change.position
            noun = self._active_settings.settings.services[service].pools[pool]
            if region in noun.regions:
                lawful.append(change)
                continue
            detail = (
                f"not sent: pool {pool} of {service} may only be served from "
                f"{', '.join(noun.regions)}, not from {region}"
            )
            refused.append(self._refusal((change,), detail))
        return lawful, refused

    def _not_emptying(self, changes: Iterable[Change]) -> tuple[list[Change], list[WriteResult]]:
        """Of a pool that would be emptied nothing is sent: half of it could be as wrong."""
        allowed, refused = list[Change](), list[WriteResult]()
        for name, each in _by_pool(changes).items():
            if self._would_empty(name, each):
                lever = lever_of(self._active_settings.settings.services[name[0]])
                refused.append(self._refusal(tuple(each), lever.emptying(name)))
            else:
                allowed += each
        return allowed, refused

    def _would_empty(self, name: PoolName, changes: Iterable[Change]) -> bool:
        """Whether a pool is empty once the changes are made, as last observed otherwise."""
        lever = lever_of(self._active_settings.settings.services[name[0]])
        resources = self._resources(name)
        writes = [w for c in changes for w in lever.parts(c, resources[c.position.region])]
        return lever.empties(resources, writes)

    def _resources(self, name: PoolName) -> dict[str, tuple[Any, ...]]:
        """Region to the resources of a pool, as last read."""
        service, pool = name
        regions = self._active_settings.settings.services[service].pools[pool].regions
        return of_pool(self._observation.resources(service), name, regions)

    def _refusal(self, changes: tuple[Change, ...], detail: str) -> WriteResult:
        if detail not in self._refused_before | self._refused_now:
            _log.error("write_refused", detail=detail)
        self._refused_now.add(detail)
        service = self._active_settings.settings.services[changes[0].position.service]
        lever = lever_of(service)
        outcome = Outcome(OutcomeStatus.REFUSED, detail)
        return WriteResult(lever.kind, lever.target(service), changes, outcome)


def _by_pool(changes: Iterable[Change]) -> dict[PoolName, list[Change]]:
    """Pool to its changes, in their order."""
    pools: dict[PoolName, list[Change]] = defaultdict(list)
    for change in changes:
        pools[change.position.service, change.position.pool].append(change)
    return pools
