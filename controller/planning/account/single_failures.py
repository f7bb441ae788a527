"""Single-failure analysis (N-1): for each region, what its loss would do to its service."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass

from controller.model.decision import PoolPlan, Shares, Snapshot
from controller.model.levers import Leak
from controller.planning.account.effects import Effects, PoolEffect, down_regions, effects
from controller.planning.account.evidence import Evidence
from controller.planning.account.what_if import with_region_down
from controller.planning.decision import decide

_ENOUGH_RPS = 0.5
"""Requests/s that a region must gain to count as taking over."""
_FULL = 1.0 + 1e-9
"""Utilisation above which a region is overloaded; the rest is rounding."""


@dataclass(frozen=True, slots=True)
class SingleFailure:
    """One service after the loss of one of its regions."""

    service: str
    region: str
    takes_over: Mapping[str, float | None]
    """Region to the requests/s that it gains; None where loads are unknown."""
    worst_region: str | None
    worst_utilisation: float | None
    """Of the fullest survivor after the plan's writes; None where capacities are unknown."""
    overloaded: bool | None
    """Whether some survivor is overloaded; None where capacities are unknown."""
    lawful: bool
    """Whether every pool's users stay in its lawful regions: by the plan, and by every answer that
    AWS may give when the region fails, whatever weights are then (`Observed.leaks`)."""
    held: tuple[str, ...]
    """Reasons of the plan's holds."""


def single_failures(snapshot: Snapshot) -> tuple[SingleFailure, ...]:
    """The loss of each region of each service, everything else unchanged."""
    return tuple(each_failure(Evidence(snapshot, decide(snapshot))))


def each_failure(now: Evidence) -> Generator[SingleFailure, None, None]:
    """The same, one by one: each takes as long as a decision."""
    for name, service in now.snapshot.settings.services.items():
        for region in service.regions:
            yield _failure(now, name, region)


def _failure(now: Evidence, service: str, region: str) -> SingleFailure:
    supposed = with_region_down(now.snapshot, service, region)
    then = Evidence(supposed.snapshot, decide(supposed.snapshot))
    effect = effects(now, then, supposed.down)
    plans = [plan for plan in then.decision.plans if plan.service == service]
    utilisation = {
        one.region: one.utilisation.after
        for one in effect.regions
        if one.service == service and one.region != region and one.utilisation.after is not None
    }
    worst = max(utilisation, key=lambda r: utilisation[r]) if utilisation else None
    return SingleFailure(
        service,
        region,
        _takes_over(effect, service, region),
        worst,
        utilisation[worst] if worst else None,
        _overloaded(plans, list(utilisation.values())),
        _lawful(then, service, [pool for pool in effect.pools if pool.service == service]),
        tuple(dict.fromkeys(held.reason.value for plan in plans for held in plan.held)),
    )


def _overloaded(plans: Iterable[PoolPlan], utilisation: Collection[float]) -> bool | None:
    if any(plan.overload_rps > 0 for plan in plans) or any(part > _FULL for part in utilisation):
        return True
    return False if utilisation else None


def _takes_over(effect: Effects, service: str, lost: str) -> dict[str, float | None]:
    """Regions whose load rises; where loads are unknown, the regions that serve."""
    gains: dict[str, float | None] = {}
    for one in effect.regions:
        if one.service != service or one.region == lost:
            continue
        if one.rps.now is None or one.rps.after is None:
            gains[one.region] = None if one.rps.after is None else one.rps.after
        elif one.rps.after > one.rps.now + _ENOUGH_RPS:
            gains[one.region] = one.rps.after - one.rps.now
    return gains


def _lawful(then: Evidence, service: str, pools: Iterable[PoolEffect]) -> bool:
    failed = {region for name, region in down_regions(then.decision) if name == service}
    return all(
        not any(failed.issuperset(leak.failed) for leak in _leaks(then.snapshot, pool))
        and all(
            _within(then.snapshot, pool, split)
            for split in (pool.by_itself, pool.after, pool.wanted)
            if split is not None
        )
        for pool in pools
    )


def _leaks(snapshot: Snapshot, pool: PoolEffect) -> tuple[Leak, ...]:
    observed = snapshot.observed.get(pool.service)
    return observed.leaks.get(pool.pool, ()) if observed else ()


def _within(snapshot: Snapshot, pool: PoolEffect, split: Shares) -> bool:
    settings = snapshot.settings
    configured = settings.services[pool.service].pools[pool.pool]
    return all(
        region in configured.regions
        and configured.residency in (None, settings.regions[region].jurisdiction)
        for region, share in split.items()
        if share > 0
    )
