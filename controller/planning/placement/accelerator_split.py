"""Where placement wants to be behind an accelerator: everybody open, except for want of room.

Nearness does the rest. How dials become flow is `planning.placement.dials`; who is nearest to whom
starts with what the settings say and is corrected by what users report.
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

_LESSON_EVERY_S = 10.0
"""As long as the reports that one decision looks at reach back."""


def place_dials(
    snapshot: Snapshot,
    name: PoolName,
    known: Believed,
    stand: Mapping[str, RegionEligibility],
    before: Shares,
) -> PoolPlacement | None:
    """The dials of a pool, 0 to 1, and which regions' room is used up; None: nobody may serve."""
    given = {region: _given(s, region, before) for region, s in stand.items()}
    fixed = {region: dial for region, dial in given.items() if dial is not None}
    free = [region for region in stand if region not in fixed]
    if not free:
        return PoolPlacement(fixed) if any(fixed.values()) else None
    near = nearest_shares(snapshot, name)
    demand = known.demand_rps[name[1]]
    capacity = {region: known.capacity_rps[region] for region in free}
    total = sum(capacity.values())
    target = snapshot.settings.placement.target_utilisation
    if demand <= 0 or total <= 0:
        return PoolPlacement({**fixed, **dict.fromkeys(free, 1.0)})
    # Where the target does not hold it all, each is filled in proportion: evenly.
    scale = max(target / demand, 1 / total)
    dials = fit_dials(near, {region: rps * scale for region, rps in capacity.items()}, fixed)
    flow = modelled_flow(near, dials)
    full = {region: flow[region] * demand for region in free if dials[region] < 1}
    # What given dials let in elsewhere is nothing that these have to carry.
    carried = demand * sum(flow[region] for region in free)
    return PoolPlacement(dials, full, max(0.0, carried - total))


def nearest_shares(snapshot: Snapshot, name: PoolName) -> Shares:
    """Which part of a pool's users is nearest to which of its regions, as far as is known."""
    service_name, pool = name
    known = snapshot.memory.of(service_name).nearest
    if known:
        return known
    service = snapshot.settings.services[service_name]
    return ACCELERATOR.nearest(service, service.pools[pool].regions)


def with_learned_nearest(snapshot: Snapshot, service: str, memory: ServiceMemory) -> ServiceMemory:
    """A service's memory with what users' reports say of who is nearest, behind an accelerator.

    Each report teaches once: the next lesson is due when these reports are over.
    """
    noun = snapshot.settings.services[service]
    if lever_of(noun).shares_add_up or service not in snapshot.observed:
        return memory
    if memory.learned_at is not None and snapshot.now - memory.learned_at < _LESSON_EVERY_S:
        return memory
    nearer = _learned(snapshot, (service, ACCELERATOR.pool(noun)))
    return replace(memory, nearest=nearer, learned_at=snapshot.now)


def _learned(snapshot: Snapshot, name: PoolName) -> Shares:
    near = nearest_shares(snapshot, name)
    measured = {
        r: seen.requests for r, seen in snapshot.measured.get(name, {}).items() if r in near
    }
    if sum(measured.values()) < snapshot.settings.ramp.min_requests:
        return near
    dials = _dials(snapshot, name)
    return learned_nearest(near, dials, normalised(measured)) if any(dials.values()) else near


def _dials(snapshot: Snapshot, name: PoolName) -> dict[str, float]:
    settings = snapshot.observed[name[0]].settings
    mine = {p.region: s for p, s in settings.items() if (p.service, p.pool) == name}
    return ACCELERATOR.shares(mine)


def _given(standing: RegionEligibility, region: str, before: Shares) -> float | None:
    """The dial a region must have; None where placement may choose."""
    match standing.permission:
        case Permission.OUT:
            return 0.0
        case Permission.KEEP:
            return before.get(region, 0.0)
        case Permission.IN:
            return standing.pinned_share
