"""Which regions of a pool may carry traffic now, and why the others may not.

`IN` may be given its share (or the share a person pinned), `OUT` must carry nothing, `KEEP` keeps
what it has: nobody knows enough to move it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from controller.model.configuration import FlappingSettings
from controller.model.decision import Held, Hold, PoolName, Shares, Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.model.memory import Flaps
from controller.model.overrides import Override, OverrideKind
from controller.planning.guards import refusals
from controller.planning.health.flapping import reuse_wait_s

_PANIC_PARTIES = 2
"""Independent parties (vantage points, Route 53) that must call a region down for it to be
believed during a panic."""


class Permission(Enum):
    """What a region may do."""

    IN = auto()
    OUT = auto()
    KEEP = auto()


@dataclass(frozen=True, slots=True)
class RegionEligibility:
    """One region's standing in one pool."""

    may: Permission
    cause: str
    """`serving`, `pin`, `region_down`, `flapping`, `failover`, `drain`, `missing`, or the hold that
    keeps it as it is."""
    why: str
    held: tuple[Held, ...] = ()
    """What keeps it from moving as it would, or as somebody ordered."""
    share: float | None = None
    """What a person pinned it at; None: as placement finds best."""


class PoolEligibility(dict[str, RegionEligibility]):
    """Region to standing in one pool. Never changed once it is made: pools have it in common."""

    def but(self, others: Mapping[str, RegionEligibility]) -> PoolEligibility:
        """The same with these instead."""
        return PoolEligibility({**self, **others}) if others else self

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Regions that may be given whatever placement finds best."""
        return tuple(r for r, s in self.items() if s.may is Permission.IN and s.share is None)

    @cached_property
    def out(self) -> tuple[str, ...]:
        """Regions that must carry nothing."""
        return tuple(region for region, standing in self.items() if standing.may is Permission.OUT)

    @cached_property
    def is_kept(self) -> bool:
        """Whether some region keeps what it has."""
        return any(standing.may is Permission.KEEP for standing in self.values())

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """What keeps regions from moving."""
        return tuple(held for standing in self.values() for held in standing.held)

    @cached_property
    def pinned(self) -> Shares:
        """The shares that persons pinned, in proportion where they are more than the whole."""
        shares = {
            r: s.share for r, s in self.items() if s.may is Permission.IN and s.share is not None
        }
        total = sum(shares.values())
        return {region: share / max(1.0, total) for region, share in shares.items()}


_MISSING = RegionEligibility(
    Permission.OUT, "missing", "its weighted record or endpoint group is missing"
)


def eligibility_by_health(
    snapshot: Snapshot,
    service_name: str,
    health: Mapping[str, RegionHealth],
    before: Mapping[str, Shares],
    *,
    isolated: str | None,
    kept: Collection[str],
) -> dict[str, PoolEligibility]:
    """Pool to region to standing, by health and failovers alone; see `orders` for the rest.

    `isolated`: why our own vantage point sees nothing, if it does not. `kept`: regions that may not
    be drained now, though they are down.
    """
    service = snapshot.settings.services[service_name]
    seen = _HealthInput(snapshot, service_name, health, isolated)
    usual = {region: _by_health(seen, region, kept) for region in service.regions}
    unkept = {region: _by_health(seen, region, ()) for region in kept if region in usual}
    failovers = [o for o in snapshot.overrides if o.kind is OverrideKind.FAILOVER]
    damped = {r: f for r, f in snapshot.memory.of(service_name).flaps.items() if f.damped}
    usually: dict[tuple[str, ...], PoolEligibility] = {}
    stands = {}
    for pool_name, pool in service.pools.items():
        split, regions = before[pool_name], pool.regions
        if regions not in usually:
            usually[regions] = PoolEligibility({region: usual[region] for region in regions})
        stand = usually[regions]
        if len(split) < len(stand):
            stand = stand.but({region: _MISSING for region in regions if region not in split})
        if unkept and Hold.BLAST_RADIUS in refusals.named(snapshot, service_name, pool_name):
            stand = stand.but({r: standing for r, standing in unkept.items() if r in split})
        for order in reversed(failovers):
            if order.concerns(service_name, pool=pool_name) and order.region in split:
                stand = stand.but({str(order.region): _failed_over(order)})
        if damped:
            stand = _with_flapping_excluded(
                snapshot, (service_name, pool_name), damped, stand, split
            )
        stands[pool_name] = stand
    return stands


def _with_flapping_excluded(
    snapshot: Snapshot,
    pool: PoolName,
    damped: Mapping[str, Flaps],
    stand: PoolEligibility,
    before: Shares,
) -> PoolEligibility:
    """Whoever failed too often waits before it is let in again, as long as others serve."""
    waiting = {
        region: flaps
        for region, flaps in damped.items()
        if region in before and before[region] == 0 and stand[region].may is Permission.IN
        if not _is_flapping_ignored(snapshot, Position(*pool, region))
    }
    if all(s.may is Permission.OUT or region in waiting for region, s in stand.items()):
        return stand
    limits = snapshot.settings.guards.flapping
    return stand.but(
        {region: _excluded_for_flapping(region, flaps, limits) for region, flaps in waiting.items()}
    )


def _excluded_for_flapping(
    region: str, flaps: Flaps, limits: FlappingSettings
) -> RegionEligibility:
    why = (
        f"failed {flaps.penalty:.1f} times lately, older failures counting less; "
        f"let in again in {reuse_wait_s(flaps, limits) / 60:.0f} min if it fails no more"
    )
    return RegionEligibility(Permission.OUT, "flapping", why, (Held(Hold.FLAPPING, why, region),))


def _is_flapping_ignored(snapshot: Snapshot, position: Position) -> bool:
    """Whether a person named this guard in an order for the region."""
    return any(
        Hold.FLAPPING.value in override.ignore_guards
        and override.concerns(position.service, position.region, pool=position.pool)
        for override in snapshot.overrides
    )


@dataclass(frozen=True, slots=True)
class _HealthInput:
    """What a service's standings by health rest on."""

    snapshot: Snapshot
    service: str
    health: Mapping[str, RegionHealth]
    isolated: str | None


