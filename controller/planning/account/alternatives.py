"""Rejected alternatives: regions that do not get the traffic that a decision moves, and why.

Only for pools that move or would move. Regions that lose or gain traffic have rules instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.decision import Decision, PoolPlan, RejectedAlternative, Snapshot
from controller.model.health import Verdict
from controller.model.overrides import OverrideKind
from controller.planning.placement.believed import Believed, believed_figures
from controller.planning.shares import SHARE_TOLERANCE

_FULL = ("capacity", "overload")
_ORDERED_AWAY = (OverrideKind.DRAIN, OverrideKind.FAILOVER)


def rejected_alternatives(
    snapshot: Snapshot, decision: Decision
) -> tuple[RejectedAlternative, ...]:
    """The rejected regions of every pool that moves or would move."""
    moving = [plan for plan in decision.plans if plan.changes or plan.withheld]
    believed = {
        name: believed_figures(snapshot, name, decision.regions[name])
        for name in dict.fromkeys(plan.service for plan in moving)
    }
    return tuple(
        RejectedAlternative(plan.service, plan.pool, region, why)
        for plan in moving
        for region, why in _rejected_regions(snapshot, decision, plan, believed[plan.service])
    )


def _rejected_regions(
    snapshot: Snapshot, decision: Decision, plan: PoolPlan, believed: Believed
) -> Iterator[tuple[str, str]]:
    receivers = [r for r in plan.before if plan.desired[r] > plan.before[r] + SHARE_TOLERANCE]
    for region in snapshot.settings.services[plan.service].regions if receivers else ():
        gives = plan.before.get(region, 0.0) > plan.desired.get(region, 0.0) + SHARE_TOLERANCE
        if region not in receivers and not gives:
            yield region, _why_not(snapshot, decision, plan, believed, region, receivers)


def _why_not(
    snapshot: Snapshot,
    decision: Decision,
    plan: PoolPlan,
    believed: Believed,
    region: str,
    receivers: list[str],
) -> str:
    if region not in snapshot.settings.services[plan.service].pools[plan.pool].regions:
        return _unlawful(snapshot, plan, region)
    if region not in plan.before:
        return "its weighted record or endpoint group is missing"
    ordered = _ordered_away(snapshot, plan, region)
    if ordered:
        return ordered
    health = decision.regions[plan.service][region]
    if health.verdict is not Verdict.UP:
        return f"{health.verdict.value}: {health.why}"
    full = [rule.why for rule in plan.rules if rule.region == region and rule.name in _FULL]
    return full[0] if full else _not_better(plan, believed, region, receivers)


def _unlawful(snapshot: Snapshot, plan: PoolPlan, region: str) -> str:
    settings = snapshot.settings
    residency = settings.services[plan.service].pools[plan.pool].residency
    jurisdiction = settings.regions[region].jurisdiction
    if residency not in (None, jurisdiction):
        return (
            f"not lawful: pool {plan.pool} is bound to {residency}, {region} is in {jurisdiction}"
        )
    return f"not lawful: pool {plan.pool} does not name it"


def _ordered_away(snapshot: Snapshot, plan: PoolPlan, region: str) -> str:
    for override in snapshot.overrides:
        concerned = override.applies_to(plan.service, region, pool=plan.pool)
        if concerned and override.kind in _ORDERED_AWAY and not plan.desired.get(region):
            return f"{override.kind.value} by {override.author}: {override.reason}"
    return ""


def _not_better(plan: PoolPlan, believed: Believed, region: str, receivers: list[str]) -> str:
    """Why a healthy region with spare capacity gets no more."""
    away_ms = believed.latency_ms.get(plan.pool)
    if away_ms is None:
        return "well, and has the share it is configured to have"
    nearest = min(receivers, key=lambda r: (away_ms[r], r))
    if away_ms[region] > away_ms[nearest]:
        return f"farther: {away_ms[region]:.0f} ms, {nearest} {away_ms[nearest]:.0f} ms"
    return f"near at {away_ms[region]:.0f} ms, and worth no more traffic at its price and room"
