"""Which regions of a pool may carry traffic now, by health and failovers, and why the others not.

`planning.orders` adds drains and pins.
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
from controller.model.memory import FlapDamping
from controller.model.overrides import Override, OverrideKind
from controller.planning.guards.blast_radius import too_many_drains
from controller.planning.guards.ignored_guards import ignored_guards
from controller.planning.guards.panic import panic_detail
from controller.planning.health.flapping import reuse_wait_s

_PANIC_PARTIES = 2
"""Independent parties (vantage points, Route 53) that must call a region down during a panic."""


SET_UP_CAUSES = ("missing", Hold.MISCONFIGURED.value)
"""Causes of regions that are out because of how AWS is set up."""


class Permission(Enum):
    """What a region may do in a pool."""

    IN = auto()
    """It may serve: placement chooses its share, or a person pinned it."""
    OUT = auto()
    """It must carry nothing."""
    KEEP = auto()
    """It keeps its present share: too little is known to move it."""


@dataclass(frozen=True, slots=True)
class RegionEligibility:
    """What one region may do in one pool, and why.

    Invariant: `0 <= pinned_share <= 1`, and only with `permission == IN`.
    """

    permission: Permission
    cause: str
    """`serving`, `pin`, `region_down`, `flapping`, `failover`, `drain`, `missing`, `misconfigured`,
    or the hold because of which it keeps its share."""
    why: str
    held: tuple[Held, ...] = ()
    """Why it does not move as its health or an order requires."""
    pinned_share: float | None = None
    """The share that a person pinned; None: placement chooses it."""


class PoolEligibility(dict[str, RegionEligibility]):
    """Region to eligibility in one pool. Immutable: pools with the same regions share one."""

    def with_regions(self, changed: Mapping[str, RegionEligibility]) -> PoolEligibility:
        """A copy in which these regions are replaced; itself without any."""
        return PoolEligibility({**self, **changed}) if changed else self

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Regions whose share placement may choose."""
        return tuple(
            region
            for region, one in self.items()
            if one.permission is Permission.IN and one.pinned_share is None
        )

    @cached_property
    def out(self) -> tuple[str, ...]:
        """Regions that must carry nothing."""
        return tuple(r for r, one in self.items() if one.permission is Permission.OUT)

    @cached_property
    def has_kept(self) -> bool:
        """Whether some region keeps its present share."""
        return any(one.permission is Permission.KEEP for one in self.values())

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """The holds of all its regions."""
        return tuple(held for one in self.values() for held in one.held)

    @cached_property
    def pinned(self) -> Shares:
        """Region to pinned share, scaled down where they add up to more: `sum(pinned) <= 1`."""
        shares = self.pinned_as_ordered
        total = sum(shares.values())
        return {region: share / max(1.0, total) for region, share in shares.items()}

    @property
    def pinned_as_ordered(self) -> Shares:
        """Region to pinned share as persons ordered it; they may add up to more than 1."""
        return {
            region: one.pinned_share
            for region, one in self.items()
            if one.permission is Permission.IN and one.pinned_share is not None
        }


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
    """Pool to the eligibility of its regions, by health and failovers alone.

    `isolated`: why this vantage point's probes are no evidence; None: they are. `kept`: regions
    that may not be drained automatically now, though they are down.
    """
    service = snapshot.settings.services[service_name]
    health_input = _HealthInput(snapshot, service_name, health, isolated)
    by_region = {region: _by_health(health_input, region, kept) for region in service.regions}
    not_kept = {r: _by_health(health_input, r, ()) for r in kept if r in by_region}
    flaps = snapshot.memory.of(service_name).flaps
    damped = {region: one for region, one in flaps.items() if one.damped}
    shared: dict[tuple[str, ...], PoolEligibility] = {}
    found = {}
    for pool_name, pool in service.pools.items():
        name, split = (service_name, pool_name), before[pool_name]
        if pool.regions not in shared:
            shared[pool.regions] = PoolEligibility({r: by_region[r] for r in pool.regions})
        eligibility = shared[pool.regions]
        if len(split) < len(eligibility):
            missing = [region for region in pool.regions if region not in split]
            eligibility = eligibility.with_regions(dict.fromkeys(missing, _MISSING))
        if not_kept and Hold.BLAST_RADIUS in ignored_guards(snapshot, *name):
            drained = {region: one for region, one in not_kept.items() if region in split}
            eligibility = eligibility.with_regions(drained)
        eligibility = eligibility.with_regions(_failovers(snapshot, name, split))
        if damped:
            eligibility = _with_flapping_excluded(snapshot, name, damped, eligibility, split)
        found[pool_name] = _with_unknown_weights_excluded(snapshot, name, eligibility, split)
    return found


