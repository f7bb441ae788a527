"""A digest of a decision: equal digests have equal verdicts, changes and holds.

Numbers that change in every cycle (times, counts, latencies in a reason) are left out.
"""

from __future__ import annotations

import hashlib
import json

from controller.model.decision import Decision, PoolPlan, Shares
from controller.model.levers import Change


def digest(decision: Decision) -> str:
    """SHA-256 of every verdict and of what each pool would write and hold, in hexadecimal."""
    verdicts = {
        service: {region: health.verdict.value for region, health in regions.items()}
        for service, regions in decision.regions.items()
    }
    text = json.dumps([verdicts, [_plan(plan) for plan in decision.plans]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plan(plan: PoolPlan) -> object:
    return [
        plan.service,
        plan.pool,
        _rounded(plan.before),
        None if plan.desired == plan.before else _rounded(plan.desired),
        [_change(change) for change in (*plan.changes, *plan.withheld)],
        sorted((held.reason.value, held.region or "") for held in plan.held),
    ]


def _rounded(shares: Shares) -> dict[str, float]:
    return {region: round(share, 4) for region, share in shares.items()}


def _change(change: Change) -> object:
    before, after = change.before, change.after
    return [*change.position, before.weight, before.dial, after.weight, after.dial]
