"""Drains and pins that persons ordered, as far as the guards of orders allow them.

Those guards are here: `min_active` and `capacity`. The guards of plans come after
(`planning.guards.refusals`).

A failover is not handled here: it treats its region as down (`planning.eligibility`), and only the
guards of an emergency bind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from controller.model.decision import Held, Hold, Shares, Snapshot
from controller.model.levers import Position
from controller.model.overrides import Override, OverrideKind
from controller.planning.eligibility import Permission, PoolEligibility, RegionEligibility
from controller.planning.levers.registry import lever_of
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import PlacementProblem, total_overload_rps
from controller.planning.shares import SHARE_TOLERANCE

EligibilityByPool = Mapping[str, PoolEligibility]

_ROUNDING_RPS = 1e-6
"""Requests/s below which a difference is rounding."""


def with_orders(
    snapshot: Snapshot,
    service_name: str,
    believed: Believed,
    by_pool: EligibilityByPool,
    before: Mapping[str, Shares],
) -> EligibilityByPool:
    """The eligibility with every drain and pin that guards allow; refusals stand in `held`."""
    order_input = _OrderInput(snapshot, service_name, believed, before)
    for override in sorted(snapshot.overrides, key=_drains_first):
        for pool in by_pool:
            if override.applies_to(service_name, pool=pool) and override.region in by_pool[pool]:
                by_pool = _with_order(order_input, by_pool, override, pool)
    return by_pool


@dataclass(frozen=True, slots=True)
class _OrderInput:
    """What every order of one service is checked against."""

    snapshot: Snapshot
    service_name: str
    believed: Believed
    before: Mapping[str, Shares]


def _drains_first(override: Override) -> tuple[bool, bool, bool, int]:
    """Sort key: drains before pins; of each the wider order first, so that the narrower wins."""
    is_pin = override.kind is OverrideKind.PIN
    return is_pin, override.service is not None, override.pool is not None, override.id


def _with_order(
    order_input: _OrderInput, by_pool: EligibilityByPool, override: Override, pool: str
) -> EligibilityByPool:
    """The eligibility after one order for one pool; a refusal is added to the region's `held`."""
    region = override.region
    assert region is not None
    present = by_pool[pool][region]
    match override.kind:
        case OverrideKind.DRAIN if present.permission is not Permission.OUT:
            ordered = RegionEligibility(Permission.OUT, "drain", f"drained {_by_author(override)}")
            held = _drain_refusal(order_input, by_pool, override, pool, ordered)
        case OverrideKind.PIN if present.permission is Permission.IN:
            why = f"pinned {_by_author(override)}"
            ordered = replace(present, cause="pin", why=why, pinned_share=override.share)
            held = _pin_refusal(order_input, by_pool, override, pool, ordered)
        case _:
            return by_pool
    if held is not None:
        ordered = replace(present, held=(*present.held, held))
    return _with_region(by_pool, pool, region, ordered)


def _by_author(override: Override) -> str:
    return f"by {override.author}: {override.reason}"


def _drain_refusal(
    order_input: _OrderInput,
    by_pool: EligibilityByPool,
    override: Override,
    pool: str,
    ordered: RegionEligibility,
) -> Held | None:
    """Why a drain is refused: too few other regions serve, or they lack capacity; else None."""
    region, before = override.region, order_input.before[pool]
    assert region is not None
    if before.get(region, 0.0) == 0:
        return None
    others = [r for r in _may_serve(by_pool[pool]) if r != region]
    serving = sum(
        before.get(r, 0.0) > 0 or _is_standby(order_input, by_pool, pool, r) for r in others
    )
    too_few = too_few_active(
        order_input.snapshot, len(by_pool[pool]), serving, f"draining {region}", region
    )
    no_capacity = _capacity_refusal(order_input, by_pool, pool, region, ordered)
    return _first_refusal(override, too_few, no_capacity)


def too_few_active(
    snapshot: Snapshot, regions: int, would_remain: int, what: str, region: str
) -> Held | None:
    """The hold of a user's drain or pin that would leave too few regions of the pool serving.

    `regions`: how many the pool has. `what`: the order, as text.

    Scope: that order in that pool. End: enough other regions may serve, or the order's own end.
    """
    need = max(1, ceil(regions * snapshot.settings.guards.min_active_ratio))
    if would_remain >= need:
        return None
    detail = f"{what} would leave {would_remain} of {regions} regions serving, {need} needed"
    return Held(Hold.MIN_ACTIVE, detail, region)


