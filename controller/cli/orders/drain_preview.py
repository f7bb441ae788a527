"""What a plan does with the traffic of a region that is drained or failed over.

Read from the plan of `GET /v1/plan` or of an order's preview.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.cli.daemon.replies import ApiReply
from controller.cli.orders.preview import (
    DRY_RUN,
    GUARDS,
    MISCONFIGURED,
    REMEDIES,
    UnchangedPool,
    held_by,
    is_not_observed,
    undecided_pool,
)


@dataclass(frozen=True, slots=True)
class DrainPreview:
    """The pools of a drain; each is in exactly one of `empty`, `pending`, `unchanged`."""

    region: str
    empty: tuple[str, ...]
    """The region carries nothing there."""
    pending: tuple[str, ...]
    """The region carries traffic there that is to leave, or its share is unknown."""
    unchanged: tuple[UnchangedPool, ...]
    """The region keeps its traffic there."""

    @property
    def refusals(self) -> tuple[UnchangedPool, ...]:
        """The pools' holds, when traffic would leave the region in no pool."""
        if self.pending:
            return ()
        return tuple(pool for pool in self.unchanged if pool.reason != DRY_RUN)

    @property
    def refusal_text(self) -> str:
        return "its traffic would stay"

    @property
    def pending_text(self) -> str:
        return f"{self.region} is not yet known to be empty"

    def result_lines(self) -> Iterator[str]:
        """The pools where the region carries nothing, and what keeps its traffic in others."""
        if self.empty:
            yield f"{self.region} carries nothing in {', '.join(self.empty)}."
        for pool in self.unchanged:
            yield f"{self.region} keeps its traffic in {pool.pool}, {held_by(pool)}."


def preview_drain(order: Mapping[str, Any], pools: Iterable[tuple[str, ApiReply]]) -> DrainPreview:
    """The order's pools, each a name and its plan, sorted by what the plan does in them."""
    region = order["region"]
    empty: list[str] = []
    pending: list[str] = []
    unchanged: list[UnchangedPool] = []
    for name, pool in pools:
        if pool["before"].get(region) == 0:
            empty.append(name)
        elif held := undecided_pool(name, pool) or _refusing_hold(name, pool, region):
            unchanged.append(held)
        elif region in pool["before"] or is_not_observed(pool):
            pending.append(name)
    return DrainPreview(region, tuple(empty), tuple(pending), tuple(unchanged))


def _refusing_hold(name: str, pool: ApiReply, region: str) -> UnchangedPool | None:
    if not pool["after"].get(region):
        return None
    refusing = [
        UnchangedPool(name, hold["reason"], hold["detail"])
        for hold in sorted(pool["held"], key=lambda hold: hold["reason"] == MISCONFIGURED)
        if hold["reason"] in (*GUARDS, *REMEDIES, DRY_RUN) and hold["region"] in (None, region)
    ]
    return refusing[0] if refusing else None
