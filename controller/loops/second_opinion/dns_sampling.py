"""Asks the zones' own name servers, in the users' name, what users are answered.

Each pool is asked `answers.asks` times in every interval, evenly spread, its geographies in turn;
several answers estimate the split. Answers given while a change of weights is on its way to the
name servers count for nothing. What follows from the answers is `planning.health.answered`. Leaves
and answers of a shape that nobody expected concern their own service or pool alone: the log says so
once, and nothing is known of what its users are answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.reconciliation import CycleReport
from controller.loops.levers.observation import Observation
from controller.model.decision import PoolName
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import Observed, Position
from controller.model.second_opinions import AnsweredCounts
from controller.planning.health.answered_shares import (
    NO_ADDRESS,
    Sample,
    answered_counts,
    with_sample,
)
from controller.planning.health.second_opinions import FRESH_FOR_S
from controller.planning.levers.registry import lever_of
from controller.planning.residency.destinations import Destination, region_of_answer
from controller.ports import Clock, NameServers

_log = structlog.get_logger("answered")
_KEPT_S = 300.0
"""Age at which an answer is of the past."""
_RESOLVED_FOR_S = 60.0
_REMEMBERED_S = 600.0
"""Seconds for which an address counts as an alias target's own: load balancers change theirs."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One pool to be asked for."""

    pool: PoolName
    zone_id: str
    name: str
    """The name that is asked for."""
    subnets: tuple[str, ...]


