"""What a plan does to regions and users: load, latency and price, before and after.

Four moments: `now`; `by_itself`, when Route 53 has left out what its own checks find unhealthy and
nothing is written yet; `after` what this plan writes; `wanted`, where placement would end once
ramps and guards let it. A number nobody knows is None.

Route 53 spreads a failed record's part over the others of its group in proportion, and answers as
if all were healthy when none is (Developer Guide, "How Amazon Route 53 chooses records when health
checking is configured"). An accelerator's flow is as `planning.placement.dials` models it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from controller.model.configuration import Service
from controller.model.decision import Decision, PoolName, PoolPlan, Shares, Snapshot
from controller.model.health import Verdict
from controller.planning.account.evidence import Evidence
from controller.planning.placement.accelerated import nearest
from controller.planning.placement.dials import modelled
from controller.planning.placement.figures import Known, known
from controller.planning.shares import normalised, without

Places = frozenset[tuple[str, str]]
"""Services and regions."""


@dataclass(frozen=True, slots=True)
class Stages:
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
    rps: Stages
    utilisation: Stages
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
    latency_ms: Stages
    """Mean over its users; unknown where the configuration gives no latencies."""
    egress_usd_per_gb: Stages
    """Mean price of their traffic."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a plan does, pool by pool and region by region."""

    pools: tuple[PoolEffect, ...]
    regions: tuple[RegionEffect, ...]


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where the users of one service are at one moment."""

    known: Known
    split: Mapping[str, Shares | None]


def effects(now: Evidence, then: Evidence, supposed_down: Places = frozenset()) -> Effects:
    """What the plans of `then` do; `now` is the same decision when nothing is supposed."""
    pools: list[PoolEffect] = []
    regions: list[RegionEffect] = []
    for name, service in then.snapshot.settings.services.items():
        moments = tuple(_moments(name, now, then, supposed_down))
        pools += (_pool_effect(name, service, pool, moments) for pool in service.pools)
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


def down_places(decision: Decision) -> Places:
    """What is believed down."""
    return frozenset(
        (service, region)
        for service, regions in decision.regions.items()
        for region, seen in regions.items()
        if seen.verdict is Verdict.DOWN
    )


def served(
    snapshot: Snapshot, name: PoolName, shares: Shares, down: frozenset[str]
) -> Shares | None:
    """Where users really are when the levers say `shares` and these regions fail their checks.

    None where nobody knows how the levers stand.
    """
    if not shares:
        return None
    if snapshot.settings.services[name[0]].levers.accelerator is None:
        return without(shares, down) or normalised(shares)
    dials = {region: share for region, share in shares.items() if region not in down}
    return modelled(nearest(snapshot, name), dials)


def _moments(name: str, now: Evidence, then: Evidence, supposed_down: Places) -> Iterator[_Moment]:
    plans = [plan for plan in then.decision.plans if plan.service == name]
    present = [plan for plan in now.decision.plans if plan.service == name]
    failed = _failed(name, down_places(then.decision) | supposed_down)
    yield _moment(name, now, present, lambda p: p.before, _failed(name, down_places(now.decision)))
    for shares in (lambda p: p.before, lambda p: p.after, lambda p: p.desired):
        yield _moment(name, then, plans, shares, failed)


def _failed(service: str, places: Places) -> frozenset[str]:
    return frozenset(region for name, region in places if name == service)


def _moment(
    name: str,
    evidence: Evidence,
    plans: list[PoolPlan],
    shares: Callable[[PoolPlan], Shares],
    failed: frozenset[str],
) -> _Moment:
    snapshot = evidence.snapshot
    split = {p.pool: served(snapshot, (name, p.pool), shares(p), failed) for p in plans}
    return _Moment(known(snapshot, name, evidence.decision.regions[name]), split)


def _region_effect(
    name: str, service: Service, region: str, moments: tuple[_Moment, ...], then: Evidence
) -> RegionEffect:
    rps = [_carried(service, region, moment) for moment in moments]
    measured = service.regions[region].capacity_rps is not None
    capacities = [moment.known.capacity_rps[region] if measured else None for moment in moments]
    parts = [
        load / capacity if load is not None and capacity else None
        for load, capacity in zip(rps, capacities, strict=True)
    ]
    usable = then.decision.regions[name][region].usable
    return RegionEffect(name, region, capacities[-1], usable, Stages(*rps), Stages(*parts))


def _carried(service: Service, region: str, moment: _Moment) -> float | None:
    total = 0.0
    for pool, noun in service.pools.items():
        if region in noun.regions:
            split = moment.split.get(pool)
            if split is None:
                return None
            total += split.get(region, 0.0) * moment.known.demand_rps[pool]
    return total


def _pool_effect(
    name: str, service: Service, pool: str, moments: tuple[_Moment, ...]
) -> PoolEffect:
    prices = {one: region.egress_usd_per_gb for one, region in service.regions.items()}
    now, by_itself, after, wanted = (moment.split.get(pool) for moment in moments)
    return PoolEffect(
        name,
        pool,
        now,
        by_itself,
        after,
        wanted,
        latency_ms=Stages(*(_mean(m, pool, m.known.latency_ms.get(pool, {})) for m in moments)),
        egress_usd_per_gb=Stages(*(_mean(m, pool, prices) for m in moments)),
    )


def _mean(moment: _Moment, pool: str, figures: Mapping[str, float]) -> float | None:
    split = moment.split.get(pool)
    if split is None or any(region not in figures for region, share in split.items() if share > 0):
        return None
    return sum(share * figures[region] for region, share in split.items() if share > 0)
