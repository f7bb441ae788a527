"""DNS sampling: asks the zones' name servers what they answer the users of each pool.

Queries carry a client subnet of the users (EDNS Client Subnet, RFC 7871). Each pool is asked
`answers.asks` times in every interval, evenly spread, its geographies round-robin; many answers
estimate the split. Answers given while a change of weights is on its way to the name servers do not
count. `planning.health.answered_shares` evaluates the samples. Weighted records or answers of an
unexpected shape affect their own service or pool only: they are logged once, and there are no
samples then.
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
    sampled_weight,
    with_sample,
)
from controller.planning.health.second_opinions import FRESH_FOR_S
from controller.planning.levers.registry import lever_of
from controller.planning.residency.destinations import Destination, region_of_answer
from controller.ports import Clock, NameServers

_log = structlog.get_logger("answered")
_MAX_SAMPLE_AGE_S = 300.0
"""The age at which a sample is dropped."""
_RESOLVE_EVERY_S = 60.0
_REMEMBERED_S = 600.0
"""Seconds for which an address still counts as an alias target's: load balancers change theirs."""


@dataclass(frozen=True, slots=True)
class _SampledPool:
    """A pool whose answers are sampled."""

    pool: PoolName
    zone_id: str
    name: str
    """The DNS name that is queried."""
    subnets: tuple[str, ...]


