"""The reasons for which a plan is refused. One function per reason; each answers with a value.

Guards bind people too: an override outranks one only by naming it. What binds an emergency drain
is kept short on purpose: `state_unread`, `frozen`, `startup`, `panic`, `blast_radius` and
`last_region`. Each guard says its scope, what its cause may hold, and its end, when it lets go by
itself; all of
them are a table in ARCHITECTURE.md, *Deciding*.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from math import ceil

from controller.model.configuration import DriftPolicy, Mode
from controller.model.decision import GUARD_HOLDS, Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.model.overrides import OverrideKind
from controller.model.plural import counted
from controller.planning import drift
from controller.planning.guards.blast_radius import recently_drained_regions, used_batches
from controller.planning.guards.startup import first_plan_refusal
from controller.planning.levers.registry import lever_of
from controller.planning.residency.proof import describe_leak


@dataclass(frozen=True, slots=True)
class GuardInput:
    """A pool's plan, and what a guard must know of it."""

    plan: PoolPlan
    automatic_drains: tuple[str, ...]
    """Regions whose traffic leaves because the daemon calls them down."""
    ignored: Collection[str]
    """Guards named by the overrides that concern this pool."""
    drift: tuple[Position, ...]
    missing: Held | None = None
    """What too little data since the start hold it by."""
    unconfirmed: Collection[str] = ()
    """Regions that the first plans since the start would drain, over all services."""
    repeated: bool = False
    """Whether all its changes were sent before, and what became of them is not known."""

    @property
    def urgent(self) -> bool:
        """Whether traffic must leave a region now, because it failed or a person says so."""
        return self.plan.emergency or self.plan.by_person


Guard = Callable[[Snapshot, GuardInput], Held | None]


