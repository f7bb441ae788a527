"""Weighted records of lawful regions that lead elsewhere: traffic that must leave may not go there.

A tree with such a record is alarmed and its pool held. Only what is urgent goes on, and would carry
the users of a failed region to a place where they may not be served.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.decision import Hold, Shares, Snapshot
from controller.planning.eligibility import Permission, PoolEligibility, RegionEligibility


def exclude_misdirected(
    snapshot: Snapshot,
    service_name: str,
    stands: Mapping[str, PoolEligibility],
    before: Mapping[str, Shares],
) -> Mapping[str, PoolEligibility]:
    """The standings; where traffic must leave some region, astray ones may carry nothing either.

    A record that leads to a place of unknown region stays as it is: unknown moves nothing.
    """
    found = dict(stands)
    for pool, leaks in snapshot.observed[service_name].leaks.items():
        stand = stands.get(pool)
        if stand and any(before[pool].get(region, 0.0) > 0 for region in stand.out):
            away = {leak.astray: leak.reached for leak in leaks if leak.astray and leak.reached}
            found[pool] = stand.with_regions({r: _led_away(reached) for r, reached in away.items()})
    return found


def _led_away(reached: str) -> RegionEligibility:
    return RegionEligibility(
        Permission.OUT, Hold.RESIDENCY.value, f"its own weighted record leads to {reached}"
    )
