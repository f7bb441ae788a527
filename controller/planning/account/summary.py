"""Decisions and cycles in short, as values: what live events carry and lists show.

Pure. A decision in words is the business of `planning.account.explanation`.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.model.decision import Decision, DecisionRecord, PoolPlan, Shares, Snapshot
from controller.model.overrides import OverrideKind
from controller.planning.shares import SAME

Summary = dict[str, object]


def decision_summary(record: DecisionRecord) -> Summary:
    """What a decision moved, what it held, and what came of it."""
    return {
        "decision_id": record.id,
        "at": record.at,
        "cycle": record.cycle,
        "mode": record.mode,
        "trigger": record.trigger,
        "authors": record.authors,
        "moves": [
            move for plan in record.plans if plan.changes for move in _moves(plan, plan.after)
        ],
        "withheld": [
            move for plan in record.plans if plan.withheld for move in _moves(plan, plan.desired)
        ],
        "holds": _holds(record.plans),
        "outcomes": [written.outcome.status for written in record.written],
        "measured_effect": record.measured_effect,
    }


def cycle_summary(snapshot: Snapshot, decision: Decision) -> Summary:
    """How things stand after a cycle; equal as long as nothing that people look at changed."""
    return {
        "frozen": any(o.kind is OverrideKind.FREEZE for o in snapshot.overrides),
        "isolated": decision.memory.isolated_since is not None,
        "panic": sorted(n for n, m in decision.memory.services.items() if m.panic is not None),
        "overrides": [override.id for override in snapshot.overrides],
        "regions": [
            {
                "service": service,
                "region": region,
                "verdict": seen.verdict,
                "suspect": seen.suspect_since is not None,
                "usable": seen.usable,
            }
            for service, regions in decision.regions.items()
            for region, seen in regions.items()
        ],
        "pools": [
            {
                "service": plan.service,
                "pool": plan.pool,
                "observed": _rounded(plan.before.items()),
                "planned": _rounded(plan.after.items()),
            }
            for plan in decision.plans
        ],
        "overloaded": [f"{p.service}/{p.pool}" for p in decision.plans if p.overload_rps],
        "holds": _holds(decision.plans),
        "drift": [position._asdict() for position in decision.drift],
    }


def _moves(plan: PoolPlan, after: Shares) -> list[Summary]:
    """A pool's way from what AWS has to these shares, region by region."""
    place = {"service": plan.service, "pool": plan.pool}
    return [
        {**place, "region": region, "before": plan.before[region], "after": share}
        for region, share in after.items()
        if abs(share - plan.before[region]) >= SAME
    ]


def _holds(plans: Iterable[PoolPlan]) -> list[Summary]:
    """Reasons without their numbers, which change all the time."""
    return [
        {"service": plan.service, "pool": plan.pool, "region": held.region, "reason": held.reason}
        for plan in plans
        for held in plan.held
    ]


def _rounded(shares: Iterable[tuple[str, float]]) -> dict[str, float]:
    """To a tenth of a per cent: nobody sees less."""
    return {region: round(share, 3) for region, share in shares}
