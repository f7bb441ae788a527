"""What several routes answer with: overrides, plans, pages of things.

A view is the shape of an answer. It is filled from the model's values and says in its fields'
docstrings what the documentation says of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import flag
from controller.loops.cycle.previews import Preview
from controller.model.decision import Decision, PoolPlan
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from controller.planning.account.effects import Effects, effects
from controller.planning.account.effects_text import explain_hypotheses
from controller.planning.account.evidence import Evidence
from controller.planning.account.explanation import explain_plan, is_unchanged
from controller.planning.account.what_if import apply_hypotheses
from controller.planning.decision import decide
from controller.planning.void_orders import void_reason

Item = TypeVar("Item")

ALL = flag("all", "Tell of the pools, too, that stay as they are and that nothing holds.")
"""Of every request that is answered with a plan."""

VIEW_CONFIG = ConfigDict(
    frozen=True,
    extra="forbid",
    use_attribute_docstrings=True,
    json_schema_serialization_defaults_required=True,  # what has a default is answered, too
)


class View(BaseModel):
    """Base of what is answered."""

    model_config = VIEW_CONFIG


class Page(View, Generic[Item]):
    """Things in a list, and where the list goes on."""

    items: tuple[Item, ...]
    next: str | None = None
    """Path of the following page; null at the end."""


class OverrideView(View):
    """A person's standing instruction."""

    id: int
    kind: OverrideKind
    region: str | None
    """Null for a freeze."""
    service: str | None
    """Null: every service."""
    pool: str | None
    """Null: every pool of the service."""
    share: float | None
    """A pin's part of each pool's traffic, its dial behind an accelerator; null for all others."""
    author: str
    """Who gave it: the caller, and in front of that whom the caller named."""
    reason: str
    created_at: datetime
    expires_at: datetime
    ignore_guards: tuple[str, ...]
    """Guards it overrides."""
    remaining_s: float
    """Seconds until it ends by itself; 0 once it has ended."""
    expires_soon: bool
    """Whether its end is announced: `overrides.announce_before_s` in the configuration."""
    void: str | None
    """Why it orders nothing now: what it speaks of is not configured; null: it is."""


class PlanView(View):
    """What would be written to AWS now."""

    at: datetime
    plans: tuple[PoolPlan, ...]
    """The pools that move or that something holds; with `all` every pool."""
    left_out: int
    """Pools that are told neither here nor in `effects`: they stay as they are, held by nothing."""
    changes: int
    """Positions that would be set."""
    effects: Effects
    """What it does to regions and users; a figure nobody knows is null."""
    text: str
    """The plan in words."""


def shown(context: ApiDependencies, override: Override) -> OverrideView:
    """An override with the seconds it has left."""
    ids = [known.id for known in context.overrides.active()]
    left_s = context.overrides.remaining_s(override.id) if override.id in ids else 0.0
    announce_s = context.settings.overrides.announce_before_s
    return OverrideView(
        id=override.id,
        kind=override.kind,
        region=override.region,
        service=override.service,
        pool=override.pool,
        share=override.share,
        author=override.author,
        reason=override.reason,
        created_at=override.created_at,
        expires_at=override.expires_at,
        ignore_guards=override.ignore_guards,
        remaining_s=round(left_s, 1),
        expires_soon=0 < left_s <= announce_s,
        void=void_reason(override, context.settings),
    )


def in_force(context: ApiDependencies) -> tuple[OverrideView, ...]:
    """Every override in force, oldest first."""
    return tuple(shown(context, override) for override in context.overrides.active())


def planned(context: ApiDependencies, decided: Preview, *, everything: bool = False) -> PlanView:
    """A preview's plan; with `everything` the pools that stay as they are, too."""
    decision = decided.evidence.decision
    text = explain_plan(decision.plans, everything=everything)
    return _view(context, decision, decided.effects, text, everything=everything)


def supposed(
    context: ApiDependencies,
    decided: Preview,
    hypotheses: Sequence[str],
    *,
    everything: bool = False,
) -> PlanView:
    """The plan as if besides this had happened. Raises InvalidRequestError."""
    now = decided.evidence
    supposition = apply_hypotheses(now.snapshot, hypotheses)
    then = Evidence(supposition.snapshot, decide(supposition.snapshot))
    seen = effects(now, then, supposition.down)
    text = explain_hypotheses(hypotheses, then.decision.plans, seen, everything=everything)
    return _view(context, then.decision, seen, text, everything=everything)


def as_if_set(context: ApiDependencies, *requests: OverrideRequest) -> tuple[Override, ...]:
    """What would be in force with these requests obeyed. Raises InvalidRequestError."""
    active = context.overrides.active()
    newest = max((override.id for override in active), default=0)
    for wanted in requests:
        context.overrides.check(wanted)
    added = [
        _as_if_set(number, wanted, context.clock.wall())
        for number, wanted in enumerate(requests, newest + 1)
    ]
    places = {override.place for override in added}
    return (*(one for one in active if one.place not in places), *added)


def as_if_ended(context: ApiDependencies, ended: Override) -> tuple[Override, ...]:
    """What would be in force without this one."""
    return tuple(one for one in context.overrides.active() if one.id != ended.id)


def _view(
    context: ApiDependencies, decision: Decision, seen: Effects, text: str, *, everything: bool
) -> PlanView:
    plans = tuple(p for p in decision.plans if everything or not is_unchanged(p))
    told = {(plan.service, plan.pool) for plan in plans}
    pools = tuple(one for one in seen.pools if (one.service, one.pool) in told)
    return PlanView(
        at=context.clock.wall(),
        plans=plans,
        left_out=len(decision.plans) - len(plans),
        changes=len(decision.changes),
        effects=replace(seen, pools=pools),
        text=text,
    )


def _as_if_set(number: int, wanted: OverrideRequest, now: datetime) -> Override:
    """The override it would become. Its number says that it came last, which orders depend on."""
    return Override(
        id=number,
        kind=wanted.kind,
        region=wanted.region,
        service=wanted.service,
        pool=wanted.pool,
        share=wanted.share,
        author=wanted.author,
        reason=wanted.reason,
        created_at=now,
        expires_at=now + timedelta(seconds=wanted.ttl_s),
        ignore_guards=wanted.ignore_guards,
    )