def _is_standby(
    order_input: _OrderInput, by_pool: EligibilityByPool, pool: str, region: str
) -> bool:
    """Whether a region without traffic could serve at once: it is well and not warming up."""
    memory = order_input.snapshot.memory.of(order_input.service_name)
    position = Position(order_input.service_name, pool, region)
    is_warmed_up = not memory.closed_is_warming_up and position not in memory.warming_up
    return by_pool[pool][region].permission is Permission.IN and is_warmed_up


def _pin_refusal(
    order_input: _OrderInput,
    by_pool: EligibilityByPool,
    override: Override,
    pool: str,
    ordered: RegionEligibility,
) -> Held | None:
    """Why a pin is refused: it empties too many other regions, or overloads one; else None."""
    region, share = override.region, override.share
    assert region is not None
    assert share is not None
    service = order_input.snapshot.settings.services[order_input.service_name]
    adds_up = lever_of(service).shares_add_up
    eligibility = by_pool[pool]
    serving = (
        _may_serve_beside_pins(eligibility.with_regions({region: ordered}))
        if adds_up
        else _may_serve(eligibility)
    )
    too_few = too_few_active(
        order_input.snapshot, len(eligibility), len(serving), f"pinning {region}", region
    )
    return _first_refusal(
        override,
        too_few,
        _pin_capacity_refusal(order_input, by_pool, pool, region, share) if adds_up else None,
        _capacity_refusal(order_input, by_pool, pool, region, ordered),
    )


def _first_refusal(override: Override, *refusals: Held | None) -> Held | None:
    """The first refusal by a guard that the order does not name."""
    binding = (r for r in refusals if r is not None and r.reason not in override.ignore_guards)
    return next(binding, None)


def _capacity_refusal(
    order_input: _OrderInput,
    by_pool: EligibilityByPool,
    pool: str,
    region: str,
    ordered: RegionEligibility,
) -> Held | None:
    """A refusal if the order itself makes the regions lack capacity, or lack more of it."""
    lacking = _lacking_rps(order_input, _with_region(by_pool, pool, region, ordered))
    more = lacking - _lacking_rps(order_input, by_pool)
    if more <= _ROUNDING_RPS:
        return None
    is_drain = ordered.permission is Permission.OUT
    what = f"without {region}" if is_drain else f"with this pin of {region}"
    detail = f"{what} pool {pool} would lack {more:.0f} requests/s of capacity"
    return Held(Hold.CAPACITY, detail, region)


def _lacking_rps(order_input: _OrderInput, by_pool: EligibilityByPool) -> float:
    """Requests/s beyond capacity over all pools of the service, with this eligibility."""
    settings, believed = order_input.snapshot.settings, order_input.believed
    service = settings.services[order_input.service_name]
    serving = {pool: _may_serve(eligibility) for pool, eligibility in by_pool.items()}
    if not lever_of(service).shares_add_up:
        return sum(
            max(0.0, believed.demand_rps[pool] - sum(believed.capacity_rps[r] for r in regions))
            for pool, regions in serving.items()
        )
    pins = {pool: eligibility.pinned for pool, eligibility in by_pool.items()}
    free = {pool: tuple(r for r in serving[pool] if r not in pins[pool]) for pool in by_pool}
    return total_overload_rps(
        PlacementProblem(service, settings.regions, settings.placement, believed, free, pins)
    )


def _pin_capacity_refusal(
    order_input: _OrderInput, by_pool: EligibilityByPool, pool: str, region: str, share: float
) -> Held | None:
    """A refusal if the region's pins in all pools are more than its capacity."""
    believed = order_input.believed
    pins = {
        name: eligibility[region].pinned_share or 0.0
        for name, eligibility in by_pool.items()
        if region in eligibility
    }
    pins[pool] = share
    rps = sum(believed.demand_rps[name] * pinned for name, pinned in pins.items())
    capacity = believed.capacity_rps[region]
    if rps <= capacity:
        return None
    detail = f"{region} would carry {rps:.0f} requests/s by its pins, it can carry {capacity:.0f}"
    return Held(Hold.CAPACITY, detail, region)


def _may_serve(eligibility: Mapping[str, RegionEligibility]) -> tuple[str, ...]:
    return tuple(r for r, one in eligibility.items() if one.permission is not Permission.OUT)


def _may_serve_beside_pins(eligibility: PoolEligibility) -> tuple[str, ...]:
    """Regions that may serve: only the pinned ones if the pins add up to the whole pool."""
    pinned = eligibility.pinned_as_ordered
    return tuple(pinned) if sum(pinned.values()) >= 1 - SHARE_TOLERANCE else _may_serve(eligibility)


def _with_region(
    by_pool: EligibilityByPool, pool: str, region: str, eligibility: RegionEligibility
) -> EligibilityByPool:
    return {**by_pool, pool: by_pool[pool].with_regions({region: eligibility})}
