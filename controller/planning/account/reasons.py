"""The rules of a pool's plan: for each region what placement, ramp and guards did to its share.

A rule is *binding* where the share would be another one without it.
"""

from __future__ import annotations

from controller.model.decision import Held, PipelineStep, PoolPlan, Rule
from controller.planning.eligibility import Permission
from controller.planning.placement.believed import configured_shares
from controller.planning.placement.optimal_split import price_ms
from controller.planning.pool_path import PoolInput, PoolPath
from controller.planning.shares import SHARE_TOLERANCE, is_same_share, percent

_ROUNDING = 1e-6
"""Part of a load below which a difference is rounding."""


def placement_and_ramp_rules(path: PoolPath) -> tuple[Rule, ...]:
    """One rule for each region that placement or ramp moved, or whose capacity binds."""
    return (*_placement_rules(path), *_ramp_rules(path))


def guard_rules(plan: PoolPlan, held: Held) -> tuple[Rule, ...]:
    """One rule for each region whose move the guard refused."""
    return tuple(
        Rule(
            PipelineStep.GUARD,
            held.reason.value,
            region,
            plan.after[region],
            plan.before[region],
            True,
            held.detail,
        )
        for region in plan.before
        if abs(plan.after[region] - plan.before[region]) >= SHARE_TOLERANCE
    )


def _placement_rules(path: PoolPath) -> list[Rule]:
    before, desired = path.pool_input.before, path.desired
    found = []
    for region in _regions_with_rule(path):
        eligibility = path.pool_input.eligibility[region]
        if eligibility.permission is Permission.OUT or eligibility.pinned_share is not None:
            binding, name, why = True, eligibility.cause, eligibility.why
        else:
            binding = _is_capacity_binding(path, region)
            name, why = (
                _capacity_reason(path, region) if binding else _placement_reason(path, region)
            )
        found.append(
            Rule(
                PipelineStep.PLACEMENT, name, region, before[region], desired[region], binding, why
            )
        )
    return found


def _regions_with_rule(path: PoolPath) -> list[str]:
    """Regions whose desired share differs from the present one, or whose capacity is full."""
    before, desired, full = path.pool_input.before, path.desired, path.placement.full
    if desired is before:
        return [r for r, share in before.items() if share > 0 and r in full] if full else []
    return [
        r
        for r in before
        if not is_same_share(before[r], desired[r]) or (r in full and desired[r] > 0)
    ]


def _is_capacity_binding(path: PoolPath, region: str) -> bool:
    """Whether the pool would send more users to the region if it had the capacity."""
    if region not in path.placement.full:
        return False
    pool_input, shares = path.pool_input, path.placement.shares
    if shares.get(region, 0.0) > 0:
        return True
    if pool_input.pool not in pool_input.believed.latency_ms:
        return pool_input.regions[region].share > 0
    serving = [r for r, share in shares.items() if share > 0]
    return _cost_ms(pool_input, region) < max(_cost_ms(pool_input, r) for r in serving)


def _capacity_reason(path: PoolPath, region: str) -> tuple[str, str]:
    """Name and text of the rule for a region whose capacity binds."""
    overload = path.placement.overload
    if not overload:
        return "capacity", _full_text(path, region)
    lacking = f"{overload:.0f} requests/s more than the regions of the pool can carry"
    return "overload", f"{lacking}: spread evenly, {_load_text(path, region)}"


def _placement_reason(path: PoolPath, region: str) -> tuple[str, str]:
    """Name and text of the rule for a region whose capacity does not bind."""
    pool_input = path.pool_input
    if pool_input.leaving and path.desired[region] > pool_input.before[region]:
        return "takes_over", f"carries its part of what leaves {', '.join(pool_input.leaving)}"
    if region in path.warming_up:
        return "returns", f"serves again: {pool_input.eligibility[region].why}"
    if pool_input.pool in pool_input.believed.latency_ms:
        return _distance_reason(path, region)
    configured = configured_shares(pool_input.regions, pool_input.eligibility.free)
    full = _other_full_regions(path, region)
    if full and path.placement.shares.get(region, 0.0) > (
        configured.get(region, 0.0) + SHARE_TOLERANCE
    ):
        return "spill", f"takes what has no room in {', '.join(full)}"
    return "configured_share", "back to its configured share"


def _distance_reason(path: PoolPath, region: str) -> tuple[str, str]:
    """The same where placement chooses by latency and price."""
    pool_input = path.pool_input
    away = f"{pool_input.believed.latency_ms[pool_input.pool][region]:.0f} ms from the pool's users"
    if path.desired[region] < pool_input.before[region]:
        return "nearest", f"{away}; others are nearer or cheaper"
    here = _cost_ms(pool_input, region)
    spilled = [r for r in _other_full_regions(path, region) if _cost_ms(pool_input, r) < here]
    if spilled:
        return "spill", f"{away}; takes what has no room in {', '.join(spilled)}"
    return "nearest", f"{away}, nearest of those that may serve, price considered"


def _other_full_regions(path: PoolPath, region: str) -> list[str]:
    """The other regions of the pool that are full, sorted by name."""
    return sorted(r for r in path.placement.full if r in path.pool_input.before and r != region)


def _cost_ms(pool_input: PoolInput, region: str) -> float:
    """Milliseconds that a request of the pool costs there: latency, and price converted to ms."""
    settings = pool_input.snapshot.settings
    price = price_ms(settings.placement, settings.regions[region])
    return pool_input.believed.latency_ms[pool_input.pool][region] + price


def _full_text(path: PoolPath, region: str) -> str:
    """Text for a region that is full: at its target utilisation, or beyond as all others are."""
    target = path.pool_input.snapshot.settings.placement.target_utilisation
    aimed_at = target * path.pool_input.believed.capacity_rps[region]
    if path.placement.full[region] <= aimed_at * (1 + _ROUNDING):
        return f"full, {_load_text(path, region)}; the rest spills over"
    load = _load_text(path, region)
    return f"beyond the {percent(target)} aimed at, as are all that may help: {load}"


def _load_text(path: PoolPath, region: str) -> str:
    """The region's load in requests/s, and which part of its capacity that is."""
    pool_input, rps = path.pool_input, path.placement.full[region]
    configured = pool_input.regions[region].capacity_rps
    if configured is None:
        return (
            f"{rps:.0f} requests/s, nobody knows its capacity: its part of the demand is counted on"
        )
    usable = pool_input.health[region].usable
    degraded = f", of which {percent(usable)} is counted on while it is degraded"
    part = f"{percent(rps / configured)} of its capacity"
    return f"{rps:.0f} requests/s = {part}{degraded if usable < 1 else ''}"


def _ramp_rules(path: PoolPath) -> list[Rule]:
    before, desired, after = path.pool_input.before, path.desired, path.after
    if after is desired:
        return []
    return [
        Rule(
            PipelineStep.RAMP,
            "back" if region in path.limited and after[region] < before[region] else "step",
            region,
            desired[region],
            after[region],
            True,
            _ramp_reason(path, region),
        )
        for region in desired
        if abs(desired[region] - after[region]) >= SHARE_TOLERANCE
    ]


def _ramp_reason(path: PoolPath, region: str) -> str:
    if region not in path.limited:
        return f"keeps what {', '.join(path.limited)} cannot take yet"
    gate, limits = path.gates[region], path.pool_input.snapshot.settings.ramp
    why = f"at most {limits.step_points:g} points a step, {limits.step_gap_s:g} s apart"
    if gate.action != "rise":
        why = gate.why
    return f"{why}; it gets more, for the others have no room" if path.is_relieved else why
