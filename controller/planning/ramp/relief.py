"""Relief of overload: ramp limits are relaxed while the other regions lack capacity.

While traffic must leave some region, what returning regions may not take yet goes to those that
serve. If one of these would carry more than its capacity only because of that, returning regions
take more than their steps allow, and never more than placement gives them. All pools move by the
same fraction of the way from the ramp's split to placement's: the least with which no region is
overloaded.

Worked example: by steps eu would carry 120 requests/s, its capacity is 100, and in placement's
split it carries 80. The fraction is (120 - 100) / (120 - 80) = 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.planning.placement.believed import load_rps
from controller.planning.pool_path import PoolPath
from controller.planning.shares import SHARE_TOLERANCE


def relieve_overload(paths: Sequence[PoolPath]) -> list[PoolPath]:
    """The paths of a weighted service's pools, as far beyond their steps as capacity requires."""
    fraction = _relief_fraction(paths)
    return [_moved(path, fraction) for path in paths] if fraction > 0 else list(paths)


def _relief_fraction(paths: Sequence[PoolPath]) -> float:
    """The least fraction, 0 to 1, of the way from the steps to placement that overloads no region.

    Where placement itself overloads a region, its load there counts as the region's capacity.
    """
    if not any(path.pool_input.urgent and path.limited for path in paths):
        return 0.0
    believed = paths[0].pool_input.believed
    by_steps = load_rps(believed.demand_rps, {path.pool_input.pool: path.after for path in paths})
    wanted = load_rps(believed.demand_rps, {path.pool_input.pool: path.desired for path in paths})
    fractions = [
        (rps - most) / (rps - wanted[region])
        for region, rps in by_steps.items()
        if rps
        > (most := max(believed.capacity_rps[region], wanted[region])) * (1 + SHARE_TOLERANCE)
    ]
    return max(fractions, default=0.0)


def _moved(path: PoolPath, fraction: float) -> PoolPath:
    if not path.limited:
        return path
    after = {r: share + fraction * (path.desired[r] - share) for r, share in path.after.items()}
    limited = tuple(r for r in path.limited if after[r] < path.desired[r] - SHARE_TOLERANCE)
    return path._replace(after=after, limited=limited, is_relieved=True)
