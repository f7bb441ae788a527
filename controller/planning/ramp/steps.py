"""How far towards the desired split this cycle goes.

What must leave a region leaves at once and whole. While traffic must leave some region of the
service, regions that are not *warming up* take it over without a limit. Everything else goes by
steps: a region that is warming up (it was out and is returning) always, and any rise while no
region must be left. `planning.ramp.gate` says whether a region may take its next step.

Worked example: A returns, its desired share is 50 %, a step is 25 points.

>>> def next_split(before, gate):
...     limits = RampLimits(0.25, {"A": gate}, warming_up={"A"}, leaving=(), urgent=False)
...     return dict(ramp_shares(before, {"A": 0.5, "B": 0.5}, limits).shares)
>>> next_split({"A": 0.0, "B": 1.0}, RampGate("rise"))
{'A': 0.25, 'B': 0.75}
>>> next_split({"A": 0.25, "B": 0.75}, RampGate("wait", "next step in 20.0 s", 20.0))
{'A': 0.25, 'B': 0.75}
>>> next_split({"A": 0.25, "B": 0.75}, RampGate("rise"))
{'A': 0.5, 'B': 0.5}

Had A failed its users after the first step, it would have gone back by one:

>>> next_split({"A": 0.25, "B": 0.75}, RampGate("step_back", "30 of 250 measured requests failed"))
{'A': 0.0, 'B': 1.0}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from controller.model.decision import Shares
from controller.planning.ramp.gate import RampGate
from controller.planning.shares import SHARE_TOLERANCE, normalised, without


@dataclass(frozen=True, slots=True)
class RampLimits:
    """What limits the rise of one pool's regions. `0 < step <= 1`."""

    step: float
    """The most a region's share may rise at once."""
    gates: Mapping[str, RampGate]
    """Region to its gate, of regions that are to rise or returning."""
    warming_up: Collection[str]
    """Regions that were out and have not been stable at their full share since."""
    leaving: Collection[str]
    """Regions with traffic that must leave this pool."""
    urgent: bool
    """Whether traffic must leave some region of the service."""

    def steps_back(self, region: str) -> bool:
        """Whether a region that is returning, or has just returned, had trouble."""
        return (
            region in self.warming_up
            and region in self.gates
            and self.gates[region].action == "step_back"
        )

    def highest_share(self, region: str, share: float) -> float:
        """The most that a region with this share may have next; a step back ends at 0, not just
        above."""
        if self.steps_back(region):
            reached = share - self.step
            return 0.0 if reached < 2 * SHARE_TOLERANCE else reached
        return share + (self.step if self.gates[region].action == "rise" else 0.0)


@dataclass(frozen=True, slots=True)
class RampResult:
    """How far this cycle goes."""

    shares: Shares
    limited: tuple[str, ...] = ()
    """Regions that get less than desired because of the step or their gate."""


def ramp_shares(before: Shares, desired: Shares, limits: RampLimits) -> RampResult:
    """Next split of a weighted pool; `sum == 1` when `sum(before) == sum(desired) == 1`."""
    base = without(before, limits.leaving)
    if not base:
        return RampResult(desired)
    slow = set(desired).intersection(limits.warming_up) if limits.urgent else set(desired)
    bound = {
        r for r in slow if desired[r] > base.get(r, 0.0) + SHARE_TOLERANCE or limits.steps_back(r)
    }
    ceilings = {r: limits.highest_share(r, base.get(r, 0.0)) for r in bound}
    limited = tuple(sorted(r for r, c in ceilings.items() if c < desired[r] - SHARE_TOLERANCE))
    if not limited:
        return RampResult(desired)
    if limits.urgent:
        return RampResult(_capped(desired, ceilings), limited)
    stepping_back = {r: c for r, c in ceilings.items() if c < base.get(r, 0.0)}
    if stepping_back:
        return RampResult(_capped(base, stepping_back), limited)
    return RampResult(_interpolated(base, desired, ceilings), limited)


def ramp_dials(before: Shares, desired: Shares, limits: RampLimits) -> RampResult:
    """Next dials behind an accelerator: each rises by its own steps.

    One of the regions whose desired dial is 1 always has it, so that users are not sent far away
    only because all dials are low. The region most open never goes back to 0 when no other is open,
    because an accelerator whose groups are all closed sends users to any of them.

    Invariant: `any(desired) => any(result)`.
    """
    if not any(share > 0 and before.get(r, 0.0) > 0 for r, share in desired.items()):
        return RampResult(desired)
    shares = {
        region: min(share, limits.highest_share(region, before.get(region, 0.0)))
        if share > before.get(region, 0.0) or limits.steps_back(region)
        else share
        for region, share in desired.items()
    }
    fully_open = [r for r in desired if desired[r] >= 1]
    if fully_open:
        most_open = max(fully_open, key=lambda r: (shares[r], r))
        shares[most_open] = 1.0
    if not any(shares.values()):
        last_open = max(desired, key=lambda r: (min(before.get(r, 0.0), desired[r]), r))
        shares[last_open] = min(before[last_open], desired[last_open])
    limited = tuple(r for r, share in desired.items() if shares[r] < share - SHARE_TOLERANCE)
    return RampResult(shares, limited)


def _interpolated(base: Shares, desired: Shares, ceilings: Shares) -> dict[str, float]:
    """The farthest split on the line from base to desired that respects every ceiling."""
    part = min((ceilings[r] - base.get(r, 0.0)) / (desired[r] - base.get(r, 0.0)) for r in ceilings)
    return {
        r: base.get(r, 0.0) + min(1.0, part) * (share - base.get(r, 0.0))
        for r, share in desired.items()
    }


def _capped(wanted: Shares, ceilings: Shares) -> dict[str, float]:
    """A split under the ceilings; the excess goes to the regions without one in proportion."""
    capped = {r: min(share, ceilings.get(r, 1.0)) for r, share in wanted.items()}
    excess = 1 - sum(capped.values())
    takers = normalised({r: s for r, s in wanted.items() if r not in ceilings and s > 0})
    if not takers:
        return dict(wanted)
    return {r: share + excess * takers.get(r, 0.0) for r, share in capped.items()}
