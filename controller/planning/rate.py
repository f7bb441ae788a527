"""How often the daemon acted by itself lately: what the blast radius is reckoned from.

Nothing counts twice. A write sent again because nobody knows what became of it is the same write.
Drains are counted by region: one that leaves several levers, or fails again within the hour, is
one region; how soon it is let back in is the matter of flap damping. Otherwise a failover could use
up its own allowance and stop half-way, or a region be left to its users for having failed before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from controller.model.decision import Memory
from controller.model.levers import Change

_BATCH_WINDOW_S = 300
_DRAIN_WINDOW_S = 3600


def batches_lately(batches: Iterable[float], now: float) -> tuple[float, ...]:
    """Those written in the last five minutes."""
    return tuple(at for at in batches if now - at < _BATCH_WINDOW_S)


def drained_lately(memory: Memory, now: float) -> dict[str, float]:
    """Regions drained in the last hour, and when last."""
    return {region: at for at, region in memory.drains if now - at < _DRAIN_WINDOW_S}


def beyond_allowance(
    memory: Memory, wanted: Collection[str], allowed: int, now: float
) -> frozenset[str]:
    """Those of the regions to be drained that would be more than are allowed in an hour."""
    counted = drained_lately(memory, now).keys()
    new = sorted(region for region in wanted if region not in counted)
    return frozenset(new[max(0, allowed - len(counted)) :])


def is_repetition(memory: Memory, changes: Iterable[Change]) -> bool:
    """Whether all of it was sent before and may have been applied."""
    return memory.doubtful.issuperset(changes)
