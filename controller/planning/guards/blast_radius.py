"""How often the daemon acted by itself lately: what the blast radius is reckoned from.

The allowance is shared by all services, since what it guards against, a daemon gone mad, does not
stop at one. Yet each service has the first of each kind to itself, so that no service's trouble
uses up what another one's first failure needs: at most `allowed + services` in all.

Nothing counts twice. A write sent again because its fate is unknown is the same write. Drains are
counted by region: one that leaves several levers, or fails again within the hour, is one region;
how soon it is let back in is the matter of flap damping. Otherwise a failover could use up its own
allowance and stop half-way, or a region be left to its users for having failed before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controller.model.levers import Change
from controller.model.memory import Memory, ServiceMemory

_BATCH_WINDOW_S = 300
_DRAIN_WINDOW_S = 3600


def recent_batches(batches: Iterable[float], now: float) -> tuple[float, ...]:
    """Those written in the last five minutes."""
    return tuple(at for at in batches if now - at < _BATCH_WINDOW_S)


def used_batches(memory: Memory, service: str, now: float, *, urgent: bool) -> int:
    """Batches that count against a service's next one; those of one moment are one.

    0 as long as the service sent none itself.
    """

    def sent(one: ServiceMemory) -> tuple[float, ...]:
        return recent_batches(one.emergencies if urgent else one.batches, now)

    if not sent(memory.of(service)):
        return 0
    return len({at for one in memory.services.values() for at in sent(one)})


def recent_drains(memory: ServiceMemory, now: float) -> dict[str, float]:
    """A service's regions drained in the last hour, and when last."""
    return {region: at for region, at in memory.drains.items() if now - at < _DRAIN_WINDOW_S}


def recently_drained_regions(memory: Memory, now: float) -> frozenset[str]:
    """Regions drained in the last hour, of whichever service."""
    return frozenset(r for one in memory.services.values() for r in recent_drains(one, now))


def drains_beyond_limit(
    memory: Memory, wanted: Mapping[str, Collection[str]], allowed: int, now: float
) -> dict[str, frozenset[str]]:
    """Service to those of the regions it would drain that are more than may be in an hour.

    `wanted`: service to the regions that it would drain now.
    """
    counted = recently_drained_regions(memory, now)
    new = sorted({region for regions in wanted.values() for region in regions} - counted)
    beyond = frozenset(new[max(0, allowed - len(counted)) :])
    found = {
        service: beyond.intersection(regions) - _own(memory.of(service), regions, beyond, now)
        for service, regions in wanted.items()
    }
    return {service: regions for service, regions in found.items() if regions}


def _own(
    memory: ServiceMemory, wanted: Collection[str], beyond: Collection[str], now: float
) -> frozenset[str]:
    """The one region that a service may drain in any case: its first in an hour."""
    if recent_drains(memory, now) or not beyond or not set(wanted) <= set(beyond):
        return frozenset()
    return frozenset(sorted(wanted)[:1])


def is_resend(memory: ServiceMemory, changes: Iterable[Change]) -> bool:
    """Whether all of it was sent before and may have been applied."""
    return memory.doubtful.issuperset(changes)
