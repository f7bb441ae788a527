"""Lawful regions whose own weighted record leads elsewhere: they must not take traffic over.

A pool with such a record raises an alarm and is held. Only urgent drains go on there, and they
would carry the users of a failed region to a place where these may not be served.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.decision import Hold, Shares, Snapshot
from controller.planning.eligibility import Permission, PoolEligibility, RegionEligibility


def exclude_misdirected(
    snapshot: Snapshot,
    service_name: str,
    eligibility: Mapping[str, PoolEligibility],
    before: Mapping[str, Shares],
) -> Mapping[str, PoolEligibility]:
    """Pool to eligibility; where traffic must leave some region, misdirected ones are out, too.

    A record that leads to a place of unknown region stays as it is: what is unknown moves nothing.
    """
    found = dict(eligibility)
    for pool, leaks in snapshot.observed[service_name].leaks.items():
        regions = eligibility.get(pool)
        if regions and any(before[pool].get(region, 0.0) > 0 for region in regions.out):
            reached = {leak.astray: leak.reached for leak in leaks if leak.astray and leak.reached}
            found[pool] = regions.with_regions(
                {r: _misdirected(other) for r, other in reached.items()}
            )
    return found


def _misdirected(reached: str) -> RegionEligibility:
    return RegionEligibility(
        Permission.OUT, Hold.RESIDENCY.value, f"its own weighted record leads to {reached}"
    )