def first_refusal(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """The first guard that refuses to let the plan be written now, if any."""
    for guard in (
        state_unread,
        frozen,
        startup,
        residency,
        structure,
        contested,
        drifted,
        blast_radius,
        dry_run,
    ):
        held = guard(snapshot, intent)
        if held is not None and not (held.reason in GUARD_HOLDS and held.reason in intent.ignored):
            return held
    return None


def state_unread(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """Orders of before the start may forbid it, a freeze above all, and are not known yet.

    Scope: everything; no order outranks it. End: the state file was read.
    """
    return Held(Hold.STATE_UNREAD, snapshot.unread) if snapshot.unread else None


def frozen(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """A person stopped all changes.

    Scope: what the freeze names: all, a service or a pool. End: the freeze's own.
    """
    for override in snapshot.overrides:
        concerned = override.concerns(intent.plan.service, pool=intent.plan.pool)
        if override.kind is OverrideKind.FREEZE and concerned:
            return Held(Hold.FROZEN, f"frozen by {override.author}: {override.reason}")
    return None


def startup(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """Too little was seen since the start, or the first plan would do too much by itself.

    Scope: for want of data, the service; for first plans, the services whose drains wait. End: for
    want of data, two minutes after `startup_data_s`; for first plans, a person's word, or that no
    more than one region would be drained (`planning.beginning`).
    """
    if intent.missing is not None:
        return intent.missing
    if not set(intent.unconfirmed).intersection(intent.automatic_drains):
        return None
    return first_plan_refusal(intent.unconfirmed)


def residency(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """Its users could be answered an unlawful region: only urgent drains happen there.

    These stay inside the pool, for the daemon writes to its lawful regions only. No order outranks
    this, for none makes the other region lawful.

    Scope: the pool. End: the records lead nowhere else any more.
    """
    return None if intent.urgent else leak_refusal(snapshot, intent.plan.service, intent.plan.pool)


def leak_refusal(snapshot: Snapshot, service: str, pool: str) -> Held | None:
    """What a bound pool with leaks is held by, whether or not it has anything to change."""
    leaks = snapshot.observed[service].leaks.get(pool, ())
    if not leaks:
        return None
    ways = counted(len(leaks), "way")
    return Held(Hold.RESIDENCY, f"{ways} out of the lawful regions; {describe_leak(leaks[0])}")


def structure(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """Weighted records or groups are missing, extra or unlawful: only urgent drains happen there.

    Scope: the pool. End: they are as the settings say.
    """
    observed = snapshot.observed[intent.plan.service]
    faults = observed.faults.get(intent.plan.pool, ())
    if not faults or intent.urgent:
        return None
    return Held(Hold.STRUCTURE, "; ".join(faults))


def contested(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """Another party changes back what we write: two that steer one pool help no user.

    Scope: the pool. End: its levers are as we left them.
    """
    service, pool = intent.plan.service, intent.plan.pool
    memory = snapshot.memory.of(service)
    if intent.urgent or not intent.drift or not drift.is_contested(memory, pool):
        return None
    lever = lever_of(snapshot.settings.services[service])
    detail = (
        f"another controller changes this {lever.target_word}: "
        f"{memory.reverted[pool]} of our writes in a row were changed back within "
        f"{drift.REVERT_WINDOW_S / 60:g} min each, last {intent.drift[0]}; "
        "held until it is as we left it"
    )
    return Held(Hold.CONTESTED, detail)


def drifted(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """Another party changed a lever of this pool. Urgent drains do not wait.

    Scope: the pool. End: by the policy, `hold_s` after the change, at once, or when placement asks
    for another split than the one that was adopted.
    """
    limits = snapshot.settings.guards.drift
    if intent.urgent:
        return None
    if limits.policy is DriftPolicy.ADOPT:
        return _adopted(snapshot, intent)
    hold_s = limits.hold_s if limits.policy is DriftPolicy.HOLD else 0.0
    for position in intent.drift:
        since = snapshot.memory.of(position.service).drift_since
        seen_for = snapshot.now - since.get(position, snapshot.now)
        if seen_for < hold_s:
            detail = (
                f"{position} was changed by someone else {seen_for:.0f} s ago; holding {hold_s:g} s"
            )
            return Held(Hold.DRIFT, detail)
    return None


def _adopted(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    memory = snapshot.memory.of(intent.plan.service)
    if not intent.drift and not drift.is_adopted(memory, intent.plan):
        return None
    whose = f"{intent.drift[0]} was changed by someone else" if intent.drift else "not our split"
    return Held(Hold.DRIFT, f"{whose}: adopted, kept until something else asks for another split")


def blast_radius(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """A loop gone mad is stopped by its own rate. Moves that a person ordered do not count.

    What can wait never uses up what an emergency needs: that has as many batches of its own. How
    many regions may be drained is `too_many_drains`.

    Scope: all services, but for the first batch of each. End: five minutes after the oldest batch
    that counts; of drains, an hour (`planning.rate`).
    """
    if intent.plan.by_person or intent.repeated:
        return None
    allowed, urgent = snapshot.settings.guards.writes_per_5_min, intent.plan.emergency
    used = used_batches(snapshot.memory, intent.plan.service, snapshot.now, urgent=urgent)
    if used < allowed:
        return None
    what = "emergency batches" if urgent else "batches"
    return Held(Hold.BLAST_RADIUS, f"{used} of {allowed} {what} allowed in 5 min are used up")


def too_many_drains(snapshot: Snapshot, region: str) -> Held:
    """Why a region that is down is not drained: enough others were, lately."""
    lately = ", ".join(sorted(recently_drained_regions(snapshot.memory, snapshot.now)))
    allowed = snapshot.settings.guards.auto_drains_per_h
    most = f"{allowed} region{'s' if allowed > 1 else ''}"
    detail = (
        f"more than {most} would be drained automatically within an hour"
        f"{f', lately {lately}' if lately else ''}; a person may: gtc failover {region}"
    )
    return Held(Hold.BLAST_RADIUS, detail, region)


def ignored_guards(snapshot: Snapshot, service: str, pool: str) -> frozenset[str]:
    """The guards that persons named in their orders for this pool."""
    regions = snapshot.settings.services[service].pools[pool].regions
    return frozenset(
        name
        for override in snapshot.overrides
        if override.concerns(service, pool=pool) and override.region in regions
        for name in override.ignore_guards
    )


def dry_run(snapshot: Snapshot, intent: GuardInput) -> Held | None:
    """Deciding without acting, as configured for all or for this service.

    Scope: all, or the service. End: other settings.
    """
    if snapshot.settings.mode is Mode.DRY_RUN:
        return Held(Hold.DRY_RUN, "mode is dry_run: nothing is written")
    name = intent.plan.service
    if snapshot.settings.services[name].mode is Mode.DRY_RUN:
        detail = f"services.{name}.mode is dry_run: nothing of this service is written"
        return Held(Hold.DRY_RUN, detail)
    return None


def too_few_active(
    snapshot: Snapshot, regions: int, would_remain: int, what: str, region: str
) -> Held | None:
    """A person's drain or pin must leave enough regions of the pool serving.

    Scope: that order in that pool. End: enough others may serve, or the order's own end.
    """
    need = max(1, ceil(regions * snapshot.settings.guards.min_active_ratio))
    if would_remain >= need:
        return None
    detail = f"{what} would leave {would_remain} of {regions} regions serving, {need} needed"
    return Held(Hold.MIN_ACTIVE, detail, region)


def panic_at(snapshot: Snapshot, service: str, regions: Iterable[RegionHealth]) -> float | None:
    """When too many regions of a service were last suspect to believe it; None: no panic.

    Begins when more than `panic_ratio` of them turn suspect within the window. Lasts while more
    than that remain suspect, and for one window longer: regions come back one after the other, and
    the last of them is not the one that failed. One region alone is no "too many".

    Scope: the service. End: that window, a second source that agrees, or a failover by a person.
    """
    limits, now = snapshot.settings.guards, snapshot.now
    since = [region.suspect_since for region in regions]
    if len(since) < 2:
        return None
    suspect = [at for at in since if at is not None]
    limit = limits.panic_ratio * len(since)
    known = snapshot.memory.of(service).panic
    if known is not None:
        last = now if len(suspect) > limit else known
        return last if suspect and now - last < limits.panic_window_s else None
    lately = [at for at in suspect if now - at <= limits.panic_window_s]
    return now if len(lately) > limit else None


def panic_detail(regions: Collection[RegionHealth]) -> str:
    """The panic in numbers."""
    suspect = sum(region.suspect_since is not None for region in regions)
    return (
        f"too many regions turned suspect at once, {suspect} of {len(regions)} are, and no second "
        "source agrees: left to AWS's own health checks"
    )
