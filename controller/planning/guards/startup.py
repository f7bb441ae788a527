"""What the daemon may not do yet for a service, because it has only begun to steer it.

Right after a start the daemon can be wrong everywhere at once: a bad configuration, a host whose
network or clock is broken. So it first gathers data. When the first plans, made with complete data,
would drain more than one region automatically, a user has to confirm: by ordering one of these
drains, or by naming this guard.

Scope: `missing_data` holds the service whose data are missing. Drains of first plans are counted
over all services that have not begun yet, because the cause would be the daemon as a whole.
End: data, and a verdict on each region, are waited for until `startup_data_s + UNPROBED_WAIT_S`
after the service's beginning; first plans wait until a user confirms or the regions are up again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controller.model.decision import Held, Hold, PoolPlan, Snapshot
from controller.model.health import RegionHealth, Verdict

_REQUIRED_PROBED_RATIO = 0.9
"""Fraction of a service's required endpoints that must have answered before its first write."""
UNPROBED_WAIT_S = 120.0
"""Seconds after `startup_data_s` until which endpoints without any probe result are waited for.
After that their region's health stays unknown, which moves nothing."""
_UNCONFIRMED_DRAINS = 1
"""Regions that the first plans may drain automatically without a user's confirmation."""


def missing_data(snapshot: Snapshot, service: str) -> Held | None:
    """The hold of a service with too little data since its beginning; None: the data suffice."""
    need = snapshot.settings.guards.startup_data_s
    have = snapshot.now - snapshot.memory.of(service).since
    if have < need:
        return Held(Hold.STARTUP, f"{have:.1f} of {need:g} s of data since the start")
    if have >= need + UNPROBED_WAIT_S:
        return None
    seen = snapshot.health.get(snapshot.settings.vantage.name, {})
    required = [i for i, endpoint in snapshot.settings.endpoints_of(service) if endpoint.required]
    probed = sum(i in seen and seen[i].last_result_at is not None for i in required)
    if probed < _REQUIRED_PROBED_RATIO * len(required):
        return Held(Hold.STARTUP, f"only {probed} of {len(required)} endpoints were ever probed")
    return None


def automatic_drains(plans: Iterable[PoolPlan]) -> frozenset[str]:
    """Regions that these plans drain because the daemon calls them down."""
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
    """Service to those of its automatic drains that belong to first plans and need confirmation.

    `drains`: service to the regions that its plans would drain automatically.
    """
    first = {s: frozenset(d) for s, d in drains.items() if not snapshot.memory.of(s).begun}
    regions = {region for each in first.values() for region in each}
    return first if len(regions) > _UNCONFIRMED_DRAINS else {}


def first_plan_refusal(waiting: Collection[str]) -> Held | None:
    """The hold of a plan that would drain some of these unconfirmed regions; None without any."""
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
    """Whether the service's first plan with complete data has been made and needs no confirmation.

    `regions`: the service's. `waiting`: its unconfirmed drains. `blind`: whether this vantage point
    does not trust its own probes.
    """
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
