"""Summaries of decisions and cycles, for live events and lists.

`planning.account.explanation` has decisions as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from controller.model.decision import (
    Decision,
    DecisionRecord,
    PoolName,
    PoolPlan,
    Shares,
    Snapshot,
)
from controller.model.encoding import SHOWN, as_text
from controller.model.overrides import OverrideKind
from controller.planning.shares import SHARE_TOLERANCE

Summary = dict[str, object]
PublishedShares = Mapping[PoolName, tuple[Shares, Shares]]
"""Pool to its observed and desired shares in the last published cycle."""
NOTHING_PUBLISHED: PublishedShares = {}
LEFT_OUT = "left_out"


def decision_summary(record: DecisionRecord) -> Summary:
    """What a decision moved and held, and the outcomes of its writes."""
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


def reduced_to_summary(record: DecisionRecord) -> DecisionRecord:
    """The record with only what its summary needs, which takes a fraction of the memory."""
    plans = (plan for plan in record.plans if plan.changes or plan.withheld or plan.held)
    return replace(record, regions={}, plans=tuple(map(_moving_part, plans)), rejected=())


def _moving_part(plan: PoolPlan) -> PoolPlan:
    """The plan with the shares of regions that move or would move, and without its rules."""
    stays = {
        region
        for region, share in plan.before.items()
        if share == plan.desired.get(region) == plan.after.get(region)
    }
    before, desired, after = (
        {region: share for region, share in shares.items() if region not in stays}
        for shares in (plan.before, plan.desired, plan.after)
    )
    return replace(plan, before=before, desired=desired, after=after, rules=())


def cycle_summary(
    snapshot: Snapshot, decision: Decision, published: PublishedShares = NOTHING_PUBLISHED
) -> Summary:
    """The state after a cycle; two summaries are equal while nothing that users see has changed.

    It has the pools that move or would move, and those whose shares differ from `published`.
    """
    return {
        "frozen": any(o.kind is OverrideKind.FREEZE for o in snapshot.overrides),
        "isolated": decision.memory.isolated_since is not None,
        "panic": sorted(n for n, m in decision.memory.services.items() if m.panic is not None),
        "overrides": [override.id for override in snapshot.overrides],
        "regions": [
            {
                "service": service,
                "region": region,
                "verdict": health.verdict,
                "suspect": health.suspect_since is not None,
                "usable": health.usable,
            }
            for service, regions in decision.regions.items()
            for region, health in regions.items()
        ],
        "pools": [
            {
                "service": plan.service,
                "pool": plan.pool,
                "observed": _rounded(plan.before),
                "desired": _rounded(plan.desired),
            }
            for plan in decision.plans
            if plan.changes or plan.withheld or _is_unpublished(plan, published)
        ],
        "overloaded": [f"{p.service}/{p.pool}" for p in decision.plans if p.overload_rps],
        "holds": _holds(decision.plans),
        "drift": [position._asdict() for position in decision.drift],
    }


def published_shares(decision: Decision) -> PublishedShares:
    """Pool to observed and desired shares of this decision."""
    return {(plan.service, plan.pool): (plan.before, plan.desired) for plan in decision.plans}


def cut_to_size(summary: Summary, max_bytes: int) -> Summary:
    """The summary in at most `max_bytes` of JSON, or with nothing left to cut.

    Lists keep their beginning, texts their last lines, anything else is removed. `left_out` has the
    number of missing parts for each member.
    """
    kept: Summary = SHOWN(summary)
    left_out: dict[str, int] = {}
    while len(as_text({**kept, LEFT_OUT: left_out}).encode()) > max_bytes and any(kept.values()):
        largest = max(kept, key=lambda name: (bool(kept[name]), len(as_text(kept[name]))))
        kept[largest], missing = _shortened(kept[largest])
        left_out[largest] = left_out.get(largest, 0) + missing
    return {**kept, LEFT_OUT: left_out} if left_out else kept


def _shortened(value: object) -> tuple[object, int]:
    """Half of a list or text, and the number of members or lines left out; None for the rest."""
    if isinstance(value, list) and value:
        half = len(value) // 2
        return value[:half], len(value) - half
    if isinstance(value, str) and value:
        lines = value.splitlines()
        half = len(lines) // 2
        return "\n".join(lines[len(lines) - half :]), len(lines) - half
    return None, 1


def _is_unpublished(plan: PoolPlan, published: PublishedShares) -> bool:
    observed, desired = published.get((plan.service, plan.pool), ({}, {}))
    return _differ(plan.before, observed) or _differ(plan.desired, desired)


def _differ(one: Shares, other: Shares) -> bool:
    # Equal ones, which most are, need no rounding.
    return one != other and _rounded(one) != _rounded(other)


def _moves(plan: PoolPlan, after: Shares) -> list[Summary]:
    """A pool's moves from its observed shares to these, region by region."""
    place = {"service": plan.service, "pool": plan.pool}
    return [
        {**place, "region": region, "before": plan.before[region], "after": share}
        for region, share in after.items()
        if abs(share - plan.before[region]) >= SHARE_TOLERANCE
    ]


def _holds(plans: Iterable[PoolPlan]) -> list[Summary]:
    """Holds without their numbers, which change in every cycle."""
    return [
        {"service": plan.service, "pool": plan.pool, "region": held.region, "reason": held.reason}
        for plan in plans
        for held in plan.held
    ]


def _rounded(shares: Shares) -> dict[str, float]:
    """Rounded to 0.1 %, the precision that users see."""
    return {region: round(share, 3) for region, share in shares.items()}
