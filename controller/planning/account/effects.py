"""The effects of a plan on regions and users: load, latency and price.

Each value is given four times: `now`; `by_itself`, after Route 53 has left out what its own checks
find unhealthy and before anything is written; `after` this plan's writes; `wanted`, where placement
would end without ramps and guards. An unknown value is None.

Route 53 spreads a failed record's share over the others of its group in proportion, and answers as
if all were healthy when none is (Developer Guide, "How Amazon Route 53 chooses records when health
checking is configured"). An accelerator's flow is as `planning.placement.dials` models it.

Worked example: shares of 50, 25 and 25 %, and the second region fails. By itself Route 53 answers
the other two with 50 / 75 = 66.7 % and 25 / 75 = 33.3 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from controller.model.configuration import Region, Service
from controller.model.decision import Decision, PoolName, PoolPlan, Shares, Snapshot
from controller.model.health import Verdict
from controller.planning.account.evidence import Evidence
from controller.planning.levers.registry import lever_of
from controller.planning.placement.accelerator_split import nearest_shares
from controller.planning.placement.believed import Believed, believed_figures
from controller.planning.placement.dials import modelled_flow
from controller.planning.shares import normalised, without

RegionNames = frozenset[tuple[str, str]]
"""Pairs of service and region."""


@dataclass(frozen=True, slots=True)
class EffectValues:
    """One value at four times; None where it is unknown."""

    now: float | None
    by_itself: float | None
    after: float | None
    wanted: float | None


@dataclass(frozen=True, slots=True)
class RegionEffect:
    """The load of one region of one service."""

    service: str
    region: str
    capacity_rps: float | None
    """Usable capacity, less than configured while degraded; None: not configured."""
    usable: float
    """Usable part of the configured capacity, `0 < usable <= 1`; below 1 while degraded."""
    rps: EffectValues
    utilisation: EffectValues
    """`rps / capacity_rps`."""


@dataclass(frozen=True, slots=True)
class PoolEffect:
    """The split, latency and price of one pool's users."""

    service: str
    pool: str
    now: Shares | None
    """The split; None where it is unknown."""
    by_itself: Shares | None
    after: Shares | None
    wanted: Shares | None
    latency_ms: EffectValues
    """Mean over its users; None where no latencies are configured."""
    egress_usd_per_gb: EffectValues
    """Mean price of their traffic, USD/GB."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of a plan, by pool and by region."""

    pools: tuple[PoolEffect, ...]
    regions: tuple[RegionEffect, ...]


@dataclass(frozen=True, eq=False)
class _UsersAt:
    """The splits of one service at one time, and the loads, latencies and prices they imply."""

    service: Service
    catalogue: Mapping[str, Region]
    believed: Believed
    split: Mapping[str, Shares | None]

    @cached_property
    def rps(self) -> Mapping[str, float | None]:
        """Region to its load in requests/s."""
        loads: dict[str, float | None] = dict.fromkeys(self.service.regions, 0.0)
        for name, pool in self.service.pools.items():
            split, demand_rps = self.split.get(name), self.believed.demand_rps[name]
            for region in pool.regions:
                load = loads[region]
                if split is None or load is None:
                    loads[region] = None
                else:
                    loads[region] = load + split.get(region, 0.0) * demand_rps
        return loads

    @cached_property
    def latency_ms(self) -> Mapping[str, float | None]:
        """Pool to the mean over its users."""
        believed_figures = self.believed.latency_ms
        return {
            pool: _mean(split, believed_figures.get(pool, {})) for pool, split in self.split.items()
        }

    @cached_property
    def egress_usd_per_gb(self) -> Mapping[str, float | None]:
        """Pool to the mean price of its traffic."""
        prices = {name: region.egress_usd_per_gb for name, region in self.catalogue.items()}
        return {pool: _mean(split, prices) for pool, split in self.split.items()}


def effects(now: Evidence, then: Evidence, supposed_down: RegionNames = frozenset()) -> Effects:
    """The effects of the plans of `then`; `now` is the same evidence without hypotheses."""
    pools: list[PoolEffect] = []
    regions: list[RegionEffect] = []
    for name, service in then.snapshot.settings.services.items():
        times = _users_at_times(name, now, then, supposed_down)
        pools += (_pool_effect(name, pool, times) for pool in service.pools)
        regions += (
            _region_effect(name, service, region, times, then) for region in service.regions
        )
    return Effects(tuple(pools), tuple(regions))


