"""How far towards the desired split to go now.

Drains happen at once: whatever leaves, leaves whole, and the regions that serve take it over
without a limit. Only a region on its way *back*, and rebalancing while nobody leaves, go by steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.model.configuration import Ramp
from controller.planning.shares import SAME, normalised, without


@dataclass(frozen=True, slots=True)
class Ramped:
    """How far this cycle goes."""

    shares: Mapping[str, float]
    limited: tuple[str, ...] = ()
    """Regions that get less than desired because of the step or the gap."""
    wait_s: float = 0.0
    """Seconds until the next step of a limited region is due."""


def ramp_shares(
    before: Mapping[str, float],
    desired: Mapping[str, float],
    since_rise_s: Mapping[str, float],
    returning: frozenset[str],
    limits: Ramp,
) -> Ramped:
    """Next split of a weighted pool.

    `since_rise_s`: seconds since each region was last raised (missing: long ago).
    `returning`: regions whose ramp has begun and not ended.
    """
    leaving = {r for r, share in before.items() if share > 0 and desired.get(r, 0.0) == 0}
    base = without(before, leaving)
    if not base:
        return Ramped(desired)
    step = limits.step_points / 100
    fresh = {r for r in desired if base.get(r, 0.0) == 0 and desired[r] > 0}
    slow = (fresh | (returning & desired.keys())) if leaving else set(desired)
    ceilings = {
        r: base.get(r, 0.0) + (step if _due(r, since_rise_s, limits) else 0.0)
        for r in slow
        if desired[r] > base.get(r, 0.0) + SAME
    }
    limited = tuple(sorted(r for r, c in ceilings.items() if c < desired[r] - SAME))
    if not limited:
        return Ramped(desired)
    shares = _towards(base, desired, ceilings) if not leaving else _capped(desired, ceilings)
    return Ramped(shares, limited, _wait(limited, since_rise_s, limits))


def ramp_dials(
    before: Mapping[str, float],
    desired: Mapping[str, float],
    since_rise_s: Mapping[str, float],
    limits: Ramp,
) -> Ramped:
    """Next dials behind an accelerator: each rises by its own steps.

    Of the regions that may be opened wholly one always is, so that nobody is sent the long way
    only because all dials are low.
    """
    if not any(share > 0 and before.get(r, 0.0) > 0 for r, share in desired.items()):
        return Ramped(desired)
    step = limits.step_points / 100
    shares: dict[str, float] = {}
    limited: list[str] = []
    for region, share in desired.items():
        was = before.get(region, 0.0)
        ceiling = was + (step if _due(region, since_rise_s, limits) else 0.0)
        shares[region] = min(share, ceiling) if share > was else share
        if shares[region] < share - SAME:
            limited.append(region)
    opened = [r for r in desired if desired[r] >= 1]
    if opened:
        fullest = max(opened, key=lambda r: (shares[r], r))
        shares[fullest] = 1.0
        limited = [r for r in limited if r != fullest]
    return Ramped(shares, tuple(limited), _wait(tuple(limited), since_rise_s, limits))


def _due(region: str, since_rise_s: Mapping[str, float], limits: Ramp) -> bool:
    return since_rise_s.get(region, float("inf")) >= limits.step_gap_s


def _wait(regions: tuple[str, ...], since_rise_s: Mapping[str, float], limits: Ramp) -> float:
    """Seconds until the first of them may take its next step; after one now, a whole gap."""
    waits = [limits.step_gap_s - since_rise_s.get(r, float("inf")) for r in regions]
    return min((w if w > 0 else limits.step_gap_s for w in waits), default=0.0)


def _towards(
    base: Mapping[str, float], desired: Mapping[str, float], ceilings: Mapping[str, float]
) -> dict[str, float]:
    """The farthest point on the line from base to desired that no ceiling forbids."""
    part = min((ceilings[r] - base.get(r, 0.0)) / (desired[r] - base.get(r, 0.0)) for r in ceilings)
    return {
        r: base.get(r, 0.0) + min(1.0, part) * (share - base.get(r, 0.0))
        for r, share in desired.items()
    }


def _capped(desired: Mapping[str, float], ceilings: Mapping[str, float]) -> dict[str, float]:
    """Desired under the ceilings; what they cut off goes to the others in proportion."""
    capped = {r: min(share, ceilings.get(r, 1.0)) for r, share in desired.items()}
    excess = 1 - sum(capped.values())
    takers = normalised({r: s for r, s in desired.items() if r not in ceilings and s > 0})
    if not takers:
        return dict(desired)
    return {r: share + excess * takers.get(r, 0.0) for r, share in capped.items()}
