"""What may not be done yet because the daemon has only just started.

A process that knows nothing of before is easily wrong in one go: a bad configuration, a broken
network of its own, a clock. So it first gathers data; and when its first plan, everything known,
would take more than one region out of service by itself, a person has to agree. That person orders
one of these drains, or names the guard.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controller.model.decision import Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth, Verdict

_ENOUGH_TARGETS = 0.9
"""Part of the required endpoints that must have answered before the first write."""
_WITHOUT_ASKING = 1
"""Regions that the first plan may drain by itself."""


def missing_data(snapshot: Snapshot) -> Held | None:
    """Too little was seen since the start to act on."""
    need = snapshot.settings.guards.startup_data_s
    have = snapshot.now - snapshot.started_at
    if have < need:
        return Held(Hold.STARTUP, f"{have:.1f} of {need:g} s of data since the start")
    seen = snapshot.health.get(snapshot.settings.vantage.name, {})
    required = [i for i, endpoint in snapshot.settings.endpoints() if endpoint.required]
    probed = sum(i in seen and seen[i].last_result_at is not None for i in required)
    if probed < _ENOUGH_TARGETS * len(required):
        return Held(Hold.STARTUP, f"only {probed} of {len(required)} endpoints were ever probed")
    return None


def automatic_drains(plans: Iterable[PoolPlan]) -> frozenset[str]:
    """Regions whose traffic would leave because the daemon calls them down."""
    return frozenset(
        rule.region
        for plan in plans
        for rule in plan.rules
        if rule.name == "region_down"
        if plan.before[rule.region] > 0 and plan.after[rule.region] == 0
    )


def unconfirmed(snapshot: Snapshot, drains: frozenset[str]) -> frozenset[str]:
    """Those drains of the first plan that wait for a person; none of a later one."""
    if snapshot.memory.begun or len(drains) <= _WITHOUT_ASKING:
        return frozenset()
    return drains


def first_plan(waiting: Collection[str]) -> Held | None:
    """The refusal of a plan that would drain some of these."""
    if not waiting:
        return None
    names = sorted(waiting)
    detail = (
        f"the first plan since the start would drain {len(names)} regions by itself: "
        f"{', '.join(names)}; confirm with gtc failover {names[0]} --ignore-guard startup"
    )
    return Held(Hold.STARTUP, detail)


def has_begun(
    snapshot: Snapshot,
    regions: Mapping[str, Mapping[str, RegionHealth]],
    waiting: Collection[str],
    *,
    blind: bool,
) -> bool:
    """Whether the first plan is behind us: made with everything known, and nothing waiting."""
    if snapshot.memory.begun:
        return True
    verdicts = [seen.verdict for service in regions.values() for seen in service.values()]
    everything_known = (
        missing_data(snapshot) is None
        and not blind
        and not snapshot.memory.panic
        and Verdict.UNKNOWN not in verdicts
        and snapshot.observed.keys() >= snapshot.settings.services.keys()
    )
    return everything_known and not waiting
