"""How a decision's memory follows the settings, and the writes of the cycle.

At every decision the settings that a memory was learned under are compared with the present ones.
So a reload needs no special step, and a preview of other settings decides as they would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from controller.model.configuration import Service, Settings
from controller.model.decision import Decision, PoolPlan, Snapshot, WriteResult
from controller.model.levers import Change, OutcomeStatus, Position
from controller.model.memory import (
    NO_FINGERPRINT,
    NO_SERVICE_MEMORY,
    Memory,
    ServiceMemory,
    SettingsFingerprint,
)
from controller.planning.drift import after_reasserting
from controller.planning.guards.blast_radius import is_resend, recent_batches, recent_drains
from controller.planning.guards.startup import UNPROBED_WAIT_S, automatic_drains
from controller.planning.levers.registry import lever_of
from controller.planning.shares import SHARE_TOLERANCE
from controller.planning.write_results import applied_positions

K = TypeVar("K")
V = TypeVar("V")


def fitted_to_settings(snapshot: Snapshot) -> Memory:
    """The snapshot's memory, reduced to the services, pools, regions and levers of the settings.

    What concerns removed places is dropped. Where a service now has other levers, what concerns
    levers is dropped; what is known of its regions' health stays. A new service begins now, or at
    the daemon's start in the first decision.
    """
    memory = snapshot.memory
    since = snapshot.now if memory.services else snapshot.started_at
    services = {
        name: _following_settings(
            memory.services.get(name, replace(NO_SERVICE_MEMORY, since=since)), name, service
        )
        for name, service in snapshot.settings.services.items()
    }
    is_unchanged = services.keys() == memory.services.keys() and all(
        services[name] is earlier for name, earlier in memory.services.items()
    )
    return memory if is_unchanged else replace(memory, services=services)


def with_services(memory: Memory, services: Mapping[str, ServiceMemory]) -> Memory:
    """The memory with those of these services replaced."""
    return replace(memory, services={**memory.services, **services})


def learned_under(service: Service) -> SettingsFingerprint:
    """The settings of a service that its memory depends on."""
    lever = lever_of(service)
    places = repr(
        (list(service.regions), [(name, pool.regions) for name, pool in service.pools.items()])
    )
    digest = hashlib.sha256(places.encode()).hexdigest()[:16]
    return SettingsFingerprint(lever.identity(service), digest, lever.assumptions(service))


def has_same_lever(position: Position, old: Settings, new: Settings) -> bool:
    """Whether a position stands for the same records or endpoint groups under both settings."""
    before, after = old.services.get(position.service), new.services.get(position.service)
    if before is None or after is None:
        return False
    pools = [service.pools.get(position.pool) for service in (before, after)]
    is_in_both = all(pool is not None and position.region in pool.regions for pool in pools)
    return is_in_both and learned_under(before).lever == learned_under(after).lever


def _following_settings(memory: ServiceMemory, name: str, service: Service) -> ServiceMemory:
    """A service's memory under its present settings."""
    was, now = memory.learned_under, learned_under(service)
    if was == now:
        return memory
    if was == NO_FINGERPRINT:
        return replace(_within_settings(memory, name, service), learned_under=now)
    if was.lever != now.lever:
        memory = _without_levers(memory)
    memory = _within_settings(replace(memory, nearest={}, learned_at=None), name, service)
    return replace(memory, learned_under=now, closed_is_warming_up=True)


def _without_levers(memory: ServiceMemory) -> ServiceMemory:
    """What stays when the service has other records or endpoint groups."""
    return ServiceMemory(
        since=memory.since,
        begun=memory.begun,
        panic=memory.panic,
        batches=memory.batches,
        emergencies=memory.emergencies,
        drains=memory.drains,
        degraded=memory.degraded,
        flaps=memory.flaps,
    )


def _within_settings(memory: ServiceMemory, name: str, service: Service) -> ServiceMemory:
    """The part that concerns regions, pools and positions of the service."""

    def is_place(position: Position) -> bool:
        pool = service.pools.get(position.pool)
        return position.service == name and pool is not None and position.region in pool.regions

    def is_pool(pool: str) -> bool:
        return pool in service.pools

    def is_region(region: str) -> bool:
        return region in service.regions

    nearest = memory.nearest.keys()
    is_of_a_pool = any(nearest == set(pool.regions) for pool in service.pools.values())
    return replace(
        memory,
        nearest=memory.nearest if is_of_a_pool else {},
        drift_since=_filtered(memory.drift_since, is_place),
        reasserted=_filtered(memory.reasserted, is_pool),
        reverted=_filtered(memory.reverted, is_pool),
        adopted=_filtered(memory.adopted, is_pool),
        last_rise=_filtered(memory.last_rise, is_place),
        warming_up=frozenset(filter(is_place, memory.warming_up)),
        aborted=_filtered(memory.aborted, is_place),
        drains=_filtered(memory.drains, is_region),
        degraded=_filtered(memory.degraded, is_region),
        flaps=_filtered(memory.flaps, is_region),
        doubtful=frozenset(c for c in memory.doubtful if is_place(c.position)),
    )