def load_text(region: RegionEffect, rps: float, utilisation: float | None) -> str:
    """A region's load at one time, as text."""
    if utilisation is None:
        return f"{rps:.0f} requests/s"
    now = "" if region.usable >= 1 else ", degraded as it is"
    return f"{rps:.0f} requests/s, {utilisation * 100:.0f} % of its capacity{now}"


def down_regions(decision: Decision) -> RegionNames:
    """The regions whose verdict is down."""
    return frozenset(
        (service, region)
        for service, regions in decision.regions.items()
        for region, health in regions.items()
        if health.verdict is Verdict.DOWN
    )


def served_shares(
    snapshot: Snapshot, name: PoolName, shares: Shares, down: frozenset[str]
) -> Shares | None:
    """The split of users when the levers give `shares` and these regions fail their checks.

    None where the levers were never read.
    """
    if not shares:
        return None
    if lever_of(snapshot.settings.services[name[0]]).shares_add_up:
        return without(shares, down) or normalised(shares)
    dials = {region: share for region, share in shares.items() if region not in down}
    return modelled_flow(nearest_shares(snapshot, name), dials)


def _users_at_times(
    name: str, now: Evidence, then: Evidence, supposed_down: RegionNames
) -> tuple[_UsersAt, _UsersAt, _UsersAt, _UsersAt]:
    """Users now, by itself, after and wanted; the same object where times cannot differ."""
    failed_now = _failed(name, down_regions(now.decision))
    failed = _failed(name, down_regions(then.decision) | supposed_down)
    first = _users_at(name, now, lambda p: p.before, failed_now)
    by_itself = first
    if now is not then or failed != failed_now:
        by_itself = _users_at(name, then, lambda p: p.before, failed)
    after = _users_at(name, then, lambda p: p.after, failed, base=by_itself)
    wanted = _users_at(name, then, lambda p: p.desired, failed, base=by_itself)
    return first, by_itself, after, wanted


def _failed(service: str, places: RegionNames) -> frozenset[str]:
    return frozenset(region for name, region in places if name == service)


def _users_at(
    name: str,
    evidence: Evidence,
    shares: Callable[[PoolPlan], Shares],
    failed: frozenset[str],
    base: _UsersAt | None = None,
) -> _UsersAt:
    """Users with these shares. `base`: the same evidence before anything is written."""
    snapshot, decision = evidence.snapshot, evidence.decision
    plans = [plan for plan in decision.plans if plan.service == name]
    same = {p.pool for p in plans if shares(p) is p.before} if base else set()
    if base is not None and len(same) == len(plans):
        return base
    split = {
        p.pool: base.split[p.pool]
        if base is not None and p.pool in same
        else served_shares(snapshot, (name, p.pool), shares(p), failed)
        for p in plans
    }
    believed = (
        base.believed
        if base is not None
        else believed_figures(snapshot, name, decision.regions[name])
    )
    settings = snapshot.settings
    return _UsersAt(settings.services[name], settings.regions, believed, split)


def _region_effect(
    name: str, service: Service, region: str, times: Sequence[_UsersAt], then: Evidence
) -> RegionEffect:
    rps = [users.rps[region] for users in times]
    is_configured = service.regions[region].capacity_rps is not None
    capacities = [users.believed.capacity_rps[region] if is_configured else None for users in times]
    parts = [
        load / capacity if load is not None and capacity else None
        for load, capacity in zip(rps, capacities, strict=True)
    ]
    usable = then.decision.regions[name][region].usable
    return RegionEffect(
        name, region, capacities[-1], usable, EffectValues(*rps), EffectValues(*parts)
    )


def _pool_effect(name: str, pool: str, times: Sequence[_UsersAt]) -> PoolEffect:
    now, by_itself, after, wanted = (users.split.get(pool) for users in times)
    return PoolEffect(
        name,
        pool,
        now,
        by_itself,
        after,
        wanted,
        latency_ms=EffectValues(*(users.latency_ms.get(pool) for users in times)),
        egress_usd_per_gb=EffectValues(*(users.egress_usd_per_gb.get(pool) for users in times)),
    )


def _mean(split: Shares | None, values: Mapping[str, float]) -> float | None:
    """The mean of the regions' values by share; None where the split or a value is unknown."""
    if split is None:
        return None
    serving = [(region, share) for region, share in split.items() if share > 0]
    if any(region not in values for region, _ in serving):
        return None
    return sum([share * values[region] for region, share in serving])
