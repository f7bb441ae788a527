"""One service's decision in two steps, from verdicts to plans.

`propose` plans as if the service were alone. `planning.decision` then compares the proposals of all
services (limit of automatic drains, first plans since the start), and `conclude` applies guards. No
function here looks at another service.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from controller.model.configuration import Mode
from controller.model.decision import Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Change, Position
from controller.model.memory import ServiceMemory
from controller.planning.account.reasons import guard_rules
from controller.planning.drift import adopted_pools, find_drift, with_drift
from controller.planning.eligibility import eligibility_by_health
from controller.planning.guards import panic, refusals
from controller.planning.guards.blast_radius import is_resend
from controller.planning.guards.misdirected import exclude_misdirected
from controller.planning.guards.startup import automatic_drains, has_begun, missing_data
from controller.planning.guards.way_back import standing_holds
from controller.planning.health.flapping import updated_flaps
from controller.planning.levers.registry import lever_of
from controller.planning.memory import with_services
from controller.planning.orders import with_orders
from controller.planning.placement.accelerator_split import with_learned_nearest
from controller.planning.placement.believed import believed_figures
from controller.planning.pool_path import PoolInput
from controller.planning.pool_plans import (
    PlannedPool,
    leaving_regions,
    plan_pools,
    pool_placements,
    warming_up_by_pool,
)


@dataclass(frozen=True, slots=True)
class ServiceProposal:
    """What a service would do if it were alone and no guard refused."""

    service: str
    snapshot: Snapshot
    """With the service's memory as of now."""
    regions: Mapping[str, RegionHealth]
    drift: Mapping[Position, str]
    isolated: str | None
    """Why this vantage point's probes are no evidence; None: they are."""
    planned: tuple[PlannedPool, ...] = ()

    @property
    def is_observed(self) -> bool:
        """Whether AWS has ever shown the service's levers."""
        return self.service in self.snapshot.observed

    @property
    def drains(self) -> frozenset[str]:
        """Regions that the service would drain automatically."""
        return automatic_drains([pool.plan for pool in self.planned])

    @property
    def is_service_dry_run(self) -> bool:
        """Whether this service is in dry run while the daemon is active.

        Its drains then do not count against those of other services. In a dry run of the whole
        daemon they count, so that the preview shows what active mode would do.
        """
        settings = self.snapshot.settings
        return settings.mode is Mode.ACTIVE and settings.mode_of(self.service) is Mode.DRY_RUN


@dataclass(frozen=True, slots=True)
class ServiceConclusion:
    """What is done about a service in this cycle."""

    plans: tuple[PoolPlan, ...]
    memory: ServiceMemory
    waits_s: tuple[float, ...]
    """Seconds after each of which a step that is held back may be due."""


def propose(
    snapshot: Snapshot, service: str, regions: Mapping[str, RegionHealth], isolated: str | None
) -> ServiceProposal:
    """The service's proposal. `isolated`: why our own probes are no evidence; None: they are."""
    drift = find_drift(snapshot, service)
    memory = with_drift(snapshot.memory.of(service), drift, snapshot.now)
    memory = replace(
        with_learned_nearest(snapshot, service, memory),
        flaps=updated_flaps(snapshot, service, regions),
        panic=panic.panic_at(snapshot, service, regions.values()),
    )
    present = replace(snapshot, memory=with_services(snapshot.memory, {service: memory}))
    return replanned(ServiceProposal(service, present, regions, drift, isolated), kept=())


def replanned(proposal: ServiceProposal, kept: Collection[str]) -> ServiceProposal:
    """The proposal if these regions may not be drained automatically, though they are down."""
    return replace(proposal, planned=tuple(_plan(proposal, kept)))


def conclude(
    proposal: ServiceProposal, unconfirmed: Mapping[str, Collection[str]]
) -> ServiceConclusion:
    """The proposal after guards.

    `unconfirmed`: service to the drains of its first plan that a person must confirm.
    """
    snapshot, service = proposal.snapshot, proposal.service
    own = unconfirmed.get(service, ())
    missing = missing_data(snapshot, service)
    of_all = {r for regions in unconfirmed.values() for r in regions} if own else ()
    plans = tuple(_guarded(proposal, pool.plan, missing, of_all) for pool in proposal.planned)
    memory = snapshot.memory.of(service)
    is_isolated = proposal.isolated is not None
    memory = replace(
        memory,
        begun=has_begun(snapshot, service, proposal.regions, own, blind=is_isolated),
        degraded={r: health.degraded for r, health in proposal.regions.items() if health.degraded},
        warming_up=frozenset(position for pool in proposal.planned for position in pool.warming_up),
        closed_is_warming_up=memory.closed_is_warming_up and not proposal.is_observed,
        aborted=_aborted(proposal),
        adopted=adopted_pools(snapshot, service, plans),
    )
    waits_s = tuple(pool.wait_s for pool in proposal.planned if pool.wait_s > 0)
    return ServiceConclusion(plans, memory, waits_s)


