"""The last check before a write: refuses what must never be sent, for the planner and users alike.

Refused are a change to a region that the pool's settings do not allow, and changes that would leave
a pool without an open region. The planner cannot express either; if it ever does, the change is
refused as an outcome and all others are sent. A refusal is logged as an error when it begins, not
again in each cycle that repeats it.
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
from controller.planning.levers.lever import NO_WEIGHTS, of_pool
from controller.planning.levers.registry import AnyLever, lever_of
from controller.planning.levers.write_steps import WriteStep

_log = structlog.get_logger("veto")


class WriteGuard:
    """Checks writes against the active settings and the last reading of AWS."""

    def __init__(self, active_settings: ActiveSettings, observation: Observation) -> None:
        self._active_settings = active_settings
        self._observation = observation
        self._refused_before: set[str] = set()
        self._refused_now: set[str] = set()
        """The texts of refusals, of the last cycle and of this one."""

    def end_cycle(self) -> None:
        """Note that all writes of a cycle were checked: refusals not repeated in it have ended."""
        for detail in sorted(self._refused_before - self._refused_now):
            _log.info("write_refusal_ended", detail=detail)
        self._refused_before, self._refused_now = self._refused_now, set()

    def check(self, changes: Iterable[Change]) -> tuple[tuple[Change, ...], list[WriteResult]]:
        """The changes that may be sent, and the refusals of all others."""
        lawful, unlawful = self._lawful(changes)
        allowed, emptying = self._not_emptying(lawful)
        return tuple(allowed), [*unlawful, *emptying]

    def without_emptying_pools(self, changes: Iterable[Change]) -> list[Change]:
        """The changes, without those of pools that these alone would leave without an open region.

        This is no refusal: the change that opens such a pool waits, and all are sent later.
        """
        return [
            change
            for name, pool_changes in _by_pool(changes).items()
            if not self._would_empty(name, pool_changes)
            for change in pool_changes
        ]

    def check_step(
        self, lever: AnyLever, step: WriteStep[Any], applied: Iterable[LeverChange]
    ) -> WriteResult | None:
        """The refusal of a step that would close its pool's last open region; None: it may be sent.

        `applied` are the writes to the target known to be made since the last observation.
        """
        if step.split_pool is None:
            return None
        detail = lever.refusal(step, applied, self._resources(step.split_pool))
        return None if detail is None else self._refusal(tuple(step.writes_by_change), detail)

    def _lawful(self, changes: Iterable[Change]) -> tuple[list[Change], list[WriteResult]]:
        lawful, refused = list[Change](), list[WriteResult]()
        for change in changes:
            service, pool, region = change.position
            pool_settings = self._active_settings.settings.services[service].pools[pool]
            if region in pool_settings.regions:
                lawful.append(change)
                continue
            detail = (
                f"not sent: pool {pool} of {service} may only be served from "
                f"{', '.join(pool_settings.regions)}, not from {region}"
            )
            refused.append(self._refusal((change,), detail))
        return lawful, refused

    def _not_emptying(self, changes: Iterable[Change]) -> tuple[list[Change], list[WriteResult]]:
        """Refuses all changes of a pool that would be emptied: a part of them could be as wrong."""
        allowed, refused = list[Change](), list[WriteResult]()
        for name, pool_changes in _by_pool(changes).items():
            if self._would_empty(name, pool_changes):
                lever = lever_of(self._active_settings.settings.services[name[0]])
                refused.append(self._refusal(tuple(pool_changes), lever.all_closed_text(name)))
            else:
                allowed += pool_changes
        return allowed, refused

    def _would_empty(self, name: PoolName, changes: Iterable[Change]) -> bool:
        """Whether no region of a pool is open once the changes are made to what was last read."""
        lever = lever_of(self._active_settings.settings.services[name[0]])
        resources = self._resources(name)
        weights = self._observation.open_weights(name[0])
        writes = [
            write
            for change in changes
            for write in lever.writes(
                change,
                resources[change.position.region],
                weights.get(change.position, NO_WEIGHTS),
            )
        ]
        return lever.closes_all(resources, writes)

    def _resources(self, name: PoolName) -> dict[str, tuple[Any, ...]]:
        """Region to its resources in a pool, as last read."""
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
