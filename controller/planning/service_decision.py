"""One service's decision: from verdicts to plans, in two steps with the shared facts between them.

`propose` says what the service would do if it were alone; what all services would do together is
weighed by `planning.decision` (the allowance of drains, first plans since the start); `conclude`
says what is done. Nothing here looks at another service.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from controller.model.configuration import Mode
from controller.model.decision import Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Change, Position
from controller.model.memory import ServiceMemory
from controller.planning.account.reasons import PoolInput, guard_rules
from controller.planning.drift import adopted, find_drift, watch
from controller.planning.eligibility import eligibility_by_health
from controller.planning.guards import refusals
from controller.planning.guards.blast_radius import is_repetition
from controller.planning.guards.misdirected import without_astray
from controller.planning.guards.startup import automatic_drains, has_begun, missing_data
from controller.planning.health.flapping import updated_flaps
from controller.planning.levers.registry import lever_of
from controller.planning.memory import with_services
from controller.planning.orders import with_orders
from controller.planning.placement.accelerator_split import after_learning
from controller.planning.placement.believed import known
from controller.planning.pool_plans import (
    PlannedPool,
    leaving_regions,
    plan_pools,
    pool_placements,
    warming_up_by_pool,
)


@dataclass(frozen=True, slots=True)
class ServiceProposal:
    """What a service would do if it were alone and no guard objected."""

    service: str
    snapshot: Snapshot
    """With the service's memory as of now."""
    regions: Mapping[str, RegionHealth]
    drift: Mapping[Position, str]
    blind: str | None
    """Why this vantage point's own probes are no evidence, if they are not."""
    planned: tuple[PlannedPool, ...] = ()

    @property
    def is_observed(self) -> bool:
        """Whether AWS has ever said how its levers stand."""
        return self.service in self.snapshot.observed

    @property
    def drains(self) -> frozenset[str]:
        """Regions that it would take out of service by itself."""
        return automatic_drains([one.plan for one in self.planned])

    @property
    def is_rehearsed(self) -> bool:
        """Whether it is in dry run and others are steered: what it would drain hinders no other.

        In a dry run of the daemon all is rehearsed, the first plan's guard and the rate included.
        """
        settings = self.snapshot.settings
        return settings.mode is Mode.ACTIVE and settings.mode_of(self.service) is Mode.DRY_RUN


@dataclass(frozen=True, slots=True)
class ServiceConclusion:
    """What becomes of a service in this cycle."""

    plans: tuple[PoolPlan, ...]
    memory: ServiceMemory
    waits_s: tuple[float, ...]
    """Seconds after each of which a step held back may be due."""


def propose(
    snapshot: Snapshot, service: str, regions: Mapping[str, RegionHealth], blind: str | None
) -> ServiceProposal:
    """What the service would do. `blind`: why our own probes are no evidence, if they are not."""
    drift = find_drift(snapshot, service)
    memory = watch(snapshot.memory.of(service), drift, snapshot.now)
    memory = replace(
        after_learning(snapshot, service, memory),
        flaps=updated_flaps(snapshot, service, regions),
        panic=refusals.panic_at(snapshot, service, regions.values()),
    )
    seen = replace(snapshot, memory=with_services(snapshot.memory, {service: memory}))
    return replanned(ServiceProposal(service, seen, regions, drift, blind), kept=())


def replanned(proposal: ServiceProposal, kept: Collection[str]) -> ServiceProposal:
    """The proposal if these regions may not be drained by themselves, though they are down."""
    return replace(proposal, planned=tuple(_plan(proposal, kept)))


def conclude(
    proposal: ServiceProposal, waiting: Mapping[str, Collection[str]]
) -> ServiceConclusion:
    """What is done of a proposal. `waiting`: first plans' drains that a person must confirm."""
    snapshot, service = proposal.snapshot, proposal.service
    mine = waiting.get(service, ())
    missing = missing_data(snapshot, service)
    unconfirmed = {r for regions in waiting.values() for r in regions} if mine else ()
    plans = tuple(_guarded(proposal, one.plan, missing, unconfirmed) for one in proposal.planned)
    memory = snapshot.memory.of(service)
    begun = has_begun(snapshot, service, proposal.regions, mine, blind=proposal.blind is not None)
    memory = replace(
        memory,
        begun=begun,
        degraded={r: seen.degraded for r, seen in proposal.regions.items() if seen.degraded},
        warming_up=frozenset(position for one in proposal.planned for position in one.warming_up),
        closed_is_warming_up=memory.closed_is_warming_up and not proposal.is_observed,
        aborted=_aborted(proposal),
        adopted=adopted(snapshot, service, plans),
    )
    return ServiceConclusion(
        plans, memory, tuple(p.wait_s for p in proposal.planned if p.wait_s > 0)
    )


