"""Plans as the API shows them: what would be written to AWS, now or under a hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import flag
from controller.api.http.response_bodies import View
from controller.loops.cycle.previews import Preview
from controller.model.decision import PoolPlan
from controller.planning.account.effects import Effects, effects
from controller.planning.account.effects_text import explain_hypotheses
from controller.planning.account.evidence import Evidence
from controller.planning.account.explanation import explain_plan, is_unchanged
from controller.planning.account.what_if import apply_hypotheses
from controller.planning.decision import decide
from controller.planning.guards.way_back import plan_warnings

ALL_POOLS = flag("all", "Tell of the pools, too, that stay as they are and that nothing holds.")
"""Parameter of every route whose response is a plan."""


class PlanView(View):
    """What would be written to AWS now."""

    at: datetime
    plans: tuple[PoolPlan, ...]
    """The pools that move or that something holds; with `all` every pool."""
    left_out: int
    """Pools shown neither here nor in `effects`: they stay as they are, held by nothing."""
    changes: int
    """Positions that would be set."""
    effects: Effects
    """What it does to regions and users; an unknown figure is null."""
    warnings: tuple[str, ...]
    """What these changes do not do (records that are not steered), or do for good."""
    text: str
    """The plan in words."""


def plan_view(
    dependencies: ApiDependencies, preview: Preview, *, all_pools: bool = False
) -> PlanView:
    """A preview's plan; without `all_pools` only the pools that change or are held."""
    evidence = preview.evidence
    text = explain_plan(evidence.decision.plans, everything=all_pools)
    return _view(dependencies, evidence, preview.effects, text, all_pools=all_pools)


def what_if_view(
    dependencies: ApiDependencies,
    preview: Preview,
    hypotheses: Sequence[str],
    *,
    all_pools: bool = False,
) -> PlanView:
    """The plan as if these hypotheses were true, too, such as `eu-west-1 down`.

    Decides once more. Raises InvalidRequestError for a hypothesis that cannot be understood.
    """
    present = preview.evidence
    supposition = apply_hypotheses(present.snapshot, hypotheses)
    supposed = Evidence(supposition.snapshot, decide(supposition.snapshot))
    found = effects(present, supposed, supposition.down)
    plans = supposed.decision.plans
    text = explain_hypotheses(hypotheses, plans, found, everything=all_pools)
    return _view(dependencies, supposed, found, text, all_pools=all_pools)


def _view(
    dependencies: ApiDependencies,
    evidence: Evidence,
    found: Effects,
    text: str,
    *,
    all_pools: bool,
) -> PlanView:
    decision = evidence.decision
    warnings = plan_warnings(evidence.snapshot, decision)
    plans = tuple(plan for plan in decision.plans if all_pools or not is_unchanged(plan))
    shown = {(plan.service, plan.pool) for plan in plans}
    pools = tuple(pool for pool in found.pools if (pool.service, pool.pool) in shown)
    return PlanView(
        at=dependencies.clock.wall(),
        plans=plans,
        left_out=len(decision.plans) - len(plans),
        changes=len(decision.changes),
        effects=replace(found, pools=pools),
        warnings=warnings,
        text="\n".join([text, *(f"warning: {warning}" for warning in warnings)]),
    )
