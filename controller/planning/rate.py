"""How often the daemon acted by itself lately: what the blast radius is reckoned from.

Nothing counts twice. A write sent again because nobody knows what became of it is the same write;
a region that leaves several levers, or whose drain is tried again, is drained once until it rises
again. Otherwise a failover could use up its own allowance and stop half-way.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.model.decision import Memory
from controller.model.levers import Change

_BATCH_WINDOW_S = 300
_DRAIN_WINDOW_S = 3600


def batches_lately(memory: Memory, now: float) -> list[float]:
    """When batches were written in the last five minutes."""
    return [at for at in memory.batches if now - at < _BATCH_WINDOW_S]


def drains_lately(memory: Memory, now: float) -> list[tuple[float, str]]:
    """When which regions were drained in the last hour."""
    return [(at, region) for at, region in memory.drains if now - at < _DRAIN_WINDOW_S]


def is_counted(memory: Memory, region: str, now: float) -> bool:
    """Whether draining this region now belongs to a drain that is counted already."""
    drained = [at for at, name in drains_lately(memory, now) if name == region]
    if not drained:
        return False
    rises = [at for position, at in memory.last_rise.items() if position.region == region]
    return max(rises, default=drained[-1]) <= drained[-1]


def is_repetition(memory: Memory, changes: Iterable[Change]) -> bool:
    """Whether all of it was sent before and may have been applied."""
    return memory.doubtful.issuperset(changes)
