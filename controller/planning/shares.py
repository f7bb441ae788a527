"""Arithmetic on shares: mappings of region to a fraction, 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SHARE_TOLERANCE = 0.005
"""Half a point: shares nearer than this count as equal, so that rounding never causes writes."""


def normalised(shares: Mapping[str, float]) -> dict[str, float]:
    """The same proportions with `sum == 1`; empty when no share is positive."""
    total = sum(shares.values())
    return {region: share / total for region, share in shares.items()} if total > 0 else {}


def without(shares: Mapping[str, float], leaving: Iterable[str]) -> dict[str, float]:
    """The other regions' shares, renormalised: what Route 53 does when `leaving` get weight 0."""
    gone = set(leaving)
    return normalised({r: s for r, s in shares.items() if r not in gone and s > 0})


def is_same_share(one: float, other: float) -> bool:
    """Whether two shares differ by less than half a point, and both or neither are zero."""
    return abs(one - other) < SHARE_TOLERANCE and (one == 0) == (other == 0)


def is_same_split(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether `is_same_share` holds for every region; a missing region has share 0."""
    regions = one.keys() | other.keys()
    return all(is_same_share(one.get(region, 0.0), other.get(region, 0.0)) for region in regions)


def percent(share: float) -> str:
    """A share as text: `33.3 %`, `0 %`."""
    return f"{share * 100:.1f} %".replace(".0 %", " %")