def unchanged_plans(snapshot: Snapshot, service: str, held: Held) -> tuple[PoolPlan, ...]:
    """Plans of a service about which nothing can be said: its traffic stays as it is."""
    pools = snapshot.settings.services[service].pools
    return tuple(PoolPlan(service, pool, {}, {}, {}, held=(held,)) for pool in pools)


def _plan(proposal: ServiceProposal, kept: Collection[str]) -> list[PlannedPool]:
    snapshot, name, health = proposal.snapshot, proposal.service, proposal.regions
    service = snapshot.settings.services[name]
    memory = snapshot.memory.of(name)
    if not proposal.is_observed:
        held = Held(Hold.NOT_OBSERVED, "AWS has not said yet how its levers stand")
        return [
            PlannedPool(plan, memory.warming_up) for plan in unchanged_plans(snapshot, name, held)
        ]
    before = lever_of(service).shares_by_pool(service, snapshot.observed[name])
    was_warming_up = warming_up_by_pool(memory, before)
    figures = known(snapshot, name, health)
    healthy = eligibility_by_health(
        snapshot, name, health, before, isolated=proposal.blind, kept=kept
    )
    ordered = with_orders(snapshot, name, figures, healthy, before)
    stands = without_astray(snapshot, name, ordered, before)
    placements = pool_placements(snapshot, name, figures, stands, before)
    leaving = {
        pool: leaving_regions(stands[pool], before[pool]) if wanted is not None else ()
        for pool, wanted in placements.items()
    }
    urgent = any(leaving.values())
    return plan_pools(
        [
            PoolInput(
                snapshot,
                name,
                pool,
                figures,
                health,
                stands[pool],
                before[pool],
                placement,
                leaving[pool],
                was_warming_up[pool],
                urgent,
            )
            for pool, placement in placements.items()
        ]
    )


def _guarded(
    proposal: ServiceProposal, plan: PoolPlan, missing: Held | None, unconfirmed: Collection[str]
) -> PoolPlan:
    """The plan with its changes, or held with what it would have changed."""
    if not proposal.is_observed:
        return plan
    snapshot = proposal.snapshot
    service = snapshot.settings.services[plan.service]
    changes = lever_of(service).diff(service, plan, snapshot.observed[plan.service])
    leak = refusals.leaking(snapshot, plan.service, plan.pool)
    if leak is not None:
        plan = replace(plan, held=(*plan.held, leak))
    if not changes:
        return plan
    intent = refusals.GuardInput(
        plan,
        automatic_drains=tuple(sorted(automatic_drains([plan]))),
        ignored=refusals.named(snapshot, plan.service, plan.pool),
        drift=tuple(p for p in proposal.drift if p.pool == plan.pool),
        missing=missing,
        unconfirmed=unconfirmed,
        repeated=is_repetition(snapshot.memory.of(plan.service), changes),
    )
    held = refusals.first_refusal(snapshot, intent)
    return replace(plan, changes=changes) if held is None else _refused(plan, changes, held, leak)


def _refused(
    plan: PoolPlan, changes: tuple[Change, ...], held: Held, leak: Held | None
) -> PoolPlan:
    return replace(
        plan,
        after=plan.before,
        rules=(*plan.rules, *guard_rules(plan, held)),
        held=plan.held if held == leak else (*plan.held, held),
        withheld=changes,
    )


def _aborted(proposal: ServiceProposal) -> dict[Position, float]:
    """When which region last took a step back, as long as it is not tried again."""
    snapshot = proposal.snapshot
    limit_s, now = snapshot.settings.ramp.retry_after_s, snapshot.now
    known = snapshot.memory.of(proposal.service).aborted
    lately = {position: at for position, at in known.items() if now - at < limit_s}
    return {**lately, **{p: now for one in proposal.planned for p in one.stepping_back}}
