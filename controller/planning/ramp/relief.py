"""Steps give way to room: how much faster a region returns when the others cannot carry the rest.

While traffic must leave a region, what returning ones may not take yet goes to those that serve. If
one of these is filled beyond its capacity only for that, a region that could carry it takes more
than its steps allow, and no more than placement gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.planning.placement.believed import load_rps
from controller.planning.pool_path import PoolPath
from controller.planning.shares import SHARE_TOLERANCE


def relieve_overload(ways: Sequence[PoolPath]) -> list[PoolPath]:
    """The ways of a weighted service's pools, as much nearer to placement as room demands."""
    part = _part(ways)
    return [_nearer(way, part) for way in ways] if part > 0 else list(ways)


def _part(ways: Sequence[PoolPath]) -> float:
    """Which part of the way from the steps to placement no region is overloaded on, 0 to 1."""
    if not any(way.pool_input.urgent and way.limited for way in ways):
        return 0.0
    known = ways[0].pool_input.believed
    by_steps = load_rps(known.demand_rps, {way.pool_input.pool: way.after for way in ways})
    wanted = load_rps(known.demand_rps, {way.pool_input.pool: way.desired for way in ways})
    parts = [
        (rps - most) / (rps - wanted[region])
        for region, rps in by_steps.items()
        if rps > (most := max(known.capacity_rps[region], wanted[region])) * (1 + SHARE_TOLERANCE)
    ]
    return max(parts, default=0.0)


def _nearer(way: PoolPath, part: float) -> PoolPath:
    if not way.limited:
        return way
    after = {r: share + part * (way.desired[r] - share) for r, share in way.after.items()}
    limited = tuple(r for r in way.limited if after[r] < way.desired[r] - SHARE_TOLERANCE)
    return way._replace(after=after, limited=limited, is_relieved=True)
