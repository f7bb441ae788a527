"""Shares into the levers' own units, and only what differs from what AWS has.

Raises come before reductions, so that receivers are open before anybody is sent to them: on
Route 53 everything goes in one batch anyway, behind an accelerator the order is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from controller.model.configuration import Service
from controller.model.decision import PoolPlan, Shares
from controller.model.levers import Change, Observed, Position, Setting
from controller.planning.shares import normalised, same

FULL_WEIGHT = 255
"""Route 53's largest weight."""


def settings_by_pool(service: Service, observed: Observed) -> dict[str, dict[str, Setting]]:
    """Pool to region to how far it is open: lawful regions only, in their pool's order."""
    seen: dict[str, dict[str, Setting]] = {name: {} for name in service.pools}
    for (_, pool_name, region), setting in observed.settings.items():
        if pool_name in seen:
            seen[pool_name][region] = setting
    return {name: _in_order(pool.regions, seen[name]) for name, pool in service.pools.items()}


def _in_order(regions: tuple[str, ...], seen: dict[str, Setting]) -> dict[str, Setting]:
    if tuple(seen) == regions:
        return seen
    return {region: seen[region] for region in regions if region in seen}


def shares_by_pool(service: Service, observed: Observed) -> dict[str, Shares]:
    """Pool to what its levers say now, as shares; closed regions that users reach included."""
    reached: defaultdict[str, set[str]] = defaultdict(set)
    for _, pool, region in observed.failing_open:
        reached[pool].add(region)
    return {
        pool: _with_reached(service, current_shares(service, settings), reached[pool])
        if pool in reached
        else current_shares(service, settings)
        for pool, settings in settings_by_pool(service, observed).items()
    }


def _with_reached(service: Service, shares: Shares, reached: Collection[str]) -> dict[str, float]:
    """Shares when users of some record type or listener are sent to any region."""
    if service.levers.accelerator is not None:
        return {region: 1.0 if region in reached else share for region, share in shares.items()}
    most = {region: max(share, 1 / len(shares)) for region, share in shares.items()}
    return normalised(most)


def current_shares(service: Service, settings: Mapping[str, Setting]) -> dict[str, float]:
    """What a pool's levers say now, as shares.

    Weights that are all zero mean *equal* shares to Route 53, so that is what is returned.
    """
    if service.levers.accelerator is not None:
        return {r: (s.dial or 0.0) / 100 if s.weight else 0.0 for r, s in settings.items()}
    weighed = [setting.weight for setting in settings.values()]
    total = sum(weighed)
    if total == 0:
        return {region: 1 / len(settings) for region in settings}
    return dict(zip(settings, [weight / total for weight in weighed], strict=True))


def diff(service: Service, plan: PoolPlan, observed: Observed) -> tuple[Change, ...]:
    """What must be written so that the levers say `plan.after`; empty when they already do."""
    now, after = plan.before, plan.after
    unequal = {p.region for p in observed.unequal if p.pool == plan.pool}
    if not now or (not unequal and (after is now or same(now, after))):
        return ()
    before = {
        region: observed.settings[position]
        for region in after
        if (position := Position(plan.service, plan.pool, region)) in observed.settings
    }
    wanted = _settings(service, before, after)
    changes = [
        Change(Position(plan.service, plan.pool, region), before[region], setting)
        for region, setting in wanted.items()
        if before[region] != setting or region in unequal
    ]
    return tuple(sorted(changes, key=lambda c: (_opens(c) <= 0, c.position)))


def _settings(
    service: Service, before: Mapping[str, Setting], after: Mapping[str, float]
) -> dict[str, Setting]:
    accelerator = service.levers.accelerator
    if accelerator is not None:
        return {
            region: Setting(accelerator.endpoint_weight, max(1.0, round(share * 100.0, 0)))
            if share > 0
            else Setting(0, 0.0)
            for region, share in after.items()
            if region in before
        }
    known = {region: share for region, share in after.items() if region in before}
    return {region: Setting(weight) for region, weight in weights(before, known).items()}


def weights(before: Mapping[str, Setting], after: Mapping[str, float]) -> dict[str, int]:
    """Route 53 weights that express shares, changing as few records as possible.

    Each region that has a weight may be the one that keeps it while the others follow; of the
    scales that err by less than half a point in every share the one that changes the fewest records
    wins, the finer of two. If none is that good the largest share gets 255, which errs by less than
    n/255 for n regions. A positive share never becomes zero, because zero means another thing.
    """
    # What carries nothing weighs nothing on every scale.
    positive = {region: share for region, share in after.items() if share > 0}
    finest = FULL_WEIGHT / max(positive.values())
    scales = {before[r].weight / share for r, share in positive.items() if share * finest >= 1}
    usable = sorted((scale for scale in scales if 0 < scale <= finest), reverse=True)
    drafts = [d for scale in usable if same(normalised(d := _scaled(positive, scale)), positive)]
    changed = [sum(draft[r] != before[r].weight for r in draft) for draft in drafts]
    best = drafts[changed.index(min(changed))] if drafts else _scaled(positive, finest)
    return {region: best.get(region, 0) for region in after}


def _scaled(positive: Mapping[str, float], scale: float) -> dict[str, int]:
    return {region: max(1, round(share * scale)) for region, share in positive.items()}


def _opens(change: Change) -> float:
    """Positive when the change lets more traffic in."""
    before, after = change.before, change.after
    return (after.weight - before.weight) or ((after.dial or 0.0) - (before.dial or 0.0))
