"""How things stand, as `/v1/status` shows them: the last cycle's findings beside what is live.

Verdicts, shares and holds are the last cycle's; canaries, overrides and measured traffic are of
this moment. Before the first cycle everything unknown is null.
"""

from __future__ import annotations

from controller import __version__
from controller.api.context import Context
from controller.api.steering_metrics import MEASURED_WINDOW_S
from controller.loops.reconciliation import CycleReport
from controller.model.configuration import Service
from controller.model.decision import PoolPlan
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.model.overrides import OverrideKind

NOT_YET = RegionHealth(Verdict.UNKNOWN, "no cycle has ended yet")
"""What is believed of every region before the first cycle."""


def daemon_view(context: Context, latest: CycleReport | None) -> dict[str, object]:
    """The daemon itself: what it may do, and whether its senses work."""
    canaries = context.probing.canaries.values()
    overrides = context.overrides.active()
    return {
        "version": __version__,
        "mode": context.settings.mode,
        "at": context.clock.wall(),
        "started_at": context.started_at,
        "cycle": latest.cycle if latest else 0,
        "cycle_age_s": _cycle_age_s(context, latest),
        "settings_hash": context.settings_hash,
        "frozen": any(o.kind is OverrideKind.FREEZE for o in overrides),
        "isolated": bool(latest and latest.decision.memory.isolated_since is not None),
        "canaries": {"failing": sum(c.suspect for c in canaries), "total": len(canaries)},
        "observation": {"failing": context.observation.failing},
        "next_cycle_in_s": _next_cycle_in_s(context, latest),
    }


def service_view(context: Context, latest: CycleReport | None, name: str) -> dict[str, object]:
    """One service with its pools."""
    service = context.settings.services[name]
    route53 = service.levers.route53
    observed = latest.snapshot.observed.get(name) if latest else None
    faults = observed.faults.values() if observed else ()
    return {
        "name": name,
        "lever": "route53" if route53 else "accelerator",
        **({"steered_name": route53.name} if route53 else {}),
        "panic": bool(latest and name in latest.decision.memory.panic),
        "faults": [fault for found in faults for fault in found],
        "notices": observed.notices if observed else (),
        "pools": [_pool_view(context, latest, name, service, pool) for pool in service.pools],
    }


def _pool_view(
    context: Context, latest: CycleReport | None, name: str, service: Service, pool: str
) -> dict[str, object]:
    plan = plan_of(latest, name, pool)
    return {
        "name": pool,
        "residency": service.pools[pool].residency,
        "holds": plan.held if plan else (),
        "regions": [
            {
                **_belief(latest, name, region),
                **_shares(plan, region),
                **_measured(context, name, pool, region),
                "drift": latest.decision.drift.get(Position(name, pool, region))
                if latest
                else None,
                "override": _override_id(context, name, region),
            }
            for region in service.pools[pool].regions
        ],
    }


def plan_of(latest: CycleReport | None, service: str, pool: str) -> PoolPlan | None:
    """The last cycle's plan for a pool."""
    plans = latest.decision.plans if latest else ()
    return next((p for p in plans if (p.service, p.pool) == (service, pool)), None)


def health_of(latest: CycleReport | None, service: str, region: str) -> RegionHealth:
    """What the last cycle believed of a region."""
    return latest.decision.regions[service][region] if latest else NOT_YET


def _belief(latest: CycleReport | None, service: str, region: str) -> dict[str, object]:
    seen = health_of(latest, service, region)
    return {
        "region": region,
        "verdict": seen.verdict,
        "suspect": seen.suspect_since is not None,
        "why": seen.why,
    }


def _shares(plan: PoolPlan | None, region: str) -> dict[str, object]:
    """Null where no record or endpoint group is known."""
    return {
        "observed": plan.before.get(region) if plan else None,
        "desired": plan.desired.get(region) if plan else None,
        "planned": plan.after.get(region) if plan else None,
    }


def _measured(context: Context, service: str, pool: str, region: str) -> dict[str, object]:
    """The share is null while the pool's users report nothing at all."""
    split = context.traffic.split(MEASURED_WINDOW_S).get((service, pool))
    seen = split.get(region) if split else None
    return {
        "measured": (seen.share if seen else 0.0) if split else None,
        "requests": seen.requests if seen else 0,
        "errors": seen.errors if seen else 0,
    }


def _override_id(context: Context, service: str, region: str) -> int | None:
    """The newest override that takes traffic from this region."""
    ids = [o.id for o in context.overrides.active() if o.concerns(service, region)]
    return max(ids, default=None)


def _cycle_age_s(context: Context, latest: CycleReport | None) -> float | None:
    if latest is None:
        return None
    return round(context.clock.monotonic() - latest.snapshot.now - latest.took_s, 3)


def _next_cycle_in_s(context: Context, latest: CycleReport | None) -> float | None:
    """At the latest; a verdict or an override wakes the loop before."""
    if latest is None:
        return None
    cycle = context.settings.cycle
    ended = latest.snapshot.now + latest.took_s
    due = ended + cycle.min_gap_s + cycle.period_s
    wake_at = latest.decision.wake_at
    if wake_at is not None:
        due = min(due, max(wake_at, ended + cycle.min_gap_s))
    return round(max(0.0, due - context.clock.monotonic()), 3)