class DnsSampling:
    """What users of each pool are answered, as lately asked."""

    def __init__(
        self,
        current: ActiveSettings,
        name_servers: NameServers,
        observation: Observation,
        is_spreading: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        """`is_spreading` tells whether a write to a zone is known not to be INSYNC yet."""
        self._current = current
        self._name_servers = name_servers
        self._observation = observation
        self._is_spreading = is_spreading
        self._clock = clock
        self._aliases = _Aliases(name_servers, clock)
        self._weights: dict[PoolName, dict[str, int]] = {}
        self._settles_at: dict[PoolName, float] = {}
        self._leads: dict[PoolName, dict[str, Destination]] = {}
        self._samples: dict[PoolName, tuple[Sample, ...]] = {}
        self._turns: dict[PoolName, int] = {}
        self._failing: set[str] = set()
        self._not_understood: set[str] = set()
        """Services and pools whose records or answers were of a shape that nobody expected."""

    def latest(self, observed: Mapping[str, Observed]) -> Mapping[PoolName, AnsweredCounts]:
        """Pool to its answers; pools not asked for, or not answered lately, are missing.

        So are those of which `observed` has other weights than those they were answered by: the
        answers would seem to withhold a record that was opened since.
        """
        now = self._clock.monotonic()
        found = {}
        for pool, samples in self._samples.items():
            answered = answered_counts(samples, self._weights[pool])
            if answered is None or now - answered.at > FRESH_FOR_S:
                continue
            if self._is_of(pool, observed):
                found[pool] = answered
        return found

    def _is_of(self, pool: PoolName, observed: Mapping[str, Observed]) -> bool:
        """Whether the pool was asked for with the weights that were read last."""
        settings = observed[pool[0]].settings if pool[0] in observed else {}
        return all(
            (setting := settings.get(Position(*pool, region))) and setting.weight == weight
            for region, weight in self._weights[pool].items()
        )

    def follow(self, report: CycleReport) -> None:
        """Take over the weighted records and their weights; other weights begin another count."""
        settings, now = self._current.settings, self._clock.monotonic()
        weights: dict[PoolName, dict[str, int]] = {}
        leads: dict[PoolName, dict[str, Destination]] = {}
        for name, service in settings.services.items() if settings.answers.subnets else ():
            observed = report.snapshot.observed.get(name)
            if lever_of(service).name_in_dns(service) is None or observed is None:
                continue
            try:
                found = self._observation.destinations(name)
            except Exception:
                self._is_not_understood(name)
                continue
            for position, destination in found.items():
                leads.setdefault((name, position.pool), {})[position.region] = destination
            for position, setting in observed.settings.items():
                pool = (name, position.pool)
                weights.setdefault(pool, {})[position.region] = setting.weight
        for pool, new in weights.items():
            if new != self._weights.get(pool):
                self._settles_at[pool] = now + settings.answers.settled_after_s
                self._samples.pop(pool, None)
        for pool in self._samples.keys() - weights.keys():
            del self._samples[pool]
        self._weights, self._leads = weights, leads
        self._aliases.keep([to.alias for regions in leads.values() for to in regions.values()])

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            settings = self._current.settings.answers
            round_s = settings.interval_s / settings.asks
            asked = self._asked()
            if not asked:
                await self._clock.sleep(round_s if settings.subnets else settings.interval_s)
                continue
            async with asyncio.TaskGroup() as group:
                for one in asked:
                    group.create_task(self._ask_alone(one))
                    await self._clock.sleep(round_s / len(asked))

    def _asked(self) -> list[_Asked]:
        """The pools whose weights have settled and whose users have a known subnet."""
        now, settings = self._clock.monotonic(), self._current.settings
        found = []
        for name, service in settings.services.items():
            lever = lever_of(service)
            steered, zone_id = lever.name_in_dns(service), lever.target(service)
            if steered is None or self._is_spreading(zone_id):
                continue
            for pool_name, noun in service.pools.items():
                pool = (name, pool_name)
                known = settings.answers.subnets
                subnets = tuple(known[g] for g in noun.geographies if g in known)
                if subnets and pool in self._weights and now >= self._settles_at[pool]:
                    found.append(_Asked(pool, zone_id, steered, subnets))
        return found

    async def _ask_alone(self, asked: _Asked) -> None:
        """Ask for one pool; what goes wrong is none of the others' business."""
        try:
            await self._ask(asked)
        except Exception:
            self._is_not_understood("/".join(asked.pool))

    def _is_not_understood(self, subject: str) -> None:
        """To be called where an exception is handled; tells it once."""
        if subject not in self._not_understood:
            self._not_understood.add(subject)
            _log.exception("answers_not_understood", subject=subject)

    async def _ask(self, asked: _Asked) -> None:
        pool, weights = asked.pool, self._weights.get(asked.pool)
        if weights is None:
            return  # other settings were put in force between two questions
        turn = self._turns[pool] = self._turns.get(pool, -1) + 1
        subnet = asked.subnets[turn % len(asked.subnets)]
        try:
            leads_to = await self._leads_to(pool)
            answer = await self._name_servers.ask(asked.zone_id, asked.name, subnet)
        except (ProviderUnavailableError, ProviderRejectedError) as error:
            if asked.name not in self._failing:
                _log.warning("name_servers_unknown", name=asked.name, error=str(error))
            self._failing.add(asked.name)
            return
        self._failing.discard(asked.name)
        if self._weights.get(pool) != weights:
            return  # answered by weights that were changed meanwhile
        now, region = self._clock.monotonic(), region_of_answer(answer, leads_to)
        said = "" if region else ", ".join(sorted(answer)) or NO_ADDRESS
        kept = self._samples.get(pool, ())
        if kept and now - kept[0].at > _KEPT_S:
            kept = tuple(sample for sample in kept if now - sample.at <= _KEPT_S)
        self._samples[pool] = with_sample(kept, Sample(now, region, said), weights)

    async def _leads_to(self, pool: PoolName) -> dict[str, frozenset[str]]:
        """Region to the addresses of the pool's weighted record there."""
        return {
            region: to.addresses | await self._aliases.addresses(to.alias)
            for region, to in self._leads.get(pool, {}).items()
        }


class _Aliases:
    """The addresses of alias targets, with those they had a while ago."""

    def __init__(self, name_servers: NameServers, clock: Clock) -> None:
        self._name_servers = name_servers
        self._clock = clock
        self._resolved_at: dict[str, float] = {}
        self._seen_at: dict[str, dict[str, float]] = {}

    async def addresses(self, name: str | None) -> frozenset[str]:
        """None for None. Raises as NameServers.resolve does."""
        if name is None:
            return frozenset()
        now, known = self._clock.monotonic(), self._seen_at.get(name, {})
        if now - self._resolved_at.get(name, float("-inf")) >= _RESOLVED_FOR_S:
            known |= dict.fromkeys(await self._name_servers.resolve(name.rstrip(".")), now)
            self._resolved_at[name] = now
        self._seen_at[name] = {a: at for a, at in known.items() if now - at <= _REMEMBERED_S}
        return frozenset(self._seen_at[name])

    def keep(self, names: Collection[str | None]) -> None:
        """Forget all others."""
        for gone in self._seen_at.keys() - set(names):
            del self._seen_at[gone]
            self._resolved_at.pop(gone, None)