class DnsSampling:
    """The newest samples of what each pool's users are answered."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        name_servers: NameServers,
        observation: Observation,
        is_spreading: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        """`is_spreading`: whether a write to a zone is known not to be INSYNC yet."""
        self._active_settings = active_settings
        self._name_servers = name_servers
        self._observation = observation
        self._is_spreading = is_spreading
        self._clock = clock
        self._aliases = _Aliases(name_servers, clock)
        self._weights: dict[PoolName, dict[str, int]] = {}
        self._settles_at: dict[PoolName, float] = {}
        self._destinations: dict[PoolName, dict[str, Destination]] = {}
        self._samples: dict[PoolName, tuple[Sample, ...]] = {}
        self._rounds: dict[PoolName, int] = {}
        """The number of each pool's last sample, from 0; it picks the subnet."""
        self._failing: set[str] = set()
        self._not_understood: set[str] = set()
        """Services and pools with records or answers of an unexpected shape."""

    def latest(self, observed: Mapping[str, Observed]) -> Mapping[PoolName, AnsweredCounts]:
        """Pool to its counted answers; pools without recent ones are missing.

        So are pools whose weights in `observed` differ from those that were answered by: the
        answers would seem to withhold a record that was opened since.
        """
        now = self._clock.monotonic()
        found = {}
        for pool, samples in self._samples.items():
            answered = answered_counts(samples, self._weights[pool])
            if answered is None or now - answered.at > FRESH_FOR_S:
                continue
            if self._has_weights(pool, observed):
                found[pool] = answered
        return found

    def _has_weights(self, pool: PoolName, observed: Mapping[str, Observed]) -> bool:
        """Whether the pool was sampled under the weights that were read last."""
        read = observed.get(pool[0])
        return read is not None and all(
            sampled_weight(read, Position(*pool, region)) == weight
            for region, weight in self._weights[pool].items()
        )

    def on_cycle(self, report: CycleReport) -> None:
        """Note the observed weights and destinations; samples of other weights are dropped."""
        settings, now = self._active_settings.settings, self._clock.monotonic()
        weights: dict[PoolName, dict[str, int]] = {}
        destinations: dict[PoolName, dict[str, Destination]] = {}
        for name, service in settings.services.items() if settings.answers.subnets else ():
            observed = report.snapshot.observed.get(name)
            if lever_of(service).dns_name(service) is None or observed is None:
                continue
            try:
                found = self._observation.destinations(name)
            except Exception:
                self._log_not_understood(name)
                continue
            for position, destination in found.items():
                destinations.setdefault((name, position.pool), {})[position.region] = destination
            for position in observed.settings:
                if (weight := sampled_weight(observed, position)) is not None:
                    weights.setdefault((name, position.pool), {})[position.region] = weight
        for pool, new in weights.items():
            if new != self._weights.get(pool):
                self._settles_at[pool] = now + settings.answers.settled_after_s
                self._samples.pop(pool, None)
        for pool in self._samples.keys() - weights.keys():
            del self._samples[pool]
        self._weights, self._destinations = weights, destinations
        self._aliases.forget_all_but(
            [to.alias for regions in destinations.values() for to in regions.values()]
        )

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            settings = self._active_settings.settings.answers
            round_s = settings.interval_s / settings.asks
            due = self._due_pools()
            if not due:
                await self._clock.sleep(round_s if settings.subnets else settings.interval_s)
                continue
            async with asyncio.TaskGroup() as group:
                for sampled in due:
                    group.create_task(self._sample_safely(sampled))
                    await self._clock.sleep(round_s / len(due))

    def _due_pools(self) -> list[_SampledPool]:
        """The pools whose weights have settled and whose users have a known subnet."""
        now, settings = self._clock.monotonic(), self._active_settings.settings
        found = []
        for name, service in settings.services.items():
            lever = lever_of(service)
            dns_name, zone_id = lever.dns_name(service), lever.target(service)
            if dns_name is None or self._is_spreading(zone_id):
                continue
            for pool_name, configured in service.pools.items():
                pool = (name, pool_name)
                known = settings.answers.subnets
                subnets = tuple(known[g] for g in configured.geographies if g in known)
                if subnets and pool in self._weights and now >= self._settles_at[pool]:
                    found.append(_SampledPool(pool, zone_id, dns_name, subnets))
        return found

    async def _sample_safely(self, sampled: _SampledPool) -> None:
        """Sample one pool; a failure does not affect others."""
        try:
            await self._sample(sampled)
        except Exception:
            self._log_not_understood("/".join(sampled.pool))

    def _log_not_understood(self, subject: str) -> None:
        """Log an exception once for each subject; call it in an `except` block."""
        if subject not in self._not_understood:
            self._not_understood.add(subject)
            _log.exception("answers_not_understood", subject=subject)

    async def _sample(self, sampled: _SampledPool) -> None:
        pool, weights = sampled.pool, self._weights.get(sampled.pool)
        if weights is None:
            return  # a reload removed the pool between two queries
        round_ = self._rounds[pool] = self._rounds.get(pool, -1) + 1
        subnet = sampled.subnets[round_ % len(sampled.subnets)]
        try:
            addresses = await self._addresses(pool)
            answer = await self._name_servers.ask(sampled.zone_id, sampled.name, subnet)
        except (ProviderUnavailableError, ProviderRejectedError) as error:
            if sampled.name not in self._failing:
                _log.warning("name_servers_unknown", name=sampled.name, error=str(error))
            self._failing.add(sampled.name)
            return
        self._failing.discard(sampled.name)
        if self._weights.get(pool) != weights:
            return  # the weights changed meanwhile
        now, region = self._clock.monotonic(), region_of_answer(answer, addresses)
        unknown = "" if region else ", ".join(sorted(answer)) or NO_ADDRESS
        kept = self._samples.get(pool, ())
        if kept and now - kept[0].at > _MAX_SAMPLE_AGE_S:
            kept = tuple(sample for sample in kept if now - sample.at <= _MAX_SAMPLE_AGE_S)
        self._samples[pool] = with_sample(kept, Sample(now, region, unknown), weights)

    async def _addresses(self, pool: PoolName) -> dict[str, frozenset[str]]:
        """Region to the addresses of the pool's weighted record."""
        return {
            region: to.addresses | await self._aliases.addresses(to.alias)
            for region, to in self._destinations.get(pool, {}).items()
        }


class _Aliases:
    """The addresses of alias targets, those of the last `_REMEMBERED_S` included."""

    def __init__(self, name_servers: NameServers, clock: Clock) -> None:
        self._name_servers = name_servers
        self._clock = clock
        self._resolved_at: dict[str, float] = {}
        self._seen_at: dict[str, dict[str, float]] = {}

    async def addresses(self, name: str | None) -> frozenset[str]:
        """The addresses of a name; none for None. Raises as NameServers.resolve does."""
        if name is None:
            return frozenset()
        now, known = self._clock.monotonic(), self._seen_at.get(name, {})
        if now - self._resolved_at.get(name, float("-inf")) >= _RESOLVE_EVERY_S:
            known |= dict.fromkeys(await self._name_servers.resolve(name.rstrip(".")), now)
            self._resolved_at[name] = now
        self._seen_at[name] = {a: at for a, at in known.items() if now - at <= _REMEMBERED_S}
        return frozenset(self._seen_at[name])

    def forget_all_but(self, names: Collection[str | None]) -> None:
        """Forget all other names."""
        for gone in self._seen_at.keys() - set(names):
            del self._seen_at[gone]
            self._resolved_at.pop(gone, None)