def unchanged_plans(snapshot: Snapshot, service: str, held: Held) -> tuple[PoolPlan, ...]:
    """Plans that leave all pools of a service as they are, with this hold."""
    pools = snapshot.settings.services[service].pools
    return tuple(PoolPlan(service, pool, {}, {}, {}, held=(held,)) for pool in pools)


def _plan(proposal: ServiceProposal, kept: Collection[str]) -> list[PlannedPool]:
    """The plans of the service's pools before guards. `kept`: see `replanned`."""
    snapshot, name = proposal.snapshot, proposal.service
    memory = snapshot.memory.of(name)
    if not proposal.is_observed:
        held = Held(Hold.NOT_OBSERVED, "AWS has not said yet how its levers stand")
        plans = unchanged_plans(snapshot, name, held)
        return [PlannedPool(plan, memory.warming_up) for plan in plans]
    return plan_pools(_pool_inputs(proposal, kept))


def _pool_inputs(proposal: ServiceProposal, kept: Collection[str]) -> list[PoolInput]:
    snapshot, name, health = proposal.snapshot, proposal.service, proposal.regions
    service = snapshot.settings.services[name]
    before = lever_of(service).shares_by_pool(service, snapshot.observed[name])
    was_warming_up = warming_up_by_pool(snapshot.memory.of(name), before)
    believed = believed_figures(snapshot, name, health)
    by_health = eligibility_by_health(
        snapshot, name, health, before, isolated=proposal.isolated, kept=kept
    )
    by_orders = with_orders(snapshot, name, believed, by_health, before)
    eligibility = exclude_misdirected(snapshot, name, by_orders, before)
    placements = pool_placements(snapshot, name, believed, eligibility, before)
    leaving = {
        pool: leaving_regions(eligibility[pool], before[pool]) if placement is not None else ()
        for pool, placement in placements.items()
    }
    urgent = any(leaving.values())
    return [
        PoolInput(
            snapshot,
            name,
            pool,
            believed,
            health,
            eligibility[pool],
            before[pool],
            placement,
            leaving[pool],
            was_warming_up[pool],
            urgent,
        )
        for pool, placement in placements.items()
    ]


def _guarded(
    proposal: ServiceProposal, plan: PoolPlan, missing: Held | None, unconfirmed: Collection[str]
) -> PoolPlan:
    """The plan with its changes; or held, with the same changes as `withheld`."""
    if not proposal.is_observed:
        return plan
    snapshot = proposal.snapshot
    service = snapshot.settings.services[plan.service]
    changes = lever_of(service).diff(service, plan, snapshot.observed[plan.service])
    standing = standing_holds(snapshot, plan.service, plan.pool)
    plan = replace(plan, held=(*plan.held, *standing))
    if not changes:
        return plan
    guard_input = refusals.GuardInput(
        plan,
        automatic_drains=tuple(sorted(automatic_drains([plan]))),
        ignored=refusals.ignored_guards(snapshot, plan.service, plan.pool),
        drift=tuple(p for p in proposal.drift if p.pool == plan.pool),
        missing_data=missing,
        unconfirmed=unconfirmed,
        is_resend=is_resend(snapshot.memory.of(plan.service), changes),
    )
    held = refusals.first_refusal(snapshot, guard_input)
    return replace(plan, changes=changes) if held is None else _refused(plan, changes, held)


def _refused(plan: PoolPlan, changes: tuple[Change, ...], held: Held) -> PoolPlan:
    return replace(
        plan,
        after=plan.before,
        rules=(*plan.rules, *guard_rules(plan, held)),
        held=plan.held if held in plan.held else (*plan.held, held),
        withheld=changes,
    )


def _aborted(proposal: ServiceProposal) -> dict[Position, float]:
    """Position to the time of its last step back, until it may be tried again."""
    snapshot = proposal.snapshot
    limit_s, now = snapshot.settings.ramp.retry_after_s, snapshot.now
    earlier = snapshot.memory.of(proposal.service).aborted
    recent = {position: at for position, at in earlier.items() if now - at < limit_s}
    return recent | {position: now for pool in proposal.planned for position in pool.stepping_back}
