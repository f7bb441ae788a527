"""What a person ordered, as far as guards let it: drains and pins.

A failover is no matter of this file: it treats its region as down (`standing`), and only the guards
of an emergency bind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from controller.model.configuration import Service
from controller.model.decision import Held, Hold, Shares, Snapshot
from controller.model.overrides import Override, OverrideKind
from controller.planning import guard
from controller.planning.placement import place
from controller.planning.standing import May, Standing, pinned


def obeyed(
    snapshot: Snapshot,
    service_name: str,
    stands: Mapping[str, Mapping[str, Standing]],
    before: Mapping[str, Shares],
) -> dict[str, dict[str, Standing]]:
    """Pool to region to standing, drains and pins included where guards let them."""
    service = snapshot.settings.services[service_name]
    result = {pool: dict(standings) for pool, standings in stands.items()}
    for override in sorted(snapshot.overrides, key=_drains_first):
        concerned = [p for p in result if override.concerns(service_name, pool=p)]
        if override.kind is OverrideKind.DRAIN:
            _drain(snapshot, service, override, concerned, result, before)
        elif override.kind is OverrideKind.PIN:
            _pin(snapshot, service, override, concerned, result)
    return result


def _drains_first(override: Override) -> tuple[bool, bool, bool, int]:
    """Drains before pins; of these the wider first, so that the narrower has the last word."""
    pin = override.kind is OverrideKind.PIN
    return pin, override.service is not None, override.pool is not None, override.id


def _drain(
    snapshot: Snapshot,
    service: Service,
    override: Override,
    concerned: Iterable[str],
    stands: dict[str, dict[str, Standing]],
    before: Mapping[str, Shares],
) -> None:
    """Take the region out of each of these pools if guards allow it; say so where they do not."""
    region = override.region
    why = f"drained by {override.author}: {override.reason}"
    for pool_name in concerned:
        pool = stands[pool_name]
        if region not in pool or pool[region].may is May.OUT:
            continue
        held = None
        if before[pool_name].get(region, 0.0) > 0:
            held = _drain_refusal(snapshot, service, override, pool_name, stands, before[pool_name])
        if held is None:
            pool[region] = Standing(May.OUT, "drain", why)
        else:
            pool[region] = replace(pool[region], held=held)


def _pin(
    snapshot: Snapshot,
    service: Service,
    override: Override,
    concerned: Iterable[str],
    stands: dict[str, dict[str, Standing]],
) -> None:
    """Fix the region's share in each of these pools if guards allow it; say so where they do not.

    A region that is down, drained or unknown is not pinned: nothing is sent there by a pin.
    """
    assert override.region is not None
    for pool_name in concerned:
        pool = stands[pool_name]
        if override.region not in pool or pool[override.region].may is not May.IN:
            continue
        standing = pool[override.region]
        held = _pin_refusal(snapshot, service, override, pool_name, stands)
        if held is None:
            why = f"pinned by {override.author}: {override.reason}"
            standing = replace(standing, cause="pin", why=why, share=override.share)
        pool[override.region] = replace(standing, held=held or standing.held)


def _pin_refusal(
    snapshot: Snapshot,
    service: Service,
    override: Override,
    pool_name: str,
    stands: Mapping[str, Mapping[str, Standing]],
) -> Held | None:
    """A pin may not empty too many of the other regions, nor overload its own or them."""
    region, share = override.region, override.share
    assert region is not None
    assert share is not None
    pool = stands[pool_name]
    serving = [r for r, s in pool.items() if s.may is not May.OUT]
    left = 1 if share >= 1 and service.levers.accelerator is None else len(serving)
    standing = replace(pool[region], share=share)
    return _first(
        override,
        guard.too_few_active(snapshot, len(pool), left, f"pinning {region}", region),
        _no_room(snapshot, service, pool_name, region, standing, stands),
        _no_room_for_pins(service, pool_name, region, standing, stands),
    )


def _drain_refusal(
    snapshot: Snapshot,
    service: Service,
    override: Override,
    pool_name: str,
    stands: Mapping[str, Mapping[str, Standing]],
    before: Shares,
) -> Held | None:
    region = override.region
    assert region is not None
    pool = stands[pool_name]
    remaining = [r for r, s in pool.items() if r != region and s.may is not May.OUT]
    serving = sum(before.get(r, 0.0) > 0 for r in remaining)
    drained = replace(pool[region], may=May.OUT)
    return _first(
        override,
        guard.too_few_active(snapshot, len(pool), serving, f"draining {region}", region),
        _no_room(snapshot, service, pool_name, region, drained, stands),
    )


def _first(override: Override, *refusals: Held | None) -> Held | None:
    """The first refusal that the order does not outrank by name."""
    standing = (r for r in refusals if r is not None and r.reason not in override.ignore_guards)
    return next(standing, None)


def _no_room(
    snapshot: Snapshot,
    service: Service,
    pool_name: str,
    region: str,
    standing: Standing,
    stands: Mapping[str, Mapping[str, Standing]],
) -> Held | None:
    """Whether the regions could not carry this pool if the region stood like this."""
    pools = {**stands, pool_name: {**stands[pool_name], region: standing}}
    serving = {name: _serving(pool) for name, pool in pools.items()}
    if service.levers.accelerator is not None:
        fits = sum(service.regions[r].capacity_rps for r in serving[pool_name])
        over = service.pools[pool_name].demand_rps - fits
    else:
        pins = {name: pinned(pool) for name, pool in pools.items()}
        free = {name: tuple(r for r in serving[name] if r not in pins[name]) for name in pools}
        placed = place(service, free, snapshot.settings.guards.target_utilisation, pins)
        over = placed[pool_name].overload if pool_name in placed else 0.0
    if over <= 0:
        return None
    what = f"without {region}" if standing.may is May.OUT else f"with this pin of {region}"
    detail = f"{what} pool {pool_name} would lack {over:.0f} requests/s of capacity"
    return Held(Hold.CAPACITY, detail, region)


def _no_room_for_pins(
    service: Service,
    pool_name: str,
    region: str,
    standing: Standing,
    stands: Mapping[str, Mapping[str, Standing]],
) -> Held | None:
    """Whether the region's pins alone are more than it can carry."""
    if service.levers.accelerator is not None:
        return None
    pins = {name: pool[region].share or 0.0 for name, pool in stands.items() if region in pool}
    pins[pool_name] = standing.share or 0.0
    load = sum(service.pools[name].demand_rps * share for name, share in pins.items())
    capacity = service.regions[region].capacity_rps
    if load <= capacity:
        return None
    detail = f"{region} would carry {load:.0f} requests/s by its pins, it can carry {capacity:.0f}"
    return Held(Hold.CAPACITY, detail, region)


def _serving(pool: Mapping[str, Standing]) -> tuple[str, ...]:
    return tuple(region for region, standing in pool.items() if standing.may is not May.OUT)
