"""Small arithmetic on shares: region to fraction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SHARE_TOLERANCE = 0.005
"""Half a point: shares nearer than this are the same, so that rounding never causes writes."""


def normalised(shares: Mapping[str, float]) -> dict[str, float]:
    """The same proportions adding up to 1; empty when nothing is positive."""
    total = sum(shares.values())
    return {region: share / total for region, share in shares.items()} if total > 0 else {}


def without(shares: Mapping[str, float], leaving: Iterable[str]) -> dict[str, float]:
    """What remains, renormalised, when regions leave: what Route 53 does by itself."""
    gone = set(leaving)
    return normalised({r: s for r, s in shares.items() if r not in gone and s > 0})


def is_same_share(one: float, other: float) -> bool:
    """Whether two shares differ by less than half a point, and both or neither are zero."""
    return abs(one - other) < SHARE_TOLERANCE and (one == 0) == (other == 0)


def is_same_split(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two splits differ by less than half a point and are zero at the same places."""
    regions = one.keys() | other.keys()
    return all(is_same_share(one.get(region, 0.0), other.get(region, 0.0)) for region in regions)


def percent(share: float) -> str:
    """How people read a share: `33.3 %`, `0 %`."""
    return f"{share * 100:.1f} %".replace(".0 %", " %")