def _by_health(seen: _HealthInput, region: str, kept: Collection[str]) -> RegionEligibility:
    """A region's standing in every pool of the service that has it, unless somebody orders."""
    health = seen.health[region]
    match health.verdict:
        case Verdict.DOWN:
            held = _why_not_out(seen, region, kept)
            return (
                _kept(held)
                if held
                else RegionEligibility(Permission.OUT, "region_down", health.why)
            )
        case Verdict.UNKNOWN if seen.isolated is not None:
            return _kept(Held(Hold.SELF_ISOLATED, seen.isolated, region))
        case Verdict.UNKNOWN:
            return _kept(Held(Hold.UNKNOWN_HEALTH, health.why, region))
        case Verdict.UP if health.suspect_since is not None:
            failing_s = seen.snapshot.now - health.suspect_since
            why = f"probes began to fail {failing_s:.1f} s ago"
            held = Held(Hold.WITHIN_HYSTERESIS, why, region)
            return RegionEligibility(Permission.IN, "serving", health.why, (held,))
        case Verdict.UP:
            return RegionEligibility(Permission.IN, "serving", health.why)


def _why_not_out(seen: _HealthInput, region: str, kept: Collection[str]) -> Held | None:
    """What keeps a region in service that is down, if anything does."""
    panic = seen.snapshot.memory.of(seen.service).panic
    if panic is not None and seen.health[region].agreeing_parties < _PANIC_PARTIES:
        return Held(Hold.PANIC, refusals.panic_detail(seen.health.values()), region)
    return refusals.too_many_drains(seen.snapshot, region) if region in kept else None


def _failed_over(order: Override) -> RegionEligibility:
    return RegionEligibility(
        Permission.OUT, "failover", f"failover by {order.author}: {order.reason}"
    )


def _kept(held: Held) -> RegionEligibility:
    return RegionEligibility(Permission.KEEP, held.reason.value, held.detail, (held,))
