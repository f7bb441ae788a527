"""Which regions a decision record concerns: what `records(region=…)` selects by."""

from __future__ import annotations

from controller.model.decision import DecisionRecord, PoolPlan
from controller.model.health import RegionHealth, Verdict


def concerned_regions(record: DecisionRecord) -> frozenset[str]:
    """Regions that were not healthy, moved, held, bound by a rule, or written to."""
    unhealthy = {
        region
        for regions in record.regions.values()
        for region, health in regions.items()
        if _is_unhealthy(health)
    }
    planned = {region for plan in record.plans for region in _planned(plan)}
    written = {change.position.region for write in record.written for change in write.changes}
    return frozenset(unhealthy | planned | written)


def _is_unhealthy(health: RegionHealth) -> bool:
    return health.verdict is not Verdict.UP or health.suspect_since is not None


def _planned(plan: PoolPlan) -> set[str]:
    changed = {change.position.region for change in (*plan.changes, *plan.withheld)}
    held = {held.region for held in plan.held if held.region is not None}
    bound = {rule.region for rule in plan.rules if rule.binding}
    return changed | held | bound
