"""Leaves of lawful regions that lead elsewhere: traffic that must leave may not go there.

A tree with such a leaf is alarmed and its pool held. Only what is urgent goes on, and would carry
the users of a failed region to a place where they may not be served.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.decision import Hold, Shares, Snapshot
from controller.planning.standing import May, Standing


def without_astray(
    snapshot: Snapshot,
    service_name: str,
    stands: Mapping[str, Mapping[str, Standing]],
    before: Mapping[str, Shares],
) -> Mapping[str, Mapping[str, Standing]]:
    """The standings; where traffic must leave some region, astray ones may carry nothing either.

    A leaf that leads to a place of unknown region stays as it is: unknown moves nothing.
    """
    found = dict(stands)
    for pool, leaks in snapshot.observed[service_name].leaks.items():
        stand = stands.get(pool, {})
        if any(s.may is May.OUT and before[pool].get(r, 0.0) > 0 for r, s in stand.items()):
            found[pool] = {
                **stand,
                **{
                    leak.astray: _led_away(leak.reached)
                    for leak in leaks
                    if leak.astray is not None and leak.reached is not None
                },
            }
    return found


def _led_away(reached: str) -> Standing:
    return Standing(May.OUT, Hold.RESIDENCY.value, f"its own leaf leads to {reached}")
