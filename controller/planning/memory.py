"""How a decision's memory follows the settings, and what was written.

What a service's memory rests on is compared with the settings at every decision, so a reload needs
no step of its own, and a preview of other settings is decided as it would be under them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from controller.model.configuration import Service, Settings
from controller.model.decision import Decision, PoolPlan, Snapshot, WriteResult
from controller.model.levers import Change, OutcomeStatus, Position
from controller.model.memory import NEW, NOT_NOTED, LearnedUnder, Memory, ServiceMemory
from controller.planning.drift import after_reasserting
from controller.planning.guards.blast_radius import is_resend, recent_batches, recent_drains
from controller.planning.guards.startup import UNPROBED_WAIT_S, automatic_drains
from controller.planning.levers.registry import lever_of
from controller.planning.shares import SHARE_TOLERANCE
from controller.planning.write_results import applied_positions

K = TypeVar("K")
V = TypeVar("V")


def fitted_to_settings(snapshot: Snapshot) -> Memory:
    """The memory, as far as it is about the services, pools, regions and levers of the settings.

    What was learned of places that are gone is forgotten, and so is whatever was learned of the
    levers when others are steered now; what was learned of a region's health stays. A service that
    is new begins now, or with the daemon when this is its first decision.
    """
    memory = snapshot.memory
    since = snapshot.now if memory.services else snapshot.started_at
    services = {
        name: _under_settings(memory.services.get(name, replace(NEW, since=since)), name, service)
        for name, service in snapshot.settings.services.items()
    }
    same = services.keys() == memory.services.keys() and all(
        services[name] is known for name, known in memory.services.items()
    )
    return memory if same else replace(memory, services=services)


def with_services(memory: Memory, services: Mapping[str, ServiceMemory]) -> Memory:
    """The memory with these services' part of it replaced."""
    return replace(memory, services={**memory.services, **services})


def learned_under(service: Service) -> LearnedUnder:
    """The settings of a service that its memory rests on."""
    lever = lever_of(service)
    places = repr(
        (list(service.regions), [(name, pool.regions) for name, pool in service.pools.items()])
    )
    digest = hashlib.sha256(places.encode()).hexdigest()[:16]
    return LearnedUnder(lever.identity(service), digest, lever.assumptions(service))


def has_same_lever(position: Position, old: Settings, new: Settings) -> bool:
    """Whether a position means the same records or endpoint groups under both settings."""
    before, after = old.services.get(position.service), new.services.get(position.service)
    if before is None or after is None:
        return False
    pools = [service.pools.get(position.pool) for service in (before, after)]
    is_there = all(pool is not None and position.region in pool.regions for pool in pools)
    return is_there and learned_under(before).lever == learned_under(after).lever


def _under_settings(memory: ServiceMemory, name: str, service: Service) -> ServiceMemory:
    """A service's memory under its settings as they are now."""
    was, now = memory.learned_under, learned_under(service)
    if was == now:
        return memory
    if was == NOT_NOTED:
        return replace(_within_settings(memory, name, service), learned_under=now)
    if was.lever != now.lever:
        memory = _without_levers(memory)
    memory = _within_settings(replace(memory, nearest={}, learned_at=None), name, service)
    return replace(memory, learned_under=now, closed_is_warming_up=True)


def _without_levers(memory: ServiceMemory) -> ServiceMemory:
    """What stays when other records or endpoint groups are steered: what is known of regions."""
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
    """What is about the service's own regions, pools and positions."""

    def is_place(position: Position) -> bool:
        pool = service.pools.get(position.pool)
        return position.service == name and pool is not None and position.region in pool.regions

    def is_pool(pool: str) -> bool:
        return pool in service.pools

    def is_region(region: str) -> bool:
        return region in service.regions

    known = memory.nearest.keys()
    is_nearness = any(known == set(pool.regions) for pool in service.pools.values())
    return replace(
        memory,
        nearest=memory.nearest if is_nearness else {},
        drift_since=_only(memory.drift_since, is_place),
        reasserted=_only(memory.reasserted, is_pool),
        reverted=_only(memory.reverted, is_pool),
        adopted=_only(memory.adopted, is_pool),
        last_rise=_only(memory.last_rise, is_place),
        warming_up=frozenset(filter(is_place, memory.warming_up)),
        aborted=_only(memory.aborted, is_place),
        drains=_only(memory.drains, is_region),
        degraded=_only(memory.degraded, is_region),
        flaps=_only(memory.flaps, is_region),
        doubtful=frozenset(c for c in memory.doubtful if is_place(c.position)),
    )


