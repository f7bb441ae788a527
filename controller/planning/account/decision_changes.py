"""What changed between two decisions, as text and as a comparable signature.

A decision is recorded when its signature has changed since the one before, or when AWS answers a
write differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from controller.model.decision import Decision, Hold, PoolName, PoolPlan, Shares, WriteResult
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.model.overrides import Override, OverrideKind
from controller.planning.account.effects import RegionEffect, effects, load_text
from controller.planning.account.evidence import Evidence
from controller.planning.account.moves import moves_text
from controller.planning.levers.registry import lever_of
from controller.planning.shares import SHARE_TOLERANCE, is_same_split, percent


@dataclass(frozen=True, slots=True)
class DecisionSignature:
    """What must differ for a decision to be recorded."""

    verdicts: tuple[tuple[str, str, Verdict, int], ...]
    overloaded: frozenset[PoolName]
    plans: Mapping[PoolName, Shares]
    """Pool to its split after the decision."""
    moving: frozenset[PoolName]
    """Pools with changes to be written."""
    holds: frozenset[tuple[str, str, Hold, str | None]]
    drift: frozenset[Position]
    overrides: tuple[int, ...]


def write_outcomes(written: Iterable[WriteResult]) -> tuple[tuple[str, str], ...]:
    """Target and status of each write; recorded, too, when they differ."""
    return tuple((w.target, w.outcome.status.value) for w in written)


def decision_signature(decision: Decision, overrides: Iterable[Override]) -> DecisionSignature:
    """The decision's signature: without numbers and times that change in every cycle."""
    return DecisionSignature(
        verdicts=tuple(
            (service, region, health.verdict, health.degraded)
            for service, regions in decision.regions.items()
            for region, health in regions.items()
        ),
        overloaded=frozenset(_overloads(decision)),
        plans={
            (plan.service, plan.pool): {r: round(share, 3) for r, share in plan.after.items()}
            for plan in decision.plans
        },
        moving=frozenset((plan.service, plan.pool) for plan in decision.plans if plan.changes),
        holds=frozenset(
            (plan.service, plan.pool, held.reason, held.region)
            for plan in decision.plans
            for held in plan.held
        ),
        drift=frozenset(decision.drift),
        overrides=tuple(override.id for override in overrides),
    )


def has_changed(before: DecisionSignature | None, now: DecisionSignature) -> bool:
    """Whether the signature differs from the one before; True without one before.

    Shares of pools without changes may differ by rounding: whole weights only approximate shares.
    """
    if before is None or replace(now, plans=before.plans, moving=before.moving) != before:
        return True
    return now.plans.keys() != before.plans.keys() or any(
        shares != before.plans[pool]
        if pool in now.moving
        else not is_same_split(shares, before.plans[pool])
        for pool, shares in now.plans.items()
    )


def triggers(
    before: Decision | None,
    decision: Decision,
    overrides_before: Iterable[Override],
    overrides: Iterable[Override],
) -> tuple[str, ...]:
    """What triggered the decision, one line each, with numbers."""
    lines = [
        *_verdict_changes(before.regions if before else {}, decision.regions),
        *_override_changes(tuple(overrides_before), tuple(overrides)),
        *(
            f"drift: {text}"
            for p, text in decision.drift.items()
            if not before or p not in before.drift
        ),
        *_overload_changes(before, decision),
        *_new_holds(before, decision),
    ]
    if not lines:
        lines = [_next_move(before, plan) for plan in decision.plans if plan.changes]
    return tuple(dict.fromkeys(lines))  # a pool's regions often have the same hold


def _next_move(before: Decision | None, plan: PoolPlan) -> str:
    """Why a pool moves although no trigger is new."""
    name = plan.service, plan.pool
    sent = [p.changes for p in before.plans if (p.service, p.pool) == name] if before else []
    is_repeated = plan.changes in sent
    return f"{'/'.join(name)}: " + (
        "wanted again, for AWS does not show it yet" if is_repeated else "next step"
    )


def override_authors(
    decision: Decision, overrides_before: Iterable[Override], overrides: Iterable[Override]
) -> tuple[str, ...]:
    """Authors of orders that were set, ended, or move their region in this decision."""
    before, after = tuple(overrides_before), tuple(overrides)
    known, active = {o.id for o in before}, {o.id for o in after}
    moving = [plan for plan in decision.plans if plan.changes]
    concerned = [
        *(o for o in before if o.id not in active),
        *(o for o in after if o.id not in known or _moves(o, moving)),
    ]
    return tuple(dict.fromkeys(override.author for override in concerned))


