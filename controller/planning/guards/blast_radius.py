"""Rate limits on automatic action: batches of writes in 5 minutes, drained regions in an hour.

All services share the limits, because a malfunction of the daemon would not stop at one. But the
first batch and the first drain of each service are always allowed, so that trouble of one service
never blocks another service's first failover: at most `allowed + services` in all.

Nothing counts twice. A write sent again because its outcome is unknown is the same write. A region
counts once in an hour, however many levers it leaves and however often it fails; flap damping
decides when it may return. Otherwise a failover could use up its own allowance and stop half-way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controller.model.decision import Held, Hold, Snapshot
from controller.model.levers import Change
from controller.model.memory import Memory, ServiceMemory

_BATCH_WINDOW_S = 300
_DRAIN_WINDOW_S = 3600


def recent_batches(batches: Iterable[float], now: float) -> tuple[float, ...]:
    """The times within the last five minutes."""
    return tuple(at for at in batches if now - at < _BATCH_WINDOW_S)


def used_batches(memory: Memory, service: str, now: float, *, urgent: bool) -> int:
    """Batches of all services that count against the service's next one.

    Batches sent at the same time count as one; 0 while the service itself sent none. `urgent`:
    whether emergency batches are counted, or all others.
    """

    def sent(of_service: ServiceMemory) -> tuple[float, ...]:
        return recent_batches(of_service.emergencies if urgent else of_service.batches, now)

    if not sent(memory.of(service)):
        return 0
    return len({at for of_service in memory.services.values() for at in sent(of_service)})


def recent_drains(memory: ServiceMemory, now: float) -> dict[str, float]:
    """A service's regions drained automatically in the last hour, with the time of the last."""
    return {region: at for region, at in memory.drains.items() if now - at < _DRAIN_WINDOW_S}


def recently_drained_regions(memory: Memory, now: float) -> frozenset[str]:
    """Regions that any service drained automatically in the last hour."""
    return frozenset(
        region
        for of_service in memory.services.values()
        for region in recent_drains(of_service, now)
    )


def drains_beyond_limit(
    memory: Memory, wanted: Mapping[str, Collection[str]], allowed: int, now: float
) -> dict[str, frozenset[str]]:
    """Service to the regions that it would drain beyond the hourly limit; without any: left out.

    `wanted`: service to the regions that it would drain now. `allowed`: regions in an hour.
    """
    counted = recently_drained_regions(memory, now)
    new = sorted({region for regions in wanted.values() for region in regions} - counted)
    beyond = frozenset(new[max(0, allowed - len(counted)) :])
    found = {
        service: beyond.intersection(regions)
        - _first_drain(memory.of(service), regions, beyond, now)
        for service, regions in wanted.items()
    }
    return {service: regions for service, regions in found.items() if regions}


def _first_drain(
    memory: ServiceMemory, wanted: Collection[str], beyond: Collection[str], now: float
) -> frozenset[str]:
    """The one region that a service may drain in any case: its first in an hour."""
    if recent_drains(memory, now) or not beyond or not set(wanted) <= set(beyond):
        return frozenset()
    return frozenset(sorted(wanted)[:1])


def is_resend(memory: ServiceMemory, changes: Iterable[Change]) -> bool:
    """Whether all changes were sent before with an unknown outcome."""
    return memory.doubtful.issuperset(changes)


def too_many_drains(snapshot: Snapshot, region: str) -> Held:
    """The hold of a region that is down and not drained: too many others were in the last hour.

    Scope: the region, in all services. End: an hour after the oldest drain that counts, or a user's
    failover (`planning.guards.blast_radius`).
    """
    lately = ", ".join(sorted(recently_drained_regions(snapshot.memory, snapshot.now)))
    allowed = snapshot.settings.guards.auto_drains_per_h
    most = f"{allowed} region{'s' if allowed > 1 else ''}"
    detail = (
        f"more than {most} would be drained automatically within an hour"
        f"{f', lately {lately}' if lately else ''}; a person may: gtc failover {region}"
    )
    return Held(Hold.BLAST_RADIUS, detail, region)
