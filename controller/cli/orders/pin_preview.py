"""What a plan does with the share of a region that is pinned.

Read from the plan of `GET /v1/plan` or of an order's preview.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.cli.daemon.replies import ApiReply
from controller.cli.orders.preview import (
    DRY_RUN,
    UnchangedPool,
    held_by,
    is_not_observed,
    undecided_pool,
)
from controller.planning.shares import is_same_share, percent

_POOL_WIDE_HOLDS = ("not_observed", "unknown_health", "self_isolated", "panic")
"""Holds that keep the whole pool as it is, whichever of its regions they name."""
PASSING_HOLDS = ("ramp_step", "within_hysteresis", *_POOL_WIDE_HOLDS)
"""Holds that end without an operator: `--wait` waits for them. Every other hold refuses the pin."""


@dataclass(frozen=True, slots=True)
class PinPreview:
    """The pools of a pin; each is in at most one of the four tuples. `0 < share <= 1`."""

    region: str
    share: float
    reached: tuple[str, ...]
    """AWS has the share there."""
    pending: tuple[str, ...]
    """The share is being ramped there, or the region is out of service or its state unknown."""
    limited: tuple[tuple[str, float], ...]
    """Pools where other orders leave the region another share, with that share."""
    unchanged: tuple[UnchangedPool, ...]
    """The region is not pinned there."""

    @property
    def refusals(self) -> tuple[UnchangedPool, ...]:
        """The pools' holds, when the pin would take effect in no pool."""
        if self.reached or self.pending or self.limited:
            return ()
        return tuple(pool for pool in self.unchanged if pool.reason != DRY_RUN)

    @property
    def refusal_text(self) -> str:
        return "no pool would take it"

    @property
    def pending_text(self) -> str:
        return f"{self.region} is not yet known to be at {percent(self.share)}"

    def result_lines(self) -> Iterator[str]:
        """The pools where the region has its share, and why it has another one elsewhere."""
        if self.reached:
            yield f"{self.region} is at {percent(self.share)} in {', '.join(self.reached)}."
        for name, share in self.limited:
            yield (
                f"{self.region} gets {percent(share)} in {name}, not {percent(self.share)}: "
                "other orders have a say there, see `gtc overrides`."
            )
        for pool in self.unchanged:
            yield f"{self.region} keeps its share in {pool.pool}, {held_by(pool)}."


def preview_pin(order: Mapping[str, Any], pools: Iterable[tuple[str, ApiReply]]) -> PinPreview:
    """The order's pools, each a name and its plan, sorted by what the plan does in them."""
    region, share = order["region"], order["share"]
    reached: list[str] = []
    pending: list[str] = []
    limited: list[tuple[str, float]] = []
    unchanged: list[UnchangedPool] = []
    for name, pool in pools:
        if undecided := undecided_pool(name, pool):
            unchanged.append(undecided)
            continue
        if region not in pool["before"]:
            pending += [name] if is_not_observed(pool) else []
            continue
        desired = pool["desired"].get(region, 0.0)
        planned = is_same_share(desired, share)
        if planned and is_same_share(pool["before"][region], share):
            reached.append(name)
        elif held := _refusing_hold(name, pool, region, planned=planned):
            unchanged.append(held)
        elif planned or desired == 0 or _is_held_as_a_whole(pool):
            pending.append(name)
        else:
            limited.append((name, desired))
    return PinPreview(
        region, share, tuple(reached), tuple(pending), tuple(limited), tuple(unchanged)
    )


def _refusing_hold(
    name: str, pool: ApiReply, region: str, *, planned: bool
) -> UnchangedPool | None:
    """The hold that refuses the pin; for a pin that is `planned`, one of the whole pool."""
    for hold in pool["held"]:
        if hold["reason"] in PASSING_HOLDS:
            continue
        if hold["region"] is None or (hold["region"] == region and not planned):
            return UnchangedPool(name, hold["reason"], hold["detail"])
    return None


def _is_held_as_a_whole(pool: ApiReply) -> bool:
    return any(hold["reason"] in _POOL_WIDE_HOLDS for hold in pool["held"])
