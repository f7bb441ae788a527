"""What a plan does with the share of one region that is to be pinned.

Made from the plan of `GET /v1/plan` or of a preview.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.cli.daemon.client import ApiReply
from controller.cli.orders.preview import (
    DRY_RUN,
    UnchangedPool,
    concerned,
    held_by,
    is_unread,
    undecided,
)
from controller.planning.shares import SHARE_TOLERANCE, percent

_DOUBTS = ("not_observed", "unknown_health", "self_isolated", "panic")
"""Holds that keep a whole pool as it is, whichever of its regions has them."""
PASSING = ("ramp_step", "within_hysteresis", *_DOUBTS)
"""Holds that end by themselves and are waited for. Every other one refuses the pin."""


@dataclass(frozen=True, slots=True)
class PinPreview:
    """The pools by what becomes of the region's share in them."""

    region: str
    share: float
    there: tuple[str, ...]
    """AWS has the share there."""
    pending: tuple[str, ...]
    """It is on its way there, or the region is out of service or in doubt."""
    others: tuple[tuple[str, float], ...]
    """Pools where other orders have a say, with the share that they leave it."""
    stays: tuple[UnchangedPool, ...]
    """It is not pinned there."""

    @property
    def refused(self) -> tuple[UnchangedPool, ...]:
        """The refusals, when no pool at all would take the pin."""
        if self.there or self.pending or self.others:
            return ()
        return tuple(stay for stay in self.stays if stay.reason != DRY_RUN)

    @property
    def refusal(self) -> str:
        return "no pool would take it"

    @property
    def lacking(self) -> str:
        return f"{self.region} is not yet known to be at {percent(self.share)}"

    def lines(self) -> Iterator[str]:
        """Where it is at its share, and why it is not elsewhere."""
        if self.there:
            yield f"{self.region} is at {percent(self.share)} in {', '.join(self.there)}."
        for pool, share in self.others:
            yield (
                f"{self.region} gets {percent(share)} in {pool}, not {percent(self.share)}: "
                "other orders have a say there, see `gtc overrides`."
            )
        for stay in self.stays:
            yield f"{self.region} keeps its share in {stay.pool}, {held_by(stay)}."


def pinning(plan: ApiReply, order: Mapping[str, Any]) -> PinPreview:
    """What becomes of the order's region in the pools of which it speaks."""
    region, share = order["region"], order["share"]
    there: list[str] = []
    pending: list[str] = []
    others: list[tuple[str, float]] = []
    stays: list[UnchangedPool] = []
    for name, pool in concerned(plan, order):
        if stay := undecided(name, pool):
            stays.append(stay)
            continue
        if region not in pool["before"]:
            pending += [name] if is_unread(pool) else []
            continue
        desired = pool["desired"].get(region, 0.0)
        taken = _same(desired, share)
        if taken and _same(pool["before"][region], share):
            there.append(name)
        elif stay := _stay(name, pool, region, taken=taken):
            stays.append(stay)
        elif taken or desired == 0 or _in_doubt(pool):
            pending.append(name)
        else:
            others.append((name, desired))
    return PinPreview(region, share, tuple(there), tuple(pending), tuple(others), tuple(stays))


def _stay(name: str, pool: ApiReply, region: str, *, taken: bool) -> UnchangedPool | None:
    """What refuses the pin or, where it was taken, what keeps the whole pool from being written."""
    for held in pool["held"]:
        if held["reason"] in PASSING:
            continue
        if held["region"] is None or (held["region"] == region and not taken):
            return UnchangedPool(name, held["reason"], held["detail"])
    return None


def _in_doubt(pool: ApiReply) -> bool:
    return any(held["reason"] in _DOUBTS for held in pool["held"])


def _same(one: float, other: float) -> bool:
    return abs(one - other) < SHARE_TOLERANCE
