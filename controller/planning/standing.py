"""Which regions of a pool may carry traffic now, and why the others may not.

`IN` may be given its share (or the share a person pinned), `OUT` must carry nothing, `KEEP` keeps
what it has: nobody knows enough to move it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from controller.model.decision import Held, Hold, Shares, Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.model.overrides import OverrideKind
from controller.planning import guard
from controller.planning.health.flapping import wait_s

_SECOND_SOURCE = 2
"""Independent parties (vantage points, Route 53) that must call a region down for it to be
believed during a panic."""


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
    """`serving`, `pin`, `region_down`, `flapping`, `failover`, `drain`, `missing`, or the hold that
    keeps it as it is."""
    why: str
    held: tuple[Held, ...] = ()
    """What keeps it from moving as it would, or as somebody ordered."""
    share: float | None = None
    """What a person pinned it at; None: as placement finds best."""


def standings(
    snapshot: Snapshot,
    service_name: str,
    health: Mapping[str, RegionHealth],
    before: Mapping[str, Shares],
    *,
    isolated: str | None,
    kept: Collection[str],
) -> dict[str, dict[str, Standing]]:
    """Pool to region to standing, by health and failovers alone; see `orders` for the rest.

    `isolated`: why our own vantage point sees nothing, if it does not. `kept`: regions that may not
    be drained now, though they are down.
    """
    service = snapshot.settings.services[service_name]
    stands = {}
    for pool_name, pool in service.pools.items():
        positions = [Position(service_name, pool_name, region) for region in pool.regions]
        split = before[pool_name]
        stands[pool_name] = {
            position.region: _standing(snapshot, position, health, split, isolated, kept)
            for position in positions
        }
        _keep_flapping_out(snapshot, positions, stands[pool_name], split)
    return stands


def _keep_flapping_out(
    snapshot: Snapshot, positions: Iterable[Position], stand: dict[str, Standing], before: Shares
) -> None:
    """Whoever failed too often waits before it is let in again, as long as others serve."""
    damped = {
        position.region: flaps
        for position in positions
        if (flaps := snapshot.memory.flaps.get((position.service, position.region))) is not None
        if flaps.damped and not _let_in(snapshot, position)
        if stand[position.region].may is May.IN and before[position.region] == 0
    }
    if all(s.may is May.OUT or region in damped for region, s in stand.items()):
        return
    limits = snapshot.settings.guards.flapping
    for region, flaps in damped.items():
        why = (
            f"failed {flaps.penalty:.1f} times lately, older failures counting less; "
            f"let in again in {wait_s(flaps, limits) / 60:.0f} min if it fails no more"
        )
        stand[region] = Standing(May.OUT, "flapping", why, (Held(Hold.FLAPPING, why, region),))


def _let_in(snapshot: Snapshot, position: Position) -> bool:
    """Whether a person named this guard in an order for the region."""
    return any(
        Hold.FLAPPING.value in override.ignore_guards
        and override.concerns(position.service, position.region, pool=position.pool)
        for override in snapshot.overrides
    )


def _standing(
    snapshot: Snapshot,
    position: Position,
    health: Mapping[str, RegionHealth],
    before: Shares,
    isolated: str | None,
    kept: Collection[str],
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
        case Verdict.DOWN:
            held = _why_not_out(snapshot, position, health, kept)
            return _kept(held) if held else Standing(May.OUT, "region_down", seen.why)
        case Verdict.UNKNOWN if isolated is not None:
            return _kept(Held(Hold.SELF_ISOLATED, isolated, region))
        case Verdict.UNKNOWN:
            return _kept(Held(Hold.UNKNOWN_HEALTH, seen.why, region))
        case Verdict.UP if seen.suspect_since is not None:
            failing_s = snapshot.now - seen.suspect_since
            held = Held(
                Hold.WITHIN_HYSTERESIS, f"probes began to fail {failing_s:.1f} s ago", region
            )
            return Standing(May.IN, "serving", seen.why, (held,))
        case Verdict.UP:
            return Standing(May.IN, "serving", seen.why)


def _why_not_out(
    snapshot: Snapshot,
    position: Position,
    health: Mapping[str, RegionHealth],
    kept: Collection[str],
) -> Held | None:
    """What keeps a region in service that is down, if anything does."""
    service, pool, region = position
    if service in snapshot.memory.panic and health[region].backing < _SECOND_SOURCE:
        return Held(Hold.PANIC, guard.panic_detail(health.values()), region)
    if region in kept and Hold.BLAST_RADIUS not in guard.named(snapshot, service, pool):
        return guard.too_many_drains(snapshot, region)
    return None


def _kept(held: Held) -> Standing:
    return Standing(May.KEEP, held.reason.value, held.detail, (held,))


def pinned(stand: Mapping[str, Standing]) -> dict[str, float]:
    """The shares that persons pinned, in proportion where they are more than the whole."""
    shares = {r: s.share for r, s in stand.items() if s.may is May.IN and s.share is not None}
    total = sum(shares.values())
    return {region: share / max(1.0, total) for region, share in shares.items()}
