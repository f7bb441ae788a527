"""Where a pool has no region open, or none of one record type or listener.

Nothing at AWS is "off": weights that are all zero are equal ones to Route 53, and a listener whose
groups are all closed sends users to any of them. So `decide` never asks for that, a write that
would lead there is not sent, and where it was done by hand users count as reaching every region.
"""

from __future__ import annotations

from collections.abc import Mapping

OpenParts = Mapping[str, Mapping[str, bool]]
"""Region to its parts (A and AAAA, or one group per listener) and whether each is open."""


def is_all_closed(pool: OpenParts) -> bool:
    """Whether all parts of one kind are closed, so that its users have nowhere to go.

    A kind that the open regions lack altogether is let pass: a missing record or group is a fault
    that no write mends, and users of the other kind must get away from a dead region all the same.
    """
    return not any(map(_serves, pool.values())) or bool(_closed_kinds(pool))


def fail_open_regions(pool: OpenParts) -> set[str]:
    """Regions closed in all their parts that users of a kind reach, for it is closed everywhere.

    None where no region is open at all: then every region is reached alike.
    """
    if not any(map(_serves, pool.values())):
        return set()
    closed = _closed_kinds(pool)
    return {r for r, parts in pool.items() if not _serves(parts) and closed & parts.keys()}


def _closed_kinds(pool: OpenParts) -> set[str]:
    """Kinds that every open region has and no region has open."""
    serving = [parts for parts in pool.values() if _serves(parts)]
    kinds = {kind for parts in pool.values() for kind in parts}
    return {
        kind
        for kind in kinds
        if all(kind in parts for parts in serving)
        if not any(parts.get(kind) for parts in pool.values())
    }


def _serves(parts: Mapping[str, bool]) -> bool:
    return any(parts.values())
