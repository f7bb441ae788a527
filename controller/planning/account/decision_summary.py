"""Decisions and cycles in short, as values: what live events carry and lists show.

Pure. A decision in words is the business of `planning.account.explanation`.
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
"""Pools to the shares that were last told of them, observed and desired."""
NOTHING_PUBLISHED: PublishedShares = {}
LEFT_OUT = "left_out"


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


def reduced_to_summary(record: DecisionRecord) -> DecisionRecord:
    """The record with no more than its summary tells, which takes a fraction of the memory."""
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
    snapshot: Snapshot, decision: Decision, told: PublishedShares = NOTHING_PUBLISHED
) -> Summary:
    """How things stand after a cycle; equal as long as nothing that people look at changed.

    Of pools, those are in it that move or would move, and those whose shares are not as `told`.
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
                "observed": _rounded(plan.before),
                "desired": _rounded(plan.desired),
            }
            for plan in decision.plans
            if plan.changes or plan.withheld or _is_news(plan, told)
        ],
        "overloaded": [f"{p.service}/{p.pool}" for p in decision.plans if p.overload_rps],
        "holds": _holds(decision.plans),
        "drift": [position._asdict() for position in decision.drift],
    }


def published_shares(decision: Decision) -> PublishedShares:
    """What one who has been told of this decision knows of its pools."""
    return {(plan.service, plan.pool): (plan.before, plan.desired) for plan in decision.plans}


def cut_to_size(summary: Summary, most_bytes: int) -> Summary:
    """The summary in at most so many bytes of JSON, or with nothing left to cut.

    Of lists the beginning is kept, of texts the last lines, of anything else nothing; `left_out`
    says of which member how many parts are missing.
    """
    kept: Summary = SHOWN(summary)
    left_out: dict[str, int] = {}
    while len(as_text({**kept, LEFT_OUT: left_out}).encode()) > most_bytes and any(kept.values()):
        largest = max(kept, key=lambda name: (bool(kept[name]), len(as_text(kept[name]))))
        kept[largest], missing = _shortened(kept[largest])
        left_out[largest] = left_out.get(largest, 0) + missing
    return {**kept, LEFT_OUT: left_out} if left_out else kept


def _shortened(value: object) -> tuple[object, int]:
    """Half of a list or text, and how many members or lines that leaves out; else nothing."""
    if isinstance(value, list) and value:
        half = len(value) // 2
        return value[:half], len(value) - half
    if isinstance(value, str) and value:
        lines = value.splitlines()
        half = len(lines) // 2
        return "\n".join(lines[len(lines) - half :]), len(lines) - half
    return None, 1


def _is_news(plan: PoolPlan, told: PublishedShares) -> bool:
    observed, desired = told.get((plan.service, plan.pool), ({}, {}))
    return _differ(plan.before, observed) or _differ(plan.desired, desired)


def _differ(one: Shares, other: Shares) -> bool:
    # Equal ones, which most are, need no rounding.
    return one != other and _rounded(one) != _rounded(other)


def _moves(plan: PoolPlan, after: Shares) -> list[Summary]:
    """A pool's way from what AWS has to these shares, region by region."""
    place = {"service": plan.service, "pool": plan.pool}
    return [
        {**place, "region": region, "before": plan.before[region], "after": share}
        for region, share in after.items()
        if abs(share - plan.before[region]) >= SHARE_TOLERANCE
    ]


def _holds(plans: Iterable[PoolPlan]) -> list[Summary]:
    """Reasons without their numbers, which change all the time."""
    return [
        {"service": plan.service, "pool": plan.pool, "region": held.region, "reason": held.reason}
        for plan in plans
        for held in plan.held
    ]


def _rounded(shares: Shares) -> dict[str, float]:
    """To a tenth of a per cent: nobody sees less."""
    return {region: round(share, 3) for region, share in shares.items()}
