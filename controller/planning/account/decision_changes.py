"""What changed between two decisions, in words and as a comparable value.

A decision is worth keeping when its signature is news after the one before it, or when AWS answers
a write differently.
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
    """What must differ for a decision to be kept."""

    verdicts: tuple[tuple[str, str, Verdict, int], ...]
    overloaded: frozenset[PoolName]
    plans: Mapping[PoolName, Shares]
    """Where each pool's traffic is after it."""
    moving: frozenset[PoolName]
    """Pools that it writes to."""
    holds: frozenset[tuple[str, str, Hold, str | None]]
    drift: frozenset[Position]
    overrides: tuple[int, ...]


def write_outcomes(written: Iterable[WriteResult]) -> tuple[tuple[str, str], ...]:
    """What AWS answered, target by target; that must differ, too, while the same is written."""
    return tuple((w.target, w.outcome.status.value) for w in written)


def decision_signature(decision: Decision, overrides: Iterable[Override]) -> DecisionSignature:
    """The decision without its numbers and times."""
    return DecisionSignature(
        verdicts=tuple(
            (service, region, seen.verdict, seen.degraded)
            for service, regions in decision.regions.items()
            for region, seen in regions.items()
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
    """Whether a decision says anything that the one before it did not.

    That AWS has what was written is none: whole weights give shares that are off by rounding.
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
    """What set the decision off, with numbers."""
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
    return tuple(dict.fromkeys(lines))  # a pool's regions are often held by the same words


def _next_move(before: Decision | None, plan: PoolPlan) -> str:
    """Why a pool moves although nothing new is known."""
    place = plan.service, plan.pool
    sent = [p.changes for p in before.plans if (p.service, p.pool) == place] if before else []
    again = plan.changes in sent
    return f"{'/'.join(place)}: " + (
        "wanted again, for AWS does not show it yet" if again else "next step"
    )


def override_authors(
    decision: Decision, overrides_before: Iterable[Override], overrides: Iterable[Override]
) -> tuple[str, ...]:
    """Whose overrides were set or ended here, or move their region now."""
    before, after = tuple(overrides_before), tuple(overrides)
    known, active = {o.id for o in before}, {o.id for o in after}
    moving = [plan for plan in decision.plans if plan.changes]
    concerned = [
        *(o for o in before if o.id not in active),
        *(o for o in after if o.id not in known or _moves(o, moving)),
    ]
    return tuple(dict.fromkeys(override.author for override in concerned))


def expected_effect(evidence: Evidence) -> str:
    """What the written changes should do to users and regions, and when."""
    settings, plans = evidence.snapshot.settings, evidence.decision.plans
    if not any(plan.changes for plan in plans):
        return ""
    seen = effects(evidence, evidence)
    latency_ms = {(pool.service, pool.pool): pool.latency_ms.after for pool in seen.pools}
    lines = []
    for plan in plans:
        if not plan.changes:
            continue
        moves = moves_text(plan.before, plan.after)
        service = settings.services[plan.service]
        when = lever_of(service).users_follow(service)
        away_ms = latency_ms[plan.service, plan.pool]
        away = "" if away_ms is None else f", then {away_ms:.0f} ms away on average"
        lines.append(f"{plan.service}/{plan.pool}: {moves}{away}; {when}")
    return "\n".join([*lines, *_loads(plans, seen.regions)])


def _loads(plans: Iterable[PoolPlan], regions: Iterable[RegionEffect]) -> Iterable[str]:
    """What regions that get more will carry."""
    gaining = {
        (plan.service, region)
        for plan in plans
        if plan.changes
        for region, share in plan.after.items()
        if share > plan.before[region] + SHARE_TOLERANCE
    }
    for one in regions:
        rps = one.rps.after
        if (one.service, one.region) in gaining and rps is not None:
            carried = load_text(one, rps, one.utilisation.after)
            yield f"{one.service}/{one.region}: carries {carried}"


def _moves(override: Override, plans: Iterable[PoolPlan]) -> bool:
    """Whether one of these plans does to the override's region what that orders."""
    obeys = _goes_to_its_pin if override.kind is OverrideKind.PIN else _is_emptied
    region = override.region
    return region is not None and any(
        override.concerns(plan.service, pool=plan.pool) and obeys(plan, region) for plan in plans
    )


def _is_emptied(plan: PoolPlan, region: str) -> bool:
    return plan.by_person and bool(plan.before.get(region)) and not plan.after.get(region)


def _goes_to_its_pin(plan: PoolPlan, region: str) -> bool:
    """Also in the later steps of its ramp; a pin that is refused makes no rule."""
    return any(rule.name == OverrideKind.PIN.value and rule.region == region for rule in plan.rules)


def _verdict_changes(
    before: Mapping[str, Mapping[str, RegionHealth]],
    after: Mapping[str, Mapping[str, RegionHealth]],
) -> Iterable[str]:
    for service, regions in after.items():
        for region, seen in regions.items():
            was = before.get(service, {}).get(region)
            old = was.verdict if was else Verdict.UNKNOWN
            if old is not seen.verdict:
                yield f"{service}/{region} {old.value} → {seen.verdict.value}: {seen.why}"
            elif (
                was
                and seen.verdict is Verdict.DOWN
                and seen.agreeing_parties > was.agreeing_parties
            ):
                yield f"{service}/{region} is down, and more say so: {seen.why}"
            elif (was.degraded if was else 0) != seen.degraded:
                yield f"{service}/{region} {_counted_on(seen)}: {seen.why}"


def _counted_on(seen: RegionHealth) -> str:
    if not seen.degraded:
        return "is no longer degraded"
    return f"is degraded, {percent(seen.usable)} of its capacity is counted on"


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