def _with_unknown_weights_excluded(
    snapshot: Snapshot, pool: PoolName, eligibility: PoolEligibility, before: Shares
) -> PoolEligibility:
    """Closed regions whose ratio of weights nobody knows stay out: none is guessed."""
    unknown = {
        position.region: text
        for position, text in snapshot.observed[pool[0]].unknown_weights.items()
        if position.pool == pool[1] and before.get(position.region) == 0
    }
    return eligibility.with_regions(
        {
            region: RegionEligibility(
                Permission.OUT,
                Hold.MISCONFIGURED.value,
                text,
                (Held(Hold.MISCONFIGURED, text, region),),
            )
            for region, text in unknown.items()
            if eligibility[region].permission is Permission.IN
        }
    )


def _failovers(snapshot: Snapshot, pool: PoolName, before: Shares) -> dict[str, RegionEligibility]:
    """Regions of the pool that failovers take out; of two for one region the earlier counts."""
    return {
        str(order.region): _failed_over(order)
        for order in reversed(snapshot.overrides)
        if order.kind is OverrideKind.FAILOVER
        and order.applies_to(pool[0], pool=pool[1])
        and order.region in before
    }


def _with_flapping_excluded(
    snapshot: Snapshot,
    pool: PoolName,
    damped: Mapping[str, FlapDamping],
    eligibility: PoolEligibility,
    before: Shares,
) -> PoolEligibility:
    """Damped regions without traffic stay out, as long as some other region may serve."""
    suppressed = {
        region: flaps
        for region, flaps in damped.items()
        if region in before
        and before[region] == 0
        and eligibility[region].permission is Permission.IN
        and not _is_flapping_ignored(snapshot, Position(*pool, region))
    }
    if all(r in suppressed or one.permission is Permission.OUT for r, one in eligibility.items()):
        return eligibility
    limits = snapshot.settings.guards.flapping
    return eligibility.with_regions(
        {region: _excluded_for_flapping(region, f, limits) for region, f in suppressed.items()}
    )


def _excluded_for_flapping(
    region: str, flaps: FlapDamping, limits: FlappingSettings
) -> RegionEligibility:
    why = (
        f"failed {flaps.penalty:.1f} times lately, older failures counting less; "
        f"let in again in {reuse_wait_s(flaps, limits) / 60:.0f} min if it fails no more"
    )
    return RegionEligibility(Permission.OUT, "flapping", why, (Held(Hold.FLAPPING, why, region),))


def _is_flapping_ignored(snapshot: Snapshot, position: Position) -> bool:
    """Whether an order for the region names the flapping guard."""
    return any(
        Hold.FLAPPING.value in override.ignore_guards
        and override.applies_to(position.service, position.region, pool=position.pool)
        for override in snapshot.overrides
    )


@dataclass(frozen=True, slots=True)
class _HealthInput:
    """What a service's eligibility by health is computed from."""

    snapshot: Snapshot
    service: str
    health: Mapping[str, RegionHealth]
    isolated: str | None


def _by_health(health_input: _HealthInput, region: str, kept: Collection[str]) -> RegionEligibility:
    """A region's eligibility in every pool of the service that has it, without orders."""
    health = health_input.health[region]
    match health.verdict:
        case Verdict.DOWN:
            held = _why_not_out(health_input, region, kept)
            return (
                _kept(held)
                if held
                else RegionEligibility(Permission.OUT, "region_down", health.why)
            )
        case Verdict.UNKNOWN if health_input.isolated is not None:
            return _kept(Held(Hold.SELF_ISOLATED, health_input.isolated, region))
        case Verdict.UNKNOWN:
            return _kept(Held(Hold.UNKNOWN_HEALTH, health.why, region))
        case Verdict.UP if health.suspect_since is not None:
            failing_s = health_input.snapshot.now - health.suspect_since
            why = f"probes began to fail {failing_s:.1f} s ago"
            held = Held(Hold.WITHIN_HYSTERESIS, why, region)
            return RegionEligibility(Permission.IN, "serving", health.why, (held,))
        case Verdict.UP:
            return RegionEligibility(Permission.IN, "serving", health.why)


def _why_not_out(health_input: _HealthInput, region: str, kept: Collection[str]) -> Held | None:
    """Why a region that is down stays in service; None: it leaves."""
    snapshot, health = health_input.snapshot, health_input.health
    panic = snapshot.memory.of(health_input.service).panic
    if panic is not None and health[region].agreeing_parties < _PANIC_PARTIES:
        return Held(Hold.PANIC, panic_detail(health.values()), region)
    return too_many_drains(snapshot, region) if region in kept else None


def _failed_over(order: Override) -> RegionEligibility:
    return RegionEligibility(
        Permission.OUT, "failover", f"failover by {order.author}: {order.reason}"
    )


def _kept(held: Held) -> RegionEligibility:
    return RegionEligibility(Permission.KEEP, held.reason.value, held.detail, (held,))
