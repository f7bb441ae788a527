"""What may not be done yet for a service because the daemon has only just begun to steer it.

A process that knows nothing of before is easily wrong in one go: a bad configuration, a broken
network of its own, a clock. So it first gathers data; and when the first plans, everything known,
would take more than one region out of service by themselves, a person has to agree. That person
orders one of these drains, or names the guard.

Scope: `missing_data` binds the service whose data are missing. The first plan is reckoned over all
services that have not begun yet, since it guards against what the daemon as a whole has wrong.
End: data are waited for until `startup_data_s + PROBED_WITHIN_S` after the service's beginning, and
so is a verdict on each of its regions; the first plan waits for a person, or until the regions are
well again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controller.model.decision import Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth, Verdict

_ENOUGH_TARGETS = 0.9
"""Part of a service's required endpoints that must have answered before its first write."""
UNPROBED_WAIT_S = 120.0
"""Seconds after `startup_data_s` from which an endpoint that never was probed is waited for no
longer: it cannot be, and its region is unknown, which moves nothing."""
_WITHOUT_ASKING = 1
"""Regions that the first plans may drain by themselves."""


def missing_data(snapshot: Snapshot, service: str) -> Held | None:
    """Too little was seen of the service since it is steered to act on."""
    need = snapshot.settings.guards.startup_data_s
    have = snapshot.now - snapshot.memory.of(service).since
    if have < need:
        return Held(Hold.STARTUP, f"{have:.1f} of {need:g} s of data since the start")
    if have >= need + UNPROBED_WAIT_S:
        return None
    seen = snapshot.health.get(snapshot.settings.vantage.name, {})
    required = [i for i, endpoint in snapshot.settings.endpoints_of(service) if endpoint.required]
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


def unconfirmed_drains(
    snapshot: Snapshot, drains: Mapping[str, Collection[str]]
) -> dict[str, frozenset[str]]:
    """Service to those of its drains that belong to first plans and wait for a person.

    `drains`: service to the regions that its plans would drain by themselves.
    """
    first = {s: frozenset(d) for s, d in drains.items() if not snapshot.memory.of(s).begun}
    regions = {region for each in first.values() for region in each}
    return first if len(regions) > _WITHOUT_ASKING else {}


def first_plan_refusal(waiting: Collection[str]) -> Held | None:
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
    service: str,
    regions: Mapping[str, RegionHealth],
    waiting: Collection[str],
    *,
    blind: bool,
) -> bool:
    """Whether the service's first plan, made with everything known, is behind it."""
    memory = snapshot.memory.of(service)
    if memory.begun:
        return True
    waited_s = snapshot.now - memory.since - snapshot.settings.guards.startup_data_s
    is_known = waited_s >= UNPROBED_WAIT_S or all(
        seen.verdict is not Verdict.UNKNOWN for seen in regions.values()
    )
    return (
        missing_data(snapshot, service) is None
        and is_known
        and not blind
        and memory.panic is None
        and service in snapshot.observed
        and not waiting
    )