def expected_effect(evidence: Evidence) -> str:
    """The expected effect of the changes on users and regions, and when; empty without changes."""
    settings, plans = evidence.snapshot.settings, evidence.decision.plans
    if not any(plan.changes for plan in plans):
        return ""
    effect = effects(evidence, evidence)
    latency_ms = {(pool.service, pool.pool): pool.latency_ms.after for pool in effect.pools}
    lines = []
    for plan in plans:
        if not plan.changes:
            continue
        moves = moves_text(plan.before, plan.after)
        service = settings.services[plan.service]
        when = lever_of(service).propagation_text(service)
        away_ms = latency_ms[plan.service, plan.pool]
        away = "" if away_ms is None else f", then {away_ms:.0f} ms away on average"
        lines.append(f"{plan.service}/{plan.pool}: {moves}{away}; {when}")
    return "\n".join([*lines, *_loads(plans, effect.regions)])


def _loads(plans: Iterable[PoolPlan], regions: Iterable[RegionEffect]) -> Iterable[str]:
    """The load of regions that get more traffic."""
    gaining = {
        (plan.service, region)
        for plan in plans
        if plan.changes
        for region, share in plan.after.items()
        if share > plan.before[region] + SHARE_TOLERANCE
    }
    for region in regions:
        rps = region.rps.after
        if (region.service, region.region) in gaining and rps is not None:
            carried = load_text(region, rps, region.utilisation.after)
            yield f"{region.service}/{region.region}: carries {carried}"


def _moves(override: Override, plans: Iterable[PoolPlan]) -> bool:
    """Whether one of these plans moves the override's region as ordered."""
    is_moved = _goes_to_its_pin if override.kind is OverrideKind.PIN else _is_emptied
    region = override.region
    return region is not None and any(
        override.applies_to(plan.service, pool=plan.pool) and is_moved(plan, region)
        for plan in plans
    )


def _is_emptied(plan: PoolPlan, region: str) -> bool:
    return plan.by_person and bool(plan.before.get(region)) and not plan.after.get(region)


def _goes_to_its_pin(plan: PoolPlan, region: str) -> bool:
    """Whether a pin of the region has a rule: also in later ramp steps; a refused pin has none."""
    return any(rule.name == OverrideKind.PIN.value and rule.region == region for rule in plan.rules)


def _verdict_changes(
    before: Mapping[str, Mapping[str, RegionHealth]],
    after: Mapping[str, Mapping[str, RegionHealth]],
) -> Iterable[str]:
    for service, regions in after.items():
        for region, health in regions.items():
            was = before.get(service, {}).get(region)
            old = was.verdict if was else Verdict.UNKNOWN
            if old is not health.verdict:
                yield f"{service}/{region} {old.value} → {health.verdict.value}: {health.why}"
            elif (
                was
                and health.verdict is Verdict.DOWN
                and health.agreeing_parties > was.agreeing_parties
            ):
                yield f"{service}/{region} is down, and more say so: {health.why}"
            elif (was.degraded if was else 0) != health.degraded:
                yield f"{service}/{region} {_counted_on(health)}: {health.why}"


def _counted_on(health: RegionHealth) -> str:
    if not health.degraded:
        return "is no longer degraded"
    return f"is degraded, {percent(health.usable)} of its capacity is counted on"


def _overload_changes(before: Decision | None, after: Decision) -> Iterable[str]:
    old, new = _overloads(before) if before else {}, _overloads(after)
    for pool, rps in new.items():
        if pool not in old:
            yield f"{'/'.join(pool)} is overloaded: {rps:.0f} requests/s more than fit"
    for pool in old:
        if pool not in new:
            yield f"{'/'.join(pool)} is no longer overloaded"


def _overloads(decision: Decision) -> dict[PoolName, float]:
    return {(p.service, p.pool): p.overload_rps for p in decision.plans if p.overload_rps > 0}


def _override_changes(before: tuple[Override, ...], after: tuple[Override, ...]) -> Iterable[str]:
    old, new = {o.id for o in before}, {o.id for o in after}
    for override in after:
        if override.id not in old:
            yield f"{_named(override)} set by {override.author}: {override.reason}"
    for override in before:
        if override.id not in new:
            yield f"{_named(override)} by {override.author} ended"


def _new_holds(before: Decision | None, decision: Decision) -> Iterable[str]:
    known = {
        (plan.service, plan.pool, held.reason, held.region)
        for plan in (before.plans if before else ())
        for held in plan.held
    }
    for plan in decision.plans:
        for held in plan.held:
            new = (plan.service, plan.pool, held.reason, held.region) not in known
            if new and held.reason is not Hold.RAMP_STEP:
                yield f"{plan.service}/{plan.pool} holds ({held.reason.value}): {held.detail}"


def _named(override: Override) -> str:
    place = "/".join(part for part in (override.service, override.pool, override.region) if part)
    share = "" if override.share is None else f"at {percent(override.share)}"
    return " ".join(filter(None, (override.kind.value, place, share)))
