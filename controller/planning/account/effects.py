"""What a plan does to regions and users: load, latency and price, before and after.

Four moments: `now`; `by_itself`, when Route 53 has left out what its own checks find unhealthy and
nothing is written yet; `after` what this plan writes; `wanted`, where placement would end once
ramps and guards let it. A number nobody knows is None.

Route 53 spreads a failed record's part over the others of its group in proportion, and answers as
if all were healthy when none is (Developer Guide, "How Amazon Route 53 chooses records when health
checking is configured"). An accelerator's flow is as `planning.placement.dials` models it.
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
"""Services and regions."""


@dataclass(frozen=True, slots=True)
class EffectValues:
    """One number at four moments; None where nobody knows it."""

    now: float | None
    by_itself: float | None
    after: float | None
    wanted: float | None


@dataclass(frozen=True, slots=True)
class RegionEffect:
    """What one region of one service has to carry."""

    service: str
    region: str
    capacity_rps: float | None
    """What it can carry as well as it is; None: not configured."""
    usable: float
    """Part of its configured capacity that this is; below 1 it is degraded."""
    rps: EffectValues
    utilisation: EffectValues
    """Part of what it can carry."""


@dataclass(frozen=True, slots=True)
class PoolEffect:
    """How the users of one pool fare."""

    service: str
    pool: str
    now: Shares | None
    """Where they are; None where nobody knows."""
    by_itself: Shares | None
    after: Shares | None
    wanted: Shares | None
    latency_ms: EffectValues
    """Mean over its users; unknown where the configuration gives no latencies."""
    egress_usd_per_gb: EffectValues
    """Mean price of their traffic."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a plan does, pool by pool and region by region."""

    pools: tuple[PoolEffect, ...]
    regions: tuple[RegionEffect, ...]


@dataclass(frozen=True, eq=False)
class _UsersAt:
    """Where the users of one service are at one moment, and what follows from that."""

    service: Service
    catalogue: Mapping[str, Region]
    believed: Believed
    split: Mapping[str, Shares | None]

    @cached_property
    def rps(self) -> Mapping[str, float | None]:
        """Region to what it carries."""
        loads: dict[str, float | None] = dict.fromkeys(self.service.regions, 0.0)
        for pool, noun in self.service.pools.items():
            split, demand_rps = self.split.get(pool), self.believed.demand_rps[pool]
            for region in noun.regions:
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
        prices = {name: one.egress_usd_per_gb for name, one in self.catalogue.items()}
        return {pool: _mean(split, prices) for pool, split in self.split.items()}


def effects(now: Evidence, then: Evidence, supposed_down: RegionNames = frozenset()) -> Effects:
    """What the plans of `then` do; `now` is the same decision when nothing is supposed."""
    pools: list[PoolEffect] = []
    regions: list[RegionEffect] = []
    for name, service in then.snapshot.settings.services.items():
        moments = _moments(name, now, then, supposed_down)
        pools += (_pool_effect(name, pool, moments) for pool in service.pools)
        regions += (
            _region_effect(name, service, region, moments, then) for region in service.regions
        )
    return Effects(tuple(pools), tuple(regions))


def load_text(one: RegionEffect, rps: float, utilisation: float | None) -> str:
    """What a region carries at some moment, in words."""
    if utilisation is None:
        return f"{rps:.0f} requests/s"
    now = "" if one.usable >= 1 else ", degraded as it is"
    return f"{rps:.0f} requests/s, {utilisation * 100:.0f} % of its capacity{now}"


def down_regions(decision: Decision) -> RegionNames:
    """What is believed down."""
    return frozenset(
        (service, region)
        for service, regions in decision.regions.items()
        for region, seen in regions.items()
        if seen.verdict is Verdict.DOWN
    )


def served_shares(
    snapshot: Snapshot, name: PoolName, shares: Shares, down: frozenset[str]
) -> Shares | None:
    """Where users really are when the levers say `shares` and these regions fail their checks.

    None where nobody knows how the levers stand.
    """
    if not shares:
        return None
    if lever_of(snapshot.settings.services[name[0]]).shares_add_up:
        return without(shares, down) or normalised(shares)
    dials = {region: share for region, share in shares.items() if region not in down}
    return modelled_flow(nearest_shares(snapshot, name), dials)


def _moments(
    name: str, now: Evidence, then: Evidence, supposed_down: RegionNames
) -> tuple[_UsersAt, _UsersAt, _UsersAt, _UsersAt]:
    """One and the same for moments that cannot differ: most plans move little."""
    failed_now = _failed(name, down_regions(now.decision))
    failed = _failed(name, down_regions(then.decision) | supposed_down)
    first = _moment(name, now, lambda p: p.before, failed_now)
    by_itself = first
    if now is not then or failed != failed_now:
        by_itself = _moment(name, then, lambda p: p.before, failed)
    after = _moment(name, then, lambda p: p.after, failed, like=by_itself)
    wanted = _moment(name, then, lambda p: p.desired, failed, like=by_itself)
    return first, by_itself, after, wanted


def _failed(service: str, places: RegionNames) -> frozenset[str]:
    return frozenset(region for name, region in places if name == service)


def _moment(
    name: str,
    evidence: Evidence,
    shares: Callable[[PoolPlan], Shares],
    failed: frozenset[str],
    like: _UsersAt | None = None,
) -> _UsersAt:
    """`like`: the moment of the same evidence before anything is written."""
    snapshot, decision = evidence.snapshot, evidence.decision
    plans = [plan for plan in decision.plans if plan.service == name]
    same = {p.pool for p in plans if shares(p) is p.before} if like else set()
    if like is not None and len(same) == len(plans):
        return like
    split = {
        p.pool: like.split[p.pool]
        if like is not None and p.pool in same
        else served_shares(snapshot, (name, p.pool), shares(p), failed)
        for p in plans
    }
    figures = (
        like.believed
        if like is not None
        else believed_figures(snapshot, name, decision.regions[name])
    )
    settings = snapshot.settings
    return _UsersAt(settings.services[name], settings.regions, figures, split)


def _region_effect(
    name: str, service: Service, region: str, moments: Sequence[_UsersAt], then: Evidence
) -> RegionEffect:
    rps = [moment.rps[region] for moment in moments]
    measured = service.regions[region].capacity_rps is not None
    capacities = [moment.believed.capacity_rps[region] if measured else None for moment in moments]
    parts = [
        load / capacity if load is not None and capacity else None
        for load, capacity in zip(rps, capacities, strict=True)
    ]
    usable = then.decision.regions[name][region].usable
    return RegionEffect(
        name, region, capacities[-1], usable, EffectValues(*rps), EffectValues(*parts)
    )


def _pool_effect(name: str, pool: str, moments: Sequence[_UsersAt]) -> PoolEffect:
    now, by_itself, after, wanted = (moment.split.get(pool) for moment in moments)
    return PoolEffect(
        name,
        pool,
        now,
        by_itself,
        after,
        wanted,
        latency_ms=EffectValues(*(moment.latency_ms.get(pool) for moment in moments)),
        egress_usd_per_gb=EffectValues(*(moment.egress_usd_per_gb.get(pool) for moment in moments)),
    )


def _mean(split: Shares | None, figures: Mapping[str, float]) -> float | None:
    """None where nobody knows who serves, or what one of those figures is."""
    if split is None:
        return None
    serving = [(region, share) for region, share in split.items() if share > 0]
    if any(region not in figures for region, _ in serving):
        return None
    return sum([share * figures[region] for region, share in serving])