def _only(known: Mapping[K, V], belongs: Callable[[K], bool]) -> dict[K, V]:
    return {key: value for key, value in known.items() if belongs(key)}


def after_cycle(decision: Decision, written: Sequence[WriteResult], now: float) -> Memory:
    """What the next decision must know of this one, and of what became of its writes.

    What may have been applied counts as written; what was refused does not.
    """
    sent = [one for one in written if one.outcome.status is not OutcomeStatus.REFUSED]
    positions = {change.position for one in sent for change in one.changes}
    plans = [p for p in decision.plans if any(c.position in positions for c in p.changes)]
    memory = after_writing(decision.memory, plans, now)
    memory = after_outcomes(memory, decision.plans, written)
    return after_reasserting(memory, decision, applied_positions(written), now)


def after_writing(memory: Memory, sent: Iterable[PoolPlan], now: float) -> Memory:
    """Memory after these plans were sent to AWS and applied, or possibly applied."""
    plans: dict[str, list[PoolPlan]] = {}
    for plan in sent:
        plans.setdefault(plan.service, []).append(plan)
    return with_services(
        memory, {s: _after_writing(memory.of(s), each, now) for s, each in plans.items()}
    )


def _after_writing(memory: ServiceMemory, sent: list[PoolPlan], now: float) -> ServiceMemory:
    """The same of one service. Only what no person ordered counts against the blast radius."""
    rises = {
        Position(plan.service, plan.pool, region): now
        for plan in sent
        for region, share in plan.after.items()
        if share > plan.before[region] + SHARE_TOLERANCE
    }
    counted = [p for p in sent if not (p.by_person or is_resend(memory, p.changes))]
    return replace(
        memory,
        last_rise={**memory.last_rise, **rises},
        batches=(*recent_batches(memory.batches, now), *([now] if counted else ())),
        emergencies=(
            *recent_batches(memory.emergencies, now),
            *([now] if any(plan.emergency for plan in counted) else ()),
        ),
        drains={
            **recent_drains(memory, now),
            **dict.fromkeys(sorted(automatic_drains(counted)), now),
        },
    )


def after_outcomes(
    memory: Memory, plans: Iterable[PoolPlan], written: Iterable[WriteResult]
) -> Memory:
    """Memory with the changes that may have been applied, although AWS did not say so.

    They stay as long as they are wanted and not answered: held, or still being sent.
    """
    answers = list(written)
    unknown = {c for w in answers if w.outcome.status is OutcomeStatus.UNKNOWN for c in w.changes}
    answered = {change for one in answers for change in one.changes}
    waiting = {
        change
        for plan in plans
        for change in (*plan.withheld, *(c for c in plan.changes if c not in answered))
    }
    services = {
        name: replace(one, doubtful=_doubtful(name, one, unknown, waiting))
        for name, one in memory.services.items()
    }
    return replace(memory, services=services)


def _doubtful(
    service: str, memory: ServiceMemory, unknown: set[Change], waiting: set[Change]
) -> frozenset[Change]:
    mine = {change for change in unknown if change.position.service == service}
    return frozenset(mine | (memory.doubtful & waiting))


def wake_at(snapshot: Snapshot, waits: Iterable[float]) -> float | None:
    """When time alone will change the answer, monotonic seconds."""
    guards, now = snapshot.settings.guards, snapshot.now
    services = snapshot.memory.services.values()
    ends = [
        *(s.since + guards.startup_data_s for s in services),
        *(s.since + guards.startup_data_s + UNPROBED_WAIT_S for s in services if not s.begun),
        *(at + guards.drift.hold_s for s in services for at in s.drift_since.values()),
        *(s.panic + guards.panic_window_s for s in services if s.panic is not None),
        *(now + wait for wait in waits),
    ]
    return min((end for end in ends if end > now), default=None)
