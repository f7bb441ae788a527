"""The split that placement finds best for each pool of a service, with what orders fix."""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.decision import Shares, Snapshot
from controller.planning.eligibility import Permission, PoolEligibility
from controller.planning.levers.registry import lever_of
from controller.planning.placement.accelerator_split import place_dials
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import PlacementProblem, PoolPlacement, place
from controller.planning.shares import normalised


def pool_placements(
    snapshot: Snapshot,
    service_name: str,
    believed: Believed,
    by_pool: Mapping[str, PoolEligibility],
    before: Mapping[str, Shares],
) -> dict[str, PoolPlacement | None]:
    """Pool to the split that placement finds best; None where no region may serve."""
    settings = snapshot.settings
    service = settings.services[service_name]
    if not lever_of(service).shares_add_up:
        return {
            pool: place_dials(snapshot, (service_name, pool), believed, eligibility, before[pool])
            for pool, eligibility in by_pool.items()
        }
    restricted = {pool: one for pool, one in by_pool.items() if len(one.free) < len(one)}
    kept = {pool: _kept_split(one, before[pool]) for pool, one in restricted.items()}
    candidates = {pool: one.free for pool, one in by_pool.items() if not kept.get(pool)}
    fixed = {pool: kept[pool] or one.pinned for pool, one in restricted.items()}
    problem = PlacementProblem(
        service, settings.regions, settings.placement, believed, candidates, fixed, before
    )
    placed = place(problem)
    return {pool: placed.get(pool) or _fixed_placement(fixed.get(pool, {})) for pool in by_pool}


def _kept_split(eligibility: PoolEligibility, before: Shares) -> dict[str, float]:
    """The present split without the regions that must leave, if some region keeps its share.

    Empty when no region keeps its share, or when none of the split would be left.
    """
    if not eligibility.has_kept:
        return {}
    return normalised(
        {
            region: before[region]
            for region, one in eligibility.items()
            if region in before and one.permission is not Permission.OUT
        }
    )


def _fixed_placement(shares: Shares) -> PoolPlacement | None:
    """The placement of a pool whose shares are all fixed; pins alone carry the whole pool."""
    return PoolPlacement(normalised(shares)) if shares else None
