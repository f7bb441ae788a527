"""Pools with no open region, or with none for one record type or listener.

AWS fails open: weights that are all zero are equal weights to Route 53, and a listener whose groups
are all closed sends users to any of them. So a decision never asks for that, and a write that would
lead there is not sent. Where an operator did it in the AWS console, shares are computed as if users
reached every region.
"""

from __future__ import annotations

from collections.abc import Mapping

OpenParts = Mapping[str, Mapping[str, bool]]
"""Region to its parts (record type A or AAAA, or listener) to whether the part is open."""


def is_all_closed(pool: OpenParts) -> bool:
    """Whether all parts of one kind (record type or listener) are closed.

    A kind that some open region lacks is ignored: the missing record or group is a fault that no
    write repairs, and users of the other kinds must be able to leave a failed region all the same.
    """
    return not any(map(_is_open, pool.values())) or bool(_closed_kinds(pool))


def fail_open_regions(pool: OpenParts) -> set[str]:
    """Closed regions that users reach, because a kind that they have is closed everywhere.

    Empty where no region is open at all: then all regions are reached alike.
    """
    if not any(map(_is_open, pool.values())):
        return set()
    closed = _closed_kinds(pool)
    return {r for r, parts in pool.items() if not _is_open(parts) and closed & parts.keys()}


def _closed_kinds(pool: OpenParts) -> set[str]:
    """Kinds that every open region has and that are open in no region."""
    open_regions = [parts for parts in pool.values() if _is_open(parts)]
    kinds = {kind for parts in pool.values() for kind in parts}
    return {
        kind
        for kind in kinds
        if all(kind in parts for parts in open_regions)
        if not any(parts.get(kind) for parts in pool.values())
    }


def _is_open(parts: Mapping[str, bool]) -> bool:
    return any(parts.values())
