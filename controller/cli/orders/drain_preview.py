"""What a plan does with the traffic of one region that is to be emptied.

Made from the plan of `GET /v1/plan` or of a preview.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.cli.daemon.client import ApiReply
from controller.cli.orders.preview import (
    DRY_RUN,
    GUARDS,
    REMEDIES,
    UnchangedPool,
    concerned,
    held_by,
    is_unread,
    undecided,
)


@dataclass(frozen=True, slots=True)
class DrainPreview:
    """The pools by what becomes of the region in them."""

    region: str
    empty: tuple[str, ...]
    """It carries nothing there."""
    pending: tuple[str, ...]
    """It carries something there that is to leave, or nobody knows yet."""
    stays: tuple[UnchangedPool, ...]
    """It keeps its traffic there."""

    @property
    def refused(self) -> tuple[UnchangedPool, ...]:
        """The refusals, when the region would leave no pool at all."""
        if self.pending:
            return ()
        return tuple(stay for stay in self.stays if stay.reason != DRY_RUN)

    @property
    def refusal(self) -> str:
        return "its traffic would stay"

    @property
    def lacking(self) -> str:
        return f"{self.region} is not yet known to be empty"

    def lines(self) -> Iterator[str]:
        """Where it carries nothing, and what keeps its traffic elsewhere."""
        if self.empty:
            yield f"{self.region} carries nothing in {', '.join(self.empty)}."
        for stay in self.stays:
            yield f"{self.region} keeps its traffic in {stay.pool}, {held_by(stay)}."


def departure(plan: ApiReply, order: Mapping[str, Any]) -> DrainPreview:
    """What becomes of the order's region in the pools of which it speaks."""
    region = order["region"]
    empty: list[str] = []
    leaving: list[str] = []
    stays: list[UnchangedPool] = []
    for name, pool in concerned(plan, order):
        if pool["before"].get(region) == 0:
            empty.append(name)
        elif stay := undecided(name, pool) or _stay(name, pool, region):
            stays.append(stay)
        elif region in pool["before"] or is_unread(pool):
            leaving.append(name)
    return DrainPreview(region, tuple(empty), tuple(leaving), tuple(stays))


def _stay(name: str, pool: ApiReply, region: str) -> UnchangedPool | None:
    if not pool["after"].get(region):
        return None
    for held in pool["held"]:
        known = held["reason"] in (*GUARDS, *REMEDIES, DRY_RUN)
        if known and held["region"] in (None, region):
            return UnchangedPool(name, held["reason"], held["detail"])
    return None
