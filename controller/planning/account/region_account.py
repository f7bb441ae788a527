"""One region's share in every pool, and the reasons for it.

Users ask for regions that moved and for regions that did not. Reasons are holds, orders, rules, or
that placement wants the present share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from controller.model.decision import DecisionRecord, Hold, PipelineStep, PoolPlan
from controller.model.health import Verdict
from controller.model.levers import OutcomeStatus, Position
from controller.model.overrides import Override, OverrideKind
from controller.planning.account.effects import RegionEffect, effects, load_text
from controller.planning.account.evidence import Evidence
from controller.planning.levers.record_tree import unsteered_text
from controller.planning.levers.registry import lever_of
from controller.planning.placement.believed import believed_figures
from controller.planning.placement.optimal_split import price_ms
from controller.planning.shares import SHARE_TOLERANCE, normalised, percent

_NOTICEABLE_MS = 0.1
"""A smaller gain is none that people would look for."""


@dataclass(frozen=True, slots=True)
class RegionAccount:
    """One region's share of one pool, and why."""

    service: str
    pool: str
    region: str
    verdict: Verdict
    evidence: str
    """The evidence for the verdict, one line."""
    share: float | None
    """Observed share, or dial behind an accelerator, 0 to 1; None: AWS was never read."""
    next_share: float | None
    """The same after this decision's writes."""
    load: str
    """The region's load of all pools, as text; empty where it is unknown."""
    because: tuple[str, ...]
    """The reasons; never empty."""
    place: str | None = None
    """The region's location for users, from the catalogue; None: not configured."""


def region_accounts(evidence: Evidence, region: str) -> tuple[RegionAccount, ...]:
    """The region's account in every pool that may use it."""
    snapshot, decision = evidence.snapshot, evidence.decision
    loads = {
        effect.service: _load(effect)
        for effect in effects(evidence, evidence).regions
        if effect.region == region
    }
    found = []
    for plan in decision.plans:
        pool = snapshot.settings.services[plan.service].pools[plan.pool]
        if region in pool.regions:
            health = decision.regions[plan.service][region]
            because = tuple(_because(evidence, plan, region)) or (
                _reason_to_stay(evidence, plan, region),
            )
            found.append(
                RegionAccount(
                    plan.service,
                    plan.pool,
                    region,
                    health.verdict,
                    health.evidence,
                    plan.before.get(region),
                    plan.after.get(region),
                    loads[plan.service],
                    because,
                    snapshot.settings.regions[region].place,
                )
            )
    return tuple(found)


def plans_as_applied(record: DecisionRecord) -> tuple[PoolPlan, ...]:
    """The record's plans, with `before` as it was after the applied writes."""
    applied = {
        change.position
        for write in record.written
        if write.outcome.status is OutcomeStatus.APPLIED
        for change in write.changes
    }
    return tuple(
        replace(plan, before=plan.after)
        if any(change.position in applied for change in plan.changes)
        else plan
        for plan in record.plans
    )


def _load(effect: RegionEffect) -> str:
    rps = effect.rps.now
    return "" if rps is None else load_text(effect, rps, effect.utilisation.now)


def _because(evidence: Evidence, plan: PoolPlan, region: str) -> Iterator[str]:
    """First its holds and what is not steered, then the orders for it, then placement's rules."""
    own = [rule for rule in plan.rules if rule.region == region]
    for held in plan.held:
        # A ramp step's hold is left out, because the region's ramp rule has it.
        if held.region in (None, region) and held.reason is not Hold.RAMP_STEP:
            yield _held(held.reason, held.detail)
    if unsteered := _unsteered_beyond_its_share(evidence, plan, region):
        yield f"not steered: {unsteered_text(unsteered)} lead here, whatever its share is"
    for rule in own:
        if rule.step is PipelineStep.RAMP:
            yield _held(Hold.RAMP_STEP, rule.why)
    for override in evidence.snapshot.overrides:
        concerned = override.applies_to(plan.service, pool=plan.pool)
        if concerned and override.region in (None, region) and not _is_freeze_shown(plan, override):
            yield _order(override)
    for rule in own:
        if rule.step is PipelineStep.PLACEMENT:
            binding = ", binding" if rule.binding else ""
            yield f"wants {percent(rule.after)} ({rule.name}{binding}): {rule.why}"