def _filtered(by_key: Mapping[K, V], is_kept: Callable[[K], bool]) -> dict[K, V]:
    return {key: value for key, value in by_key.items() if is_kept(key)}


def after_cycle(decision: Decision, written: Sequence[WriteResult], now: float) -> Memory:
    """The memory for the next decision, after this decision's writes.

    A write of unknown outcome counts as sent; a refused one does not. Of a plan only the part that
    was sent counts: the rest waits, such as for a zone that still answers an earlier write.
    """
    sent = [write for write in written if write.outcome.status is not OutcomeStatus.REFUSED]
    changes = {change for write in sent for change in write.changes}
    plans = [
        replace(plan, changes=part)
        for plan in decision.plans
        if (part := tuple(change for change in plan.changes if change in changes))
    ]
    memory = after_writing(decision.memory, plans, now)
    memory = after_outcomes(memory, decision.plans, written)
    return after_reasserting(memory, decision, applied_positions(written), now)


def after_writing(memory: Memory, sent: Iterable[PoolPlan], now: float) -> Memory:
    """The memory after these plans were sent to AWS and applied, or may have been."""
    by_service: dict[str, list[PoolPlan]] = {}
    for plan in sent:
        by_service.setdefault(plan.service, []).append(plan)
    return with_services(
        memory, {s: _after_writing(memory.of(s), plans, now) for s, plans in by_service.items()}
    )


def _after_writing(memory: ServiceMemory, sent: list[PoolPlan], now: float) -> ServiceMemory:
    """The same for one service. Only automatic plans count against the blast radius."""
    rises = {
        Position(plan.service, plan.pool, region): now
        for plan in sent
        for region, share in plan.after.items()
        if share > plan.before[region] + SHARE_TOLERANCE
    }
    automatic = [p for p in sent if not (p.by_person or is_resend(memory, p.changes))]
    return replace(
        memory,
        last_rise={**memory.last_rise, **rises},
        batches=(*recent_batches(memory.batches, now), *([now] if automatic else ())),
        emergencies=(
            *recent_batches(memory.emergencies, now),
            *([now] if any(plan.emergency for plan in automatic) else ()),
        ),
        drains={
            **recent_drains(memory, now),
            **dict.fromkeys(sorted(_sent_drains(automatic)), now),
        },
    )


def _sent_drains(plans: Iterable[PoolPlan]) -> set[str]:
    """Regions that these plans drain automatically by what they change."""
    return {
        region
        for plan in plans
        for region in automatic_drains([plan])
        if region in {change.position.region for change in plan.changes}
    }


def after_outcomes(
    memory: Memory, plans: Iterable[PoolPlan], written: Iterable[WriteResult]
) -> Memory:
    """The memory with `doubtful`: the changes whose outcome is unknown.

    A change stays there while it is wanted and has no outcome: it is held, or still being sent.
    """
    results = list(written)
    unknown = {c for w in results if w.outcome.status is OutcomeStatus.UNKNOWN for c in w.changes}
    answered = {change for write in results for change in write.changes}
    waiting = {
        change
        for plan in plans
        for change in (*plan.withheld, *(c for c in plan.changes if c not in answered))
    }
    services = {
        name: replace(earlier, doubtful=_doubtful(name, earlier, unknown, waiting))
        for name, earlier in memory.services.items()
    }
    return replace(memory, services=services)


def _doubtful(
    service: str, memory: ServiceMemory, unknown: set[Change], waiting: set[Change]
) -> frozenset[Change]:
    own = {change for change in unknown if change.position.service == service}
    return frozenset(own | (memory.doubtful & waiting))


def wake_at(snapshot: Snapshot, waits: Iterable[float]) -> float | None:
    """The next time at which the decision may change by itself, monotonic seconds; None: never."""
    guards, now = snapshot.settings.guards, snapshot.now
    services = snapshot.memory.services.values()
    times = [
        *(s.since + guards.startup_data_s for s in services),
        *(s.since + guards.startup_data_s + UNPROBED_WAIT_S for s in services if not s.begun),
        *(at + guards.drift.hold_s for s in services for at in s.drift_since.values()),
        *(s.panic + guards.panic_window_s for s in services if s.panic is not None),
        *(now + wait for wait in waits),
    ]
    return min((at for at in times if at > now), default=None)
