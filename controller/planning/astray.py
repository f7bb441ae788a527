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
) -> dict[str, dict[str, Standing]]:
    """The standings; where traffic must leave some region, astray ones may carry nothing either.

    A leaf that leads to a place of unknown region stays as it is: unknown moves nothing.
    """
    found = {pool: dict(stand) for pool, stand in stands.items()}
    for pool, stand in found.items():
        if any(s.may is May.OUT and before[pool].get(r, 0.0) > 0 for r, s in stand.items()):
            for leak in snapshot.observed[service_name].leaks.get(pool, ()):
                if leak.astray is not None and leak.reached is not None:
                    why = f"its own leaf leads to {leak.reached}"
                    stand[leak.astray] = Standing(May.OUT, Hold.RESIDENCY.value, why)
    return found
