"""How far towards the desired split to go now.

Whatever must leave leaves at once and whole, and while anything of the service must leave, the
regions that serve take over and make way without a limit. Everything else goes by steps: a region
that is *warming up*, one that was out and is on its way back, always; any rise while no region must
leave. Whether the next step may be taken is `planning.pace`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from controller.planning.ramp.gate import RampGate
from controller.planning.shares import SHARE_TOLERANCE, normalised, without

Shares = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RampLimits:
    """What limits one pool's way."""

    step: float
    """The most a region's share may rise at once, 0 to 1."""
    paces: Mapping[str, RampGate]
    """Region to whether it may take its next step."""
    warming_up: Collection[str]
    """Regions that were out and have not stood their share since."""
    leaving: Collection[str]
    """Regions with traffic that must leave this pool."""
    urgent: bool
    """Whether traffic must leave some region of the service."""


@dataclass(frozen=True, slots=True)
class RampResult:
    """How far this cycle goes."""

    shares: Shares
    limited: tuple[str, ...] = ()
    """Regions that get less than desired because of the step or their pace."""


def ramp_shares(before: Shares, desired: Shares, climb: RampLimits) -> RampResult:
    """Next split of a weighted pool."""
    base = without(before, climb.leaving)
    if not base:
        return RampResult(desired)
    slow = set(desired).intersection(climb.warming_up) if climb.urgent else set(desired)
    bound = {
        r for r in slow if desired[r] > base.get(r, 0.0) + SHARE_TOLERANCE or _goes_back(r, climb)
    }
    ceilings = {r: _ceiling(base.get(r, 0.0), _reach(r, climb)) for r in bound}
    limited = tuple(sorted(r for r, c in ceilings.items() if c < desired[r] - SHARE_TOLERANCE))
    if not limited:
        return RampResult(desired)
    if climb.urgent:
        return RampResult(_capped(desired, ceilings), limited)
    stepping_back = {r: c for r, c in ceilings.items() if c < base.get(r, 0.0)}
    if stepping_back:
        return RampResult(_capped(base, stepping_back), limited)
    return RampResult(_towards(base, desired, ceilings), limited)


def ramp_dials(before: Shares, desired: Shares, climb: RampLimits) -> RampResult:
    """Next dials behind an accelerator: each rises by its own steps.

    Of the regions that may be opened wholly one always is, so that no user is sent the long way
    only because all dials are low; and the one most open never goes back to 0 when no other is
    open, for an accelerator that is closed everywhere sends users anywhere.

    Invariant: `any(desired) => any(result)`.
    """
    if not any(share > 0 and before.get(r, 0.0) > 0 for r, share in desired.items()):
        return RampResult(desired)
    shares = {
        region: min(share, _ceiling(before.get(region, 0.0), _reach(region, climb)))
        if share > before.get(region, 0.0) or _goes_back(region, climb)
        else share
        for region, share in desired.items()
    }
    opened = [r for r in desired if desired[r] >= 1]
    if opened:
        fullest = max(opened, key=lambda r: (shares[r], r))
        shares[fullest] = 1.0
    if not any(shares.values()):
        last = max(desired, key=lambda r: (min(before.get(r, 0.0), desired[r]), r))
        shares[last] = min(before[last], desired[last])
    limited = tuple(r for r, share in desired.items() if shares[r] < share - SHARE_TOLERANCE)
    return RampResult(shares, limited)


def _goes_back(region: str, climb: RampLimits) -> bool:
    """Whether a region on its way back, or just there, has turned out badly."""
    return (
        region in climb.warming_up
        and region in climb.paces
        and climb.paces[region].verdict == "back"
    )


def _reach(region: str, climb: RampLimits) -> float:
    """How far a region that is to rise may go from where it is; back when it turned out badly."""
    if _goes_back(region, climb):
        return -climb.step
    return climb.step if climb.paces[region].verdict == "go" else 0.0


def _ceiling(share: float, reach: float) -> float:
    """Where a region gets by going so far; a step back ends at zero, not just above."""
    reached = share + reach
    return 0.0 if reach < 0 and reached < 2 * SHARE_TOLERANCE else reached


def _towards(base: Shares, desired: Shares, ceilings: Shares) -> dict[str, float]:
    """The farthest point on the line from base to desired that no ceiling forbids."""
    part = min((ceilings[r] - base.get(r, 0.0)) / (desired[r] - base.get(r, 0.0)) for r in ceilings)
    return {
        r: base.get(r, 0.0) + min(1.0, part) * (share - base.get(r, 0.0))
        for r, share in desired.items()
    }


def _capped(wanted: Shares, ceilings: Shares) -> dict[str, float]:
    """A split under the ceilings; what they cut off goes to the others in proportion."""
    capped = {r: min(share, ceilings.get(r, 1.0)) for r, share in wanted.items()}
    excess = 1 - sum(capped.values())
    takers = normalised({r: s for r, s in wanted.items() if r not in ceilings and s > 0})
    if not takers:
        return dict(wanted)
    return {r: share + excess * takers.get(r, 0.0) for r, share in capped.items()}
