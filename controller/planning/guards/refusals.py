"""The guards: one function per reason not to write a plan. Each returns the hold, or None.

`guarded_plans` applies them to a service's plans.

Guards bind users, too: an order overrides a guard only by naming it. Few guards hold an emergency
drain: `state_unread`, `frozen`, `startup`, `panic`, `blast_radius`, `last_region`. Each docstring
gives the guard's scope (what it holds) and its end (when it stops by itself); ARCHITECTURE.md,
*Deciding*, has all of them in one table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from controller.model.configuration import DriftPolicy, Mode
from controller.model.decision import GUARD_HOLDS, Held, Hold, PoolPlan, Snapshot
from controller.model.levers import Position
from controller.model.overrides import OverrideKind
from controller.planning import drift
from controller.planning.account.reasons import guard_rules
from controller.planning.guards.blast_radius import is_resend, used_batches
from controller.planning.guards.ignored_guards import ignored_guards
from controller.planning.guards.startup import automatic_drains, first_plan_refusal, missing_data
from controller.planning.guards.way_back import fault_hold, leak_refusal, standing_holds
from controller.planning.levers.registry import lever_of


@dataclass(frozen=True, slots=True)
class GuardInput:
    """A pool's plan, and what guards must know about it."""

    plan: PoolPlan
    automatic_drains: tuple[str, ...]
    """Regions that the plan drains because the daemon calls them down."""
    ignored: Collection[str]
    """Guards named by the orders that concern this pool."""
    drift: tuple[Position, ...]
    """The pool's drifted positions."""
    missing_data: Held | None = None
    """The hold for too little data since the start; None: the data suffice."""
    unconfirmed: Collection[str] = ()
    """Regions that the first plans of all services would drain and that need confirmation."""
    is_resend: bool = False
    """Whether all its changes were sent before with an unknown outcome."""

    @property
    def urgent(self) -> bool:
        """Whether traffic must leave a region now, because it failed or a user ordered it."""
        return self.plan.emergency or self.plan.by_person


def guarded_plans(
    snapshot: Snapshot,
    service: str,
    plans: Iterable[PoolPlan],
    drifted_positions: Collection[Position],
    unconfirmed: Mapping[str, Collection[str]],
) -> tuple[PoolPlan, ...]:
    """The plans of a service; each with its changes, or held and with the same as `withheld`.

    `unconfirmed`: service to the drains of its first plan that a person must confirm.
    """
    if service not in snapshot.observed:
        return tuple(plans)
    of_all = {r for regions in unconfirmed.values() for r in regions}
    missing = missing_data(snapshot, service)
    found = []
    for plan in plans:
        standing, held = standing_holds(snapshot, service, plan.pool), None
        if plan.changes:
            guard_input = GuardInput(
                plan,
                automatic_drains=tuple(sorted(automatic_drains([plan]))),
                ignored=ignored_guards(snapshot, service, plan.pool),
                drift=tuple(p for p in drifted_positions if p.pool == plan.pool),
                missing_data=missing,
                unconfirmed=of_all if unconfirmed.get(service) else (),
                is_resend=is_resend(snapshot.memory.of(service), plan.changes),
            )
            held = first_refusal(snapshot, guard_input)
        found.append(_with_holds(plan, standing, held))
    return tuple(found)


def _with_holds(plan: PoolPlan, standing: tuple[Held, ...], refusal: Held | None) -> PoolPlan:
    """The plan with its standing holds, said without changes, too, and without what is refused."""
    plan = replace(plan, held=(*plan.held, *standing))
    if refusal is None:
        return plan
    return replace(
        plan,
        after=plan.before,
        rules=(*plan.rules, *guard_rules(plan, refusal)),
        held=plan.held if refusal in plan.held else (*plan.held, refusal),
        changes=(),
        withheld=plan.changes,
    )


