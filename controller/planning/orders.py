"""What a person ordered, as far as guards let it: drains and pins.

A failover is no matter of this file: it treats its region as down (`standing`), and only the guards
of an emergency bind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.model.decision import Held, Hold, Shares, Snapshot
from controller.model.levers import Position
from controller.model.overrides import Override, OverrideKind
from controller.planning.eligibility import Permission, PoolEligibility, RegionEligibility
from controller.planning.guards import refusals as guard
from controller.planning.levers.registry import lever_of
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import PlacementProblem, lacking_rps
from controller.planning.shares import SAME

EligibilityByPool = Mapping[str, PoolEligibility]
"""Pool to region to standing."""

_ROUNDING_RPS = 1e-6
"""Less than this is rounding."""


def with_orders(
    snapshot: Snapshot,
    service_name: str,
    known: Believed,
    stands: EligibilityByPool,
    before: Mapping[str, Shares],
) -> EligibilityByPool:
    """The standings with drains and pins included where guards let them."""
    case = _OrderInput(snapshot, service_name, known, before)
    for override in sorted(snapshot.overrides, key=_drains_first):
        for pool in stands:
            if override.concerns(service_name, pool=pool) and override.region in stands[pool]:
                stands = _with_order(case, stands, override, pool)
    return stands


@dataclass(frozen=True, slots=True)
class _OrderInput:
    """What every order of one service is weighed against."""

    snapshot: Snapshot
    service_name: str
    known: Believed
    before: Mapping[str, Shares]


def _drains_first(override: Override) -> tuple[bool, bool, bool, int]:
    """Drains before pins; of these the wider first, so that the narrower has the last word."""
    pin = override.kind is OverrideKind.PIN
    return pin, override.service is not None, override.pool is not None, override.id


def _with_order(
    case: _OrderInput, stands: EligibilityByPool, override: Override, pool: str
) -> EligibilityByPool:
    """The standings after one order for one pool; what refuses it stands at its region."""
    region = override.region
    assert region is not None
    standing = stands[pool][region]
    match override.kind:
        case OverrideKind.DRAIN if standing.may is not Permission.OUT:
            obeying = RegionEligibility(Permission.OUT, "drain", f"drained {_by_author(override)}")
            held = _drain_refusal(case, stands, override, pool, obeying)
        case OverrideKind.PIN if standing.may is Permission.IN:
            why = f"pinned {_by_author(override)}"
            obeying = replace(standing, cause="pin", why=why, share=override.share)
            held = _pin_refusal(case, stands, override, pool, obeying)
        case _:
            return stands
    if held is not None:
        obeying = replace(standing, held=(*standing.held, held))
    return _with_region(stands, pool, region, obeying)


def _by_author(override: Override) -> str:
    return f"by {override.author}: {override.reason}"


def _drain_refusal(
    case: _OrderInput,
    stands: EligibilityByPool,
    override: Override,
    pool: str,
    obeying: RegionEligibility,
) -> Held | None:
    region, before = override.region, case.before[pool]
    assert region is not None
    if before.get(region, 0.0) == 0:
        return None
    others = [r for r in _serving(stands[pool]) if r != region]
    serving = sum(before.get(r, 0.0) > 0 or _is_standby(case, stands, pool, r) for r in others)
    need = guard.too_few_active(
        case.snapshot, len(stands[pool]), serving, f"draining {region}", region
    )
    return _first_refusal(override, need, _capacity_refusal(case, stands, pool, region, obeying))


def _is_standby(case: _OrderInput, stands: EligibilityByPool, pool: str, region: str) -> bool:
    """Whether it carries nothing only because others are nearer, and is not on its way back."""
    memory = case.snapshot.memory.of(case.service_name)
    position = Position(case.service_name, pool, region)
    is_warmed_up = not memory.closed_is_warming_up and position not in memory.warming_up
    return stands[pool][region].may is Permission.IN and is_warmed_up


def _pin_refusal(
    case: _OrderInput,
    stands: EligibilityByPool,
    override: Override,
    pool: str,
    obeying: RegionEligibility,
) -> Held | None:
    """A pin may not empty too many of the other regions, nor overload its own or them."""
    region, share = override.region, override.share
    assert region is not None
    assert share is not None
    adds_up = lever_of(case.snapshot.settings.services[case.service_name]).shares_add_up
    stand = stands[pool]
    serving = _serving_beside_pins(stand.but({region: obeying})) if adds_up else _serving(stand)
    return _first_refusal(
        override,
        guard.too_few_active(case.snapshot, len(stand), len(serving), f"pinning {region}", region),
        _pin_capacity_refusal(case, stands, pool, region, share) if adds_up else None,
        _capacity_refusal(case, stands, pool, region, obeying),
    )


def _first_refusal(override: Override, *refusals: Held | None) -> Held | None:
    """The first refusal that the order does not outrank by name."""
    standing = (r for r in refusals if r is not None and r.reason not in override.ignore_guards)
    return next(standing, None)


def _capacity_refusal(
    case: _OrderInput, stands: EligibilityByPool, pool: str, region: str, obeying: RegionEligibility
) -> Held | None:
    """Whether the regions would lack room by obeying that they do not lack anyway."""
    over = _lacking_rps(case, _with_region(stands, pool, region, obeying)) - _lacking_rps(
        case, stands
    )
    if over <= _ROUNDING_RPS:
        return None
    what = f"without {region}" if obeying.may is Permission.OUT else f"with this pin of {region}"
    detail = f"{what} pool {pool} would lack {over:.0f} requests/s of capacity"
    return Held(Hold.CAPACITY, detail, region)


def _lacking_rps(case: _OrderInput, stands: EligibilityByPool) -> float:
    """Requests/s beyond capacity over all pools, were these the standings."""
    service = case.snapshot.settings.services[case.service_name]
    serving = {pool: _serving(stand) for pool, stand in stands.items()}
    if not lever_of(service).shares_add_up:
        return sum(
            max(0.0, case.known.demand_rps[p] - sum(case.known.capacity_rps[r] for r in regions))
            for p, regions in serving.items()
        )
    pins = {pool: stand.pinned for pool, stand in stands.items()}
    free = {pool: tuple(r for r in serving[pool] if r not in pins[pool]) for pool in stands}
    settings = case.snapshot.settings
    return lacking_rps(
        PlacementProblem(service, settings.regions, settings.placement, case.known, free, pins)
    )


def _pin_capacity_refusal(
    case: _OrderInput, stands: EligibilityByPool, pool: str, region: str, share: float
) -> Held | None:
    """Whether the region's pins alone are more than it can carry."""
    pins = {name: stand[region].share or 0.0 for name, stand in stands.items() if region in stand}
    pins[pool] = share
    load = sum(case.known.demand_rps[name] * part for name, part in pins.items())
    capacity = case.known.capacity_rps[region]
    if load <= capacity:
        return None
    detail = f"{region} would carry {load:.0f} requests/s by its pins, it can carry {capacity:.0f}"
    return Held(Hold.CAPACITY, detail, region)


def _serving(stand: Mapping[str, RegionEligibility]) -> tuple[str, ...]:
    return tuple(region for region, standing in stand.items() if standing.may is not Permission.OUT)


def _serving_beside_pins(stand: PoolEligibility) -> tuple[str, ...]:
    """Regions that may serve; none but the pinned ones where pins take the whole pool."""
    pinned = {
        r: s.share for r, s in stand.items() if s.may is Permission.IN and s.share is not None
    }
    return tuple(pinned) if sum(pinned.values()) >= 1 - SAME else _serving(stand)


def _with_region(
    stands: EligibilityByPool, pool: str, region: str, standing: RegionEligibility
) -> EligibilityByPool:
    return {**stands, pool: stands[pool].but({region: standing})}
