"""One service's decision, from verdicts to plans and memory.

`propose` plans as if the service were alone: by health, then by orders, then towards the best
split. `planning.decision` then compares the proposals of all services (limit of automatic drains,
first plans since the start) and lets guards refuse plans; `conclude` is what is remembered of it.
No function here looks at another service.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from controller.model.configuration import Mode
from controller.model.decision import Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.model.memory import ServiceMemory
from controller.planning.drift import adopted_pools, find_drift, with_drift
from controller.planning.eligibility import eligibility_by_health
from controller.planning.guards import panic
from controller.planning.guards.startup import automatic_drains, has_begun
from controller.planning.health.flapping import updated_flaps
from controller.planning.levers.registry import lever_of
from controller.planning.memory import with_services
from controller.planning.orders import with_orders
from controller.planning.placement.accelerator_split import with_learned_nearest
from controller.planning.placement.believed import believed_figures
from controller.planning.pool_plans import PlannedPool, plan_pools


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
    proposal: ServiceProposal, plans: tuple[PoolPlan, ...], unconfirmed: Collection[str]
) -> ServiceConclusion:
    """The proposal with its plans after guards, and what is remembered of it.

    `unconfirmed`: the drains of the service's first plan that a person must confirm.
    """
    snapshot, service = proposal.snapshot, proposal.service
    memory = snapshot.memory.of(service)
    is_isolated = proposal.isolated is not None
    memory = replace(
        memory,
        begun=has_begun(snapshot, service, proposal.regions, unconfirmed, blind=is_isolated),
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
    snapshot, name, health = proposal.snapshot, proposal.service, proposal.regions
    memory = snapshot.memory.of(name)
    if not proposal.is_observed:
        held = Held(Hold.NOT_OBSERVED, "AWS has not said yet how its levers stand")
        plans = unchanged_plans(snapshot, name, held)
        return [PlannedPool(plan, memory.warming_up) for plan in plans]
    service = snapshot.settings.services[name]
    before = lever_of(service).shares_by_pool(service, snapshot.observed[name])
    believed = believed_figures(snapshot, name, health)
    by_health = eligibility_by_health(
        snapshot, name, health, before, isolated=proposal.isolated, kept=kept
    )
    by_orders = with_orders(snapshot, name, believed, by_health, before)
    return plan_pools(snapshot, name, health, believed, by_orders, before)


def _aborted(proposal: ServiceProposal) -> dict[Position, float]:
    """Position to the time of its last step back, until it may be tried again."""
    snapshot = proposal.snapshot
    limit_s, now = snapshot.settings.ramp.retry_after_s, snapshot.now
    earlier = snapshot.memory.of(proposal.service).aborted
    recent = {position: at for position, at in earlier.items() if now - at < limit_s}
    return recent | {position: now for pool in proposal.planned for position in pool.stepping_back}