def first_refusal(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """The hold of the first guard that refuses the plan; None: it may be written now.

    A guard of `GUARD_HOLDS` that an order names is ignored.
    """
    for guard in (
        state_unread,
        frozen,
        startup,
        residency,
        misconfigured,
        contested,
        drifted,
        blast_radius,
        dry_run,
    ):
        held = guard(snapshot, guard_input)
        if held is not None and not (
            held.reason in GUARD_HOLDS and held.reason in guard_input.ignored
        ):
            return held
    return None


def state_unread(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """The state file is not read yet: orders in it, such as a freeze, may forbid the plan.

    Scope: all services; no order overrides it. End: the state file was read.
    """
    return Held(Hold.STATE_UNREAD, snapshot.unread) if snapshot.unread else None


def frozen(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """A user froze changes.

    Scope: what the freeze names: all, a service or a pool. End: the freeze's own.
    """
    for override in snapshot.overrides:
        concerned = override.applies_to(guard_input.plan.service, pool=guard_input.plan.pool)
        if override.kind is OverrideKind.FREEZE and concerned:
            return Held(Hold.FROZEN, f"frozen by {override.author}: {override.reason}")
    return None


def startup(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """Too little data since the start, or first plans that would drain too many regions.

    Scope: without data, the service; for first plans, the services whose drains need confirmation.
    End: without data, two minutes after `startup_data_s`; for first plans, a user's confirmation,
    or at most one region left to drain (`planning.guards.startup`).
    """
    if guard_input.missing_data is not None:
        return guard_input.missing_data
    if not set(guard_input.unconfirmed).intersection(guard_input.automatic_drains):
        return None
    return first_plan_refusal(guard_input.unconfirmed)


def residency(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """Users of the pool could reach an unlawful region: only urgent drains go on.

    These are safe because the daemon writes to the pool's lawful regions only. No order overrides
    this guard, because no order makes the other region lawful.

    Scope: the pool. End: the records lead to lawful regions only.
    """
    return (
        None
        if guard_input.urgent
        else leak_refusal(snapshot, guard_input.plan.service, guard_input.plan.pool)
    )


def misconfigured(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """Weighted records or endpoint groups are missing, extra or unlawful: only urgent drains go on.

    What stands there is a mistake of the set-up, which no waiting cures. No order overrides this
    guard.

    Scope: the pool. End: they are as the settings say.
    """
    return (
        None
        if guard_input.urgent
        else fault_hold(snapshot, guard_input.plan.service, guard_input.plan.pool)
    )


def contested(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """Another controller reverts our writes: the daemon stops instead of fighting it.

    Scope: the pool. End: its levers are as we left them.
    """
    service, pool = guard_input.plan.service, guard_input.plan.pool
    memory = snapshot.memory.of(service)
    if guard_input.urgent or not guard_input.drift or not drift.is_contested(memory, pool):
        return None
    lever = lever_of(snapshot.settings.services[service])
    detail = (
        f"another controller changes this {lever.target_word}: "
        f"{memory.reverted[pool]} of our writes in a row were changed back within "
        f"{drift.REVERT_WINDOW_S / 60:g} min each, last {guard_input.drift[0]}; "
        "held until it is as we left it"
    )
    return Held(Hold.CONTESTED, detail)


def drifted(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """Another party changed a lever of this pool. Urgent drains do not wait.

    Scope: the pool. End: `hold_s` after the change (policy `hold`), at once (`enforce`), or when
    placement wants another split than at adoption (`adopt`).
    """
    limits = snapshot.settings.guards.drift
    if guard_input.urgent:
        return None
    if limits.policy is DriftPolicy.ADOPT:
        return _adopted_hold(snapshot, guard_input)
    hold_s = limits.hold_s if limits.policy is DriftPolicy.HOLD else 0.0
    for position in guard_input.drift:
        since = snapshot.memory.of(position.service).drift_since
        seen_for = snapshot.now - since.get(position, snapshot.now)
        if seen_for < hold_s:
            detail = (
                f"{position} was changed by someone else {seen_for:.0f} s ago; holding {hold_s:g} s"
            )
            return Held(Hold.DRIFT, detail)
    return None


def _adopted_hold(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    memory = snapshot.memory.of(guard_input.plan.service)
    if not guard_input.drift and not drift.is_adopted(memory, guard_input.plan):
        return None
    cause = (
        f"{guard_input.drift[0]} was changed by someone else"
        if guard_input.drift
        else "not our split"
    )
    return Held(Hold.DRIFT, f"{cause}: adopted, kept until something else asks for another split")


def blast_radius(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """Too many batches of writes in five minutes. Batches that a user ordered do not count.

    Emergency batches have an allowance of the same size and are counted apart, so that other writes
    never use it up. The limit of drained regions is
    `blast_radius.too_many_drains`.

    Scope: all services, except the first batch of each. End: five minutes after the oldest batch
    that counts (`planning.guards.blast_radius`).
    """
    if guard_input.plan.by_person or guard_input.is_resend:
        return None
    allowed, urgent = snapshot.settings.guards.writes_per_5_min, guard_input.plan.emergency
    used = used_batches(snapshot.memory, guard_input.plan.service, snapshot.now, urgent=urgent)
    if used < allowed:
        return None
    what = "emergency batches" if urgent else "batches"
    return Held(Hold.BLAST_RADIUS, f"{used} of {allowed} {what} allowed in 5 min are used up")


def dry_run(snapshot: Snapshot, guard_input: GuardInput) -> Held | None:
    """Mode `dry_run`, of all services or of this one: decisions are made and not written.

    Scope: all, or the service. End: other settings.
    """
    if snapshot.settings.mode is Mode.DRY_RUN:
        return Held(Hold.DRY_RUN, "mode is dry_run: nothing is written")
    name = guard_input.plan.service
    if snapshot.settings.services[name].mode is Mode.DRY_RUN:
        detail = f"services.{name}.mode is dry_run: nothing of this service is written"
        return Held(Hold.DRY_RUN, detail)
    return None
