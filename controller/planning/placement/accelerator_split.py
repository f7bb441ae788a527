"""The dials that placement wants behind an accelerator: all open, except where capacity is short.

Global Accelerator sends users to the nearest region. `planning.placement.dials` models how dials
become flow. Which fraction of users is nearest to which region starts with the settings and is
corrected by what users report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controller.model.decision import PoolName, Shares, Snapshot
from controller.model.memory import ServiceMemory
from controller.planning.eligibility import Permission, RegionEligibility
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.registry import lever_of
from controller.planning.placement.believed import Believed
from controller.planning.placement.dials import fit_dials, learned_nearest, modelled_flow
from controller.planning.placement.optimal_split import PoolPlacement
from controller.planning.shares import normalised

_LEARNING_INTERVAL_S = 10.0
"""The age of the oldest report that one decision reads, so that no report is learned from twice."""


def place_dials(
    snapshot: Snapshot,
    name: PoolName,
    believed: Believed,
    eligibility: Mapping[str, RegionEligibility],
    before: Shares,
) -> PoolPlacement | None:
    """The dials of a pool (0 to 1), and its full regions; None where no region may serve."""
    given = {region: _given_dial(e, region, before) for region, e in eligibility.items()}
    fixed = {region: dial for region, dial in given.items() if dial is not None}
    free = [region for region in eligibility if region not in fixed]
    if not free:
        return PoolPlacement(fixed) if any(fixed.values()) else None
    nearest = nearest_shares(snapshot, name)
    demand = believed.demand_rps[name[1]]
    capacity = {region: believed.capacity_rps[region] for region in free}
    total = sum(capacity.values())
    target = snapshot.settings.placement.target_utilisation
    if demand <= 0 or total <= 0:
        return PoolPlacement({**fixed, **dict.fromkeys(free, 1.0)})
    # Where all does not fit at the target, every region is filled in proportion to its capacity.
    scale = max(target / demand, 1 / total)
    dials = fit_dials(nearest, {region: rps * scale for region, rps in capacity.items()}, fixed)
    flow = modelled_flow(nearest, dials)
    full = {region: flow[region] * demand for region in free if dials[region] < 1}
    # Traffic in regions with a fixed dial is not load of the free ones.
    carried = demand * sum(flow[region] for region in free)
    return PoolPlacement(dials, full, max(0.0, carried - total))


def nearest_shares(snapshot: Snapshot, name: PoolName) -> Shares:
    """Region to the fraction of a pool's users nearest to it: as learned, else as configured."""
    service_name, pool = name
    learned = snapshot.memory.of(service_name).nearest
    if learned:
        return learned
    service = snapshot.settings.services[service_name]
    return ACCELERATOR.nearest(service, service.pools[pool].regions)


def with_learned_nearest(
    snapshot: Snapshot, service_name: str, memory: ServiceMemory
) -> ServiceMemory:
    """A service's memory with `nearest` corrected by users' reports, behind an accelerator."""
    service = snapshot.settings.services[service_name]
    if lever_of(service).shares_add_up or service_name not in snapshot.observed:
        return memory
    if memory.learned_at is not None and snapshot.now - memory.learned_at < _LEARNING_INTERVAL_S:
        return memory
    nearest = _corrected_nearest(snapshot, (service_name, ACCELERATOR.pool(service)))
    return replace(memory, nearest=nearest, learned_at=snapshot.now)


def _corrected_nearest(snapshot: Snapshot, name: PoolName) -> Shares:
    nearest = nearest_shares(snapshot, name)
    measured = {
        r: seen.requests for r, seen in snapshot.measured.get(name, {}).items() if r in nearest
    }
    if sum(measured.values()) < snapshot.settings.ramp.min_requests:
        return nearest
    dials = _observed_dials(snapshot, name)
    if not any(dials.values()):
        return nearest
    return learned_nearest(nearest, dials, normalised(measured))


def _observed_dials(snapshot: Snapshot, name: PoolName) -> dict[str, float]:
    states = snapshot.observed[name[0]].settings
    return ACCELERATOR.shares(
        {p.region: state for p, state in states.items() if (p.service, p.pool) == name}
    )


def _given_dial(eligibility: RegionEligibility, region: str, before: Shares) -> float | None:
    """The dial that a region must have; None where placement may choose."""
    match eligibility.permission:
        case Permission.OUT:
            return 0.0
        case Permission.KEEP:
            return before.get(region, 0.0)
        case Permission.IN:
            return eligibility.pinned_share
