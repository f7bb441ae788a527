"""How one region stands in every pool, and what makes it carry what it carries.

Asked of regions that did not move as much as of those that did: what keeps a share as it is are
holds, a person's orders, rules that bound, or simply that placement wants nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from controller.model.decision import DecisionRecord, Hold, PipelineStep, PoolPlan
from controller.model.health import Verdict
from controller.model.levers import OutcomeStatus
from controller.model.overrides import Override, OverrideKind
from controller.planning.account.effects import RegionEffect, effects, load_text
from controller.planning.account.evidence import Evidence
from controller.planning.levers.registry import lever_of
from controller.planning.placement.believed import believed_figures
from controller.planning.shares import SHARE_TOLERANCE, normalised, percent


@dataclass(frozen=True, slots=True)
class RegionAccount:
    """One region in one pool."""

    service: str
    pool: str
    region: str
    verdict: Verdict
    evidence: str
    """What the verdict stands on."""
    share: float | None
    """As AWS has it, its dial behind an accelerator; None while nobody knows."""
    next_share: float | None
    """As it is after this decision's writes."""
    load: str
    """What it carries of all pools, in words; empty where nobody knows."""
    because: tuple[str, ...]
    """What makes it so; never empty."""
    place: str | None = None
    """Where the region is, as the settings say for people; None: they do not say."""


def region_accounts(evidence: Evidence, region: str) -> tuple[RegionAccount, ...]:
    """The region in every pool that may use it."""
    snapshot, decision = evidence.snapshot, evidence.decision
    loads = {
        one.service: _load(one)
        for one in effects(evidence, evidence).regions
        if one.region == region
    }
    found = []
    for plan in decision.plans:
        pool = snapshot.settings.services[plan.service].pools[plan.pool]
        if region in pool.regions:
            seen = decision.regions[plan.service][region]
            because = tuple(_because(evidence, plan, region)) or (_settled(evidence, plan, region),)
            found.append(
                RegionAccount(
                    plan.service,
                    plan.pool,
                    region,
                    seen.verdict,
                    seen.evidence,
                    plan.before.get(region),
                    plan.after.get(region),
                    loads[plan.service],
                    because,
                    snapshot.settings.regions[region].place,
                )
            )
    return tuple(found)


def plans_as_applied(record: DecisionRecord) -> tuple[PoolPlan, ...]:
    """The record's plans as they stood once AWS had applied what was written."""
    applied = {
        change.position
        for one in record.written
        if one.outcome.status is OutcomeStatus.APPLIED
        for change in one.changes
    }
    return tuple(
        replace(plan, before=plan.after)
        if any(change.position in applied for change in plan.changes)
        else plan
        for plan in record.plans
    )


def _load(one: RegionEffect) -> str:
    return "" if one.rps.now is None else load_text(one, one.rps.now, one.utilisation.now)


def _because(evidence: Evidence, plan: PoolPlan, region: str) -> Iterator[str]:
    """First what holds it, then who ordered it, then where placement wants it."""
    own = [rule for rule in plan.rules if rule.region == region]
    for held in plan.held:
        # A ramp holds region by region, which its rules tell.
        if held.region in (None, region) and held.reason is not Hold.RAMP_STEP:
            yield _held(held.reason, held.detail)
    for rule in own:
        if rule.step is PipelineStep.RAMP:
            yield _held(Hold.RAMP_STEP, rule.why)
    for override in evidence.snapshot.overrides:
        concerned = override.concerns(plan.service, pool=plan.pool)
        if concerned and override.region in (None, region) and not _says(plan, override):
            yield _order(override)
    for rule in own:
        if rule.step is PipelineStep.PLACEMENT:
            binding = ", binding" if rule.binding else ""
            yield f"wants {percent(rule.after)} ({rule.name}{binding}): {rule.why}"


def _held(reason: Hold, detail: str) -> str:
    return f"held by {reason.value}: {detail}"


def _says(plan: PoolPlan, override: Override) -> bool:
    """Whether what holds the plan names the override already, as a freeze does."""
    frozen = any(held.reason is Hold.FROZEN for held in plan.held)
    return override.kind is OverrideKind.FREEZE and frozen


def _order(override: Override) -> str:
    at = "" if override.share is None else f" at {percent(override.share)}"
    return f"{override.kind.value}{at} by {override.author}: {override.reason} (#{override.id})"


def _settled(evidence: Evidence, plan: PoolPlan, region: str) -> str:
    """Why placement wants just what there is."""
    seen = evidence.decision.regions[plan.service][region]
    if region not in plan.before:
        return "its weighted record or endpoint group is missing"
    share = plan.before[region]
    if seen.verdict is Verdict.DOWN:
        return "it is down and carries nothing"
    service = evidence.snapshot.settings.services[plan.service]
    if not lever_of(service).shares_add_up:
        return "it may serve, so its dial is open: nearness decides who comes"
    figures = believed_figures(
        evidence.snapshot, plan.service, evidence.decision.regions[plan.service]
    )
    away_ms = figures.latency_ms.get(plan.pool)
    if away_ms is None:
        return _by_share(evidence, plan, region)
    what = (
        "near enough for this share" if share > SHARE_TOLERANCE else "others are nearer or cheaper"
    )
    return f"{away_ms[region]:.0f} ms from the pool's users: {what}"


def _by_share(evidence: Evidence, plan: PoolPlan, region: str) -> str:
    """How near its share is to the configured one, of the regions that serve."""
    settings = evidence.snapshot.settings
    regions = settings.services[plan.service].regions
    serving = [one for one, share in plan.before.items() if share > 0 or one == region]
    whole = len(serving) == len(plan.before)
    configured = normalised({one: regions[one].share for one in serving}).get(region, 0.0)
    of_whom = "" if whole else f" of the {len(serving)} regions that serve"
    if abs(configured - plan.before[region]) < SHARE_TOLERANCE:
        return f"that is its configured share{of_whom}, and it has room for it"
    its = f"its configured share of {percent(configured)}{of_whom}"
    least = settings.placement.min_shift_points
    if abs(configured - plan.before[region]) * 100 >= least:
        return f"placement wants nothing else, not even {its}"
    return f"near {its}: a difference below {least:g} points is left as it is"