def _unsteered_beyond_its_share(
    evidence: Evidence, plan: PoolPlan, region: str
) -> dict[str, float]:
    """Types that are not steered to the share of their answers, where that exceeds the region's."""
    observed = evidence.snapshot.observed.get(plan.service)
    if observed is None:
        return {}
    shares = observed.unsteered.get(Position(plan.service, plan.pool, region), {})
    most = plan.before.get(region, 0.0) + SHARE_TOLERANCE
    return {type_: share for type_, share in shares.items() if share >= most}


def _held(reason: Hold, detail: str) -> str:
    return f"held by {reason.value}: {detail}"


def _is_freeze_shown(plan: PoolPlan, override: Override) -> bool:
    """Whether the override is a freeze that the plan's hold names already."""
    frozen = any(held.reason is Hold.FROZEN for held in plan.held)
    return override.kind is OverrideKind.FREEZE and frozen


def _order(override: Override) -> str:
    at = "" if override.share is None else f" at {percent(override.share)}"
    return f"{override.kind.value}{at} by {override.author}: {override.reason} (#{override.id})"


def _reason_to_stay(evidence: Evidence, plan: PoolPlan, region: str) -> str:
    """Why placement wants the present share."""
    health = evidence.decision.regions[plan.service][region]
    if region not in plan.before:
        return "its weighted record or endpoint group is missing"
    share = plan.before[region]
    if health.verdict is Verdict.DOWN:
        return "it is down and carries nothing"
    service = evidence.snapshot.settings.services[plan.service]
    if not lever_of(service).shares_add_up:
        return "it may serve, so its dial is open: nearness decides who comes"
    believed = believed_figures(
        evidence.snapshot, plan.service, evidence.decision.regions[plan.service]
    )
    latency_ms = believed.latency_ms.get(plan.pool)
    if latency_ms is None:
        return _share_reason(evidence, plan, region)
    what = _users_elsewhere(evidence, plan, region, latency_ms) or (
        "near enough for this share" if share > SHARE_TOLERANCE else "others are nearer or cheaper"
    )
    return f"{latency_ms[region]:.0f} ms from the pool's users: {what}"


def _users_elsewhere(
    evidence: Evidence, plan: PoolPlan, region: str, latency_ms: Mapping[str, float]
) -> str:
    """Whose users the region would serve better, but not by enough to move them; empty: nobody's.

    So it stays after a drain or a failure: what was moved away returns as far as others have no
    room for it, or as it gains by that.
    """
    settings = evidence.snapshot.settings
    placement = settings.placement

    def cost_ms(name: str) -> float:
        return latency_ms[name] + price_ms(placement, settings.regions[name])

    found = [
        f"{name} keeps {percent(share)} of them, who would gain {gain_ms:.3g} ms a request here"
        for name, share in plan.before.items()
        if share > SHARE_TOLERANCE
        if _NOTICEABLE_MS < (gain_ms := cost_ms(name) - cost_ms(region)) < placement.move_gain_ms
    ]
    if not found:
        return ""
    rule = f"traffic moves without need for {placement.move_gain_ms:g} ms or more"
    return f"{', '.join(found)}; {rule} (placement.move_gain_ms)"


def _share_reason(evidence: Evidence, plan: PoolPlan, region: str) -> str:
    """How its share compares with the configured one among the regions that serve."""
    settings = evidence.snapshot.settings
    regions = settings.services[plan.service].regions
    serving = [name for name, share in plan.before.items() if share > 0 or name == region]
    all_serve = len(serving) == len(plan.before)
    configured = normalised({name: regions[name].share for name in serving}).get(region, 0.0)
    of_whom = "" if all_serve else f" of the {len(serving)} regions that serve"
    if abs(configured - plan.before[region]) < SHARE_TOLERANCE:
        return f"that is its configured share{of_whom}, and it has room for it"
    its = f"its configured share of {percent(configured)}{of_whom}"
    least = settings.placement.min_shift_points
    if abs(configured - plan.before[region]) * 100 >= least:
        return f"placement wants nothing else, not even {its}"
    return f"near {its}: a difference below {least:g} points is left as it is"
