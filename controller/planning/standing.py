"""Which regions of a pool may carry traffic now, and why the others may not.

`IN` may be given its share, `OUT` must carry nothing, `KEEP` keeps what it has: nobody knows
enough to move it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from controller.model.configuration import Service
from controller.model.decision import Held, Hold, Shares, Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.model.overrides import Override, OverrideKind
from controller.planning import guard
from controller.planning.placement import place

_SECOND_SOURCE = 2
"""Vantage points that must call a region down for it to be believed during a panic."""


class May(Enum):
    """What a region may do."""

    IN = auto()
    OUT = auto()
    KEEP = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """One region's standing in one pool."""

    may: May
    cause: str
    """`serving`, `region_down`, `failover`, `drain`, `missing`, or the hold that keeps it."""
    why: str
    held: Held | None = None


def standings(
    snapshot: Snapshot,
    service_name: str,
    health: Mapping[str, RegionHealth],
    before: Mapping[str, Shares],
    *,
    isolated: str | None,
    panic: bool,
) -> dict[str, dict[str, Standing]]:
    """Pool to region to standing, drains a person asked for included where guards let them."""
    service = snapshot.settings.services[service_name]
    stands = {
        pool_name: {
            region: _standing(
                snapshot,
                Position(service_name, pool_name, region),
                health,
                before[pool_name],
                isolated,
                panic,
            )
            for region in pool.regions
        }
        for pool_name, pool in service.pools.items()
    }
    for override in snapshot.overrides:
        if override.kind is OverrideKind.DRAIN:
            concerned = [p for p in stands if override.concerns(service_name, pool=p)]
            _drain(snapshot, service, override, concerned, stands, before)
    return stands


def _standing(
    snapshot: Snapshot,
    position: Position,
    health: Mapping[str, RegionHealth],
    before: Shares,
    isolated: str | None,
    panic: bool,
) -> Standing:
    service, pool, region = position
    if region not in before:
        return Standing(May.OUT, "missing", "its leaf or endpoint group is missing")
    for override in snapshot.overrides:
        concerned = override.concerns(service, region, pool=pool)
        if override.kind is OverrideKind.FAILOVER and concerned:
            return Standing(
                May.OUT, "failover", f"failover by {override.author}: {override.reason}"
            )
    seen = health[region]
    match seen.verdict:
        case Verdict.DOWN if panic and seen.agreeing < _SECOND_SOURCE:
            return _kept(Hold.PANIC, guard.panic_detail(health.values()), region)
        case Verdict.DOWN:
            return Standing(May.OUT, "region_down", seen.why)
        case Verdict.UNKNOWN if isolated is not None:
            return _kept(Hold.SELF_ISOLATED, isolated, region)
        case Verdict.UNKNOWN:
            return _kept(Hold.UNKNOWN_HEALTH, seen.why, region)
        case Verdict.UP if seen.suspect_since is not None:
            failing_s = snapshot.now - seen.suspect_since
            held = Held(
                Hold.WITHIN_HYSTERESIS, f"probes began to fail {failing_s:.1f} s ago", region
            )
            return Standing(May.IN, "serving", seen.why, held)
        case Verdict.UP:
            return Standing(May.IN, "serving", seen.why)


def _kept(reason: Hold, detail: str, region: str) -> Standing:
    return Standing(May.KEEP, reason.value, detail, Held(reason, detail, region))


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


def _drain_refusal(
    snapshot: Snapshot,
    service: Service,
    override: Override,
    pool_name: str,
    stands: Mapping[str, Mapping[str, Standing]],
    before: Shares,
) -> Held | None:
    assert override.region is not None
    pool = stands[pool_name]
    remaining = [r for r, s in pool.items() if r != override.region and s.may is not May.OUT]
    serving = sum(before.get(r, 0.0) > 0 for r in remaining)
    refusals = (
        guard.too_few_active(snapshot, len(pool), serving, override.region),
        _no_room(snapshot, service, pool_name, tuple(remaining), stands, override.region),
    )
    standing = (r for r in refusals if r is not None and r.reason not in override.ignore_guards)
    return next(standing, None)


def _no_room(
    snapshot: Snapshot,
    service: Service,
    pool_name: str,
    remaining: tuple[str, ...],
    stands: Mapping[str, Mapping[str, Standing]],
    region: str,
) -> Held | None:
    """Whether the others could not carry this pool together with what they carry already."""
    if service.levers.accelerator is not None:
        fits = sum(service.regions[r].capacity_rps for r in remaining)
        over = service.pools[pool_name].demand_rps - fits
    else:
        candidates = {
            name: remaining
            if name == pool_name
            else tuple(r for r, s in pool.items() if s.may is not May.OUT)
            for name, pool in stands.items()
        }
        placed = place(service, candidates, snapshot.settings.guards.target_utilisation)
        over = placed[pool_name].overload if pool_name in placed else 0.0
    if over <= 0:
        return None
    detail = f"without {region} pool {pool_name} would lack {over:.0f} requests/s of capacity"
    return Held(Hold.CAPACITY, detail, region)
