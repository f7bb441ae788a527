"""The last look before anything is sent: what must never be written, whoever asks, ends here.

The planner cannot express a change to an unlawful region, nor a pool with nobody open; should it
ever, that is refused as an outcome, and everything else goes on. A refusal is an error in the log
when it begins, not in each cycle that asks for the same again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import structlog

from controller.loops.current import Current
from controller.loops.observation import Observation
from controller.model.decision import PoolName, Written
from controller.model.levers import Change, Outcome, OutcomeStatus, Position, Setting
from controller.planning.levers.accelerator import open_groups
from controller.planning.levers.emptied import is_emptied
from controller.planning.levers.lever import Resources
from controller.planning.levers.registry import lever_of
from controller.planning.levers.route53 import open_leaves

_log = structlog.get_logger("veto")
_ALL_ZERO = "Route 53 takes weights that are all zero for equal ones"
_ALL_CLOSED = "an accelerator whose groups are all closed sends users to any of them"


class Veto:
    """Refuses writes by what the settings in force allow and what AWS last said."""

    def __init__(self, current: Current, observation: Observation) -> None:
        self._current = current
        self._observation = observation
        self._refused_before: set[str] = set()
        self._refused_now: set[str] = set()
        """Why something was refused, in the last cycle and in this one."""

    def end_cycle(self) -> None:
        """All writes of a cycle were looked at: what was not refused again has ended."""
        for detail in sorted(self._refused_before - self._refused_now):
            _log.info("write_refusal_ended", detail=detail)
        self._refused_before, self._refused_now = self._refused_now, set()

    def on(self, changes: Iterable[Change]) -> tuple[tuple[Change, ...], list[Written]]:
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
            for (service, pool), each in _by_pool(changes).items()
            if not self._would_empty(service, pool, each, self._observation.resources(service))
            for change in each
        ]

    def on_closing(self, arn: str, change: Change, after: Mapping[str, Setting]) -> Written | None:
        """The refusal of a change that closes the last open group of its pool.

        `after` are the settings, by the groups' ARNs, that differ from those last observed.
        """
        service, pool, _ = change.position
        regions = self._current.settings.services[service].pools[pool].regions
        groups = list(chain.from_iterable(self._observation.resources(service).values()))
        if change.after.is_open or not is_emptied(open_groups(regions, groups, after)):
            return None
        detail = (
            f"not sent: {change.position} is the last one open, for what was to open before it is "
            "not known to be"
        )
        return self._refusal((change,), detail)

    def on_part(
        self, pool: PoolName, applied: Iterable[Change], part: tuple[Change, ...]
    ) -> Written | None:
        """The refusal of a part of a pool's changes that would leave it with nobody open.

        `applied` are the changes known to be made since the last observation.
        """
        service, name = pool
        mine = [c for c in applied if (c.position.service, c.position.pool) == pool]
        if not self._would_empty(
            service, name, [*mine, *part], self._observation.resources(service)
        ):
            return None
        detail = (
            f"not sent: pool {name} of {service} would have no region left that is open, for what "
            f"was to open before is not known to be; {_ALL_ZERO}"
        )
        return self._refusal(part, detail)

    def _lawful(self, changes: Iterable[Change]) -> tuple[list[Change], list[Written]]:
        lawful, refused = list[Change](), list[Written]()
        for change in changes:
            service, pool, region = change.position
            noun = self._current.settings.services[service].pools[pool]
            if region in noun.regions:
                lawful.append(change)
                continue
            detail = (
                f"not sent: pool {pool} of {service} may only be served from "
                f"{', '.join(noun.regions)}, not from {region}"
            )
            refused.append(self._refusal((change,), detail))
        return lawful, refused

    def _not_emptying(self, changes: Iterable[Change]) -> tuple[list[Change], list[Written]]:
        """Of a pool that would be emptied nothing is sent: half of it could be as wrong."""
        allowed, refused = list[Change](), list[Written]()
        pools = _by_pool(changes)
        leaves = {name: self._observation.resources(name) for name in {name for name, _ in pools}}
        for (service, pool), each in pools.items():
            if not self._would_empty(service, pool, each, leaves[service]):
                allowed += each
                continue
            levers = self._current.settings.services[service].levers
            detail = (
                f"not sent: pool {pool} of {service} would have no region left that is open; "
                f"{_ALL_CLOSED if levers.accelerator else _ALL_ZERO}"
            )
            refused.append(self._refusal(tuple(each), detail))
        return allowed, refused

    def _would_empty(
        self, service: str, pool: str, changes: Iterable[Change], leaves: Resources[Any]
    ) -> bool:
        """Whether a pool is empty once the changes are made, as last observed otherwise."""
        noun = self._current.settings.services[service]
        regions = noun.pools[pool].regions
        wanted = {change.position.region: change.after for change in changes}
        if noun.levers.accelerator is None:
            mine = {region: leaves[Position(service, pool, region)] for region in regions}
            return is_emptied(open_leaves(mine, wanted))
        groups = list(chain.from_iterable(leaves.values()))
        by_arn = {group.arn: wanted[group.region] for group in groups if group.region in wanted}
        return is_emptied(open_groups(regions, groups, by_arn))

    def _refusal(self, changes: tuple[Change, ...], detail: str) -> Written:
        if detail not in self._refused_before | self._refused_now:
            _log.error("write_refused", detail=detail)
        self._refused_now.add(detail)
        service = self._current.settings.services[changes[0].position.service]
        lever = lever_of(service)
        outcome = Outcome(OutcomeStatus.REFUSED, detail)
        return Written(lever.kind, lever.target(service), changes, outcome)


def _by_pool(changes: Iterable[Change]) -> dict[PoolName, list[Change]]:
    """Pool to its changes, in their order."""
    pools: dict[PoolName, list[Change]] = defaultdict(list)
    for change in changes:
        pools[change.position.service, change.position.pool].append(change)
    return pools
