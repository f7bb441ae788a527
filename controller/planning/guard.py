"""The reasons for which a plan is refused. One function per reason; each answers with a value.

Guards bind people too: an override outranks one only by naming it. What binds an emergency drain
is kept short on purpose: `frozen`, `startup`, `panic`, `blast_radius`, `last_region`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from math import ceil

from controller.model.configuration import Mode
from controller.model.decision import Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.model.overrides import OverrideKind

_ENOUGH_TARGETS = 0.9
"""Part of the required endpoints that must have answered before the first write."""
BATCH_WINDOW_S = 300
DRAIN_WINDOW_S = 3600


@dataclass(frozen=True, slots=True)
class Intent:
    """A pool's plan, and what a guard must know of it."""

    plan: PoolPlan
    automatic_drains: tuple[str, ...]
    """Regions whose traffic leaves because the daemon calls them down."""
    ignored: Collection[str]
    """Guards named by the overrides that concern this pool."""
    drift: tuple[Position, ...]

    @property
    def urgent(self) -> bool:
        """Whether traffic must leave a region now, because it failed or a person says so."""
        return self.plan.emergency or self.plan.by_person


Guard = Callable[[Snapshot, Intent], Held | None]


def first_refusal(snapshot: Snapshot, intent: Intent) -> Held | None:
    """The first guard that refuses to let the plan be written now, if any."""
    for guard in (frozen, startup, structure, drifted, blast_radius, dry_run):
        held = guard(snapshot, intent)
        if held is not None and held.reason.value not in intent.ignored:
            return held
    return None


def frozen(snapshot: Snapshot, intent: Intent) -> Held | None:
    """A person stopped all changes."""
    for override in snapshot.overrides:
        if override.kind is OverrideKind.FREEZE and override.concerns(intent.plan.service):
            return Held(Hold.FROZEN, f"frozen by {override.author}: {override.reason}")
    return None


def startup(snapshot: Snapshot, intent: Intent) -> Held | None:
    """Too little was seen since the start to act on."""
    need = snapshot.settings.guards.startup_data_s
    have = snapshot.now - snapshot.started_at
    if have < need:
        return Held(Hold.STARTUP, f"{have:.1f} of {need:g} s of data since the start")
    seen = snapshot.health.get(snapshot.settings.vantage.name, {})
    required = [i for i, endpoint in snapshot.settings.endpoints() if endpoint.required]
    probed = sum(i in seen and seen[i].last_result_at is not None for i in required)
    if probed < _ENOUGH_TARGETS * len(required):
        return Held(Hold.STARTUP, f"only {probed} of {len(required)} endpoints were ever probed")
    return None


def structure(snapshot: Snapshot, intent: Intent) -> Held | None:
    """Leaves or groups are missing, extra or unlawful: only urgent drains happen there."""
    observed = snapshot.observed[intent.plan.service]
    faults = observed.faults.get(intent.plan.pool, ())
    if not faults or intent.urgent:
        return None
    return Held(Hold.STRUCTURE, "; ".join(faults))


def drifted(snapshot: Snapshot, intent: Intent) -> Held | None:
    """Someone else changed a lever of this pool: give them time. Urgent drains do not wait."""
    hold_s = snapshot.settings.guards.drift.hold_s
    for position in intent.drift:
        seen_for = snapshot.now - snapshot.memory.drift_since.get(position, snapshot.now)
        if seen_for < hold_s and not intent.urgent:
            detail = (
                f"{position} was changed by someone else {seen_for:.0f} s ago; holding {hold_s:g} s"
            )
            return Held(Hold.DRIFT, detail)
    return None


def blast_radius(snapshot: Snapshot, intent: Intent) -> Held | None:
    """A loop gone mad is stopped by its own rate. Moves that a person ordered do not count."""
    if intent.plan.by_person:
        return None
    limits, now = snapshot.settings.guards, snapshot.now
    batches = sum(now - at < BATCH_WINDOW_S for at in snapshot.memory.batches)
    if batches >= limits.writes_per_5_min:
        detail = f"{batches} of {limits.writes_per_5_min} batches allowed in 5 min are used up"
        return Held(Hold.BLAST_RADIUS, detail)
    lately = [region for at, region in snapshot.memory.drains if now - at < DRAIN_WINDOW_S]
    if intent.automatic_drains and len(lately) >= limits.auto_drains_per_h:
        detail = (
            f"{len(lately)} of {limits.auto_drains_per_h} drains allowed in an hour are used up"
        )
        return Held(Hold.BLAST_RADIUS, f"{detail}: {', '.join(lately)}")
    return None


def dry_run(snapshot: Snapshot, intent: Intent) -> Held | None:
    """Deciding without acting, as configured."""
    if snapshot.settings.mode is Mode.DRY_RUN:
        return Held(Hold.DRY_RUN, "mode is dry_run: nothing is written")
    return None


def too_few_active(snapshot: Snapshot, regions: int, would_remain: int, region: str) -> Held | None:
    """A person's drain must leave enough regions of the pool serving."""
    need = max(1, ceil(regions * snapshot.settings.guards.min_active_ratio))
    if would_remain >= need:
        return None
    detail = (
        f"draining {region} would leave {would_remain} of {regions} regions serving, {need} needed"
    )
    return Held(Hold.MIN_ACTIVE, detail, region)


def is_panic(snapshot: Snapshot, service: str, regions: Iterable[RegionHealth]) -> bool:
    """Whether too many regions of a service turned suspect at once to believe it.

    Begins when more than `panic_ratio` of them turn suspect within the window, and lasts while more
    than that remain suspect.
    """
    limits = snapshot.settings.guards
    since = [region.suspect_since for region in regions]
    suspect = [at for at in since if at is not None]
    limit = limits.panic_ratio * len(since)
    if service in snapshot.memory.panic:
        return len(suspect) > limit
    lately = [at for at in suspect if snapshot.now - at <= limits.panic_window_s]
    return len(lately) > limit


def panic_detail(regions: Collection[RegionHealth]) -> str:
    """The panic in numbers."""
    suspect = sum(region.suspect_since is not None for region in regions)
    return (
        f"{suspect} of {len(regions)} regions turned suspect at once, and no second source agrees: "
        "left to AWS's own health checks"
    )
