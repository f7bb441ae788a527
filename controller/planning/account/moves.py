"""Share moves: where two decisions give a region different shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model.decision import Decision, PoolPlan, Shares
from controller.planning.shares import SHARE_TOLERANCE, percent


@dataclass(frozen=True, slots=True)
class ShareMove:
    """A region's share of a pool in two decisions, 0 to 1."""

    service: str
    pool: str
    region: str
    before: float
    after: float

    @property
    def leaves(self) -> bool:
        """Whether the region loses traffic."""
        return self.after < self.before


def share_moves(before: Decision, after: Decision) -> tuple[ShareMove, ...]:
    """Where two decisions, made at the same time, have different shares.

    Desired shares are compared, without ramps and guards; where they are equal, the shares after
    this cycle. A pool that only the second decision has is compared with its observed shares.
    """
    plans = {(plan.service, plan.pool): plan for plan in before.plans}
    found: list[ShareMove] = []
    for plan in after.plans:
        if not plan.desired:  # AWS has not said yet how its levers stand
            continue
        old = plans.get((plan.service, plan.pool))
        wanted = _between(plan, old.desired if old else plan.before, plan.desired)
        written = _between(plan, old.after if old else plan.before, plan.after)
        found += {**_by_region(written), **_by_region(wanted)}.values()
    return tuple(found)


def moves_text(before: Shares, after: Shares) -> str:
    """Regions whose shares differ: `eu-west-1 50 % → 0 %, us-east-1 0 % → 50 %`."""
    pairs = {
        region: (before.get(region, 0.0), after.get(region, 0.0))
        for region in dict.fromkeys((*before, *after))
    }
    return ", ".join(
        f"{region} {percent(old)} → {percent(new)}"
        for region, (old, new) in pairs.items()
        if abs(new - old) >= SHARE_TOLERANCE
    )


def losing_regions(found: Iterable[ShareMove]) -> tuple[str, ...]:
    """Regions that lose traffic, sorted."""
    return tuple(sorted({move.region for move in found if move.leaves}))


def _between(plan: PoolPlan, before: Shares, after: Shares) -> list[ShareMove]:
    return [
        ShareMove(plan.service, plan.pool, region, before.get(region, 0.0), share)
        for region, share in after.items()
        if abs(share - before.get(region, 0.0)) >= SHARE_TOLERANCE
    ] + [
        ShareMove(plan.service, plan.pool, region, share, 0.0)
        for region, share in before.items()
        if region not in after and share >= SHARE_TOLERANCE
    ]


def _by_region(found: Iterable[ShareMove]) -> Mapping[str, ShareMove]:
    return {move.region: move for move in found}
