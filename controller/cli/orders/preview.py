"""What a preview means for one order, and the holds that can refuse an order.

Each kind of order reads the preview's plan in its own way: `drain_preview`, `pin_preview`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from controller.cli.daemon.replies import ApiReply

GUARDS = (
    "min_active",
    "capacity",
    "startup",
    "blast_radius",
    "drift",
    "contested",
    "flapping",
)
"""Guards that an order may override by name; a test compares them with the planner's."""
DRY_RUN = "dry_run"
"""The hold of a daemon that writes nothing. It refuses no order: orders can be rehearsed."""
UNDECIDED = "undecided"
"""The hold of a service whose decision failed because of a defect in the daemon."""
MISCONFIGURED = "misconfigured"
"""The hold of a pool that is set up wrongly; another hold beside it says more about an order."""
REMEDIES = {
    "panic": "Too many regions are doubted at once; `gtc failover` takes your word for one.",
    "frozen": "Changes are frozen: `gtc unfreeze` first.",
    UNDECIDED: "A mistake in this program holds the service: report it (the log has more), and set "
    "weights and dials at AWS by hand meanwhile.",
    "state_unread": "The state file with earlier orders is not read yet: see `gtc status`.",
    MISCONFIGURED: "AWS is not set up as the settings say, which only a person mends: "
    "`gtc validate --observed` lists it.",
    "last_region": "No other region may serve these users; nothing overrides that.",
}
"""What the user can do about a hold that `--ignore-guard` cannot override."""


@dataclass(frozen=True, slots=True)
class UnchangedPool:
    """A pool that the order does not change, and the hold that prevents it."""

    pool: str
    """`service/pool`."""
    reason: str
    detail: str


class OrderPreview(Protocol):
    """The pools of one order, by what the plan does in them. Pools are named `service/pool`."""

    @property
    def pending(self) -> tuple[str, ...]:
        """Pools in which the order is not carried out yet, or of which that is unknown."""
        ...

    @property
    def refusals(self) -> tuple[UnchangedPool, ...]:
        """Why the order would change nothing; empty when it would change at least one pool."""
        ...

    @property
    def refusal_text(self) -> str:
        """What the refusals mean, in a few words."""
        ...

    @property
    def pending_text(self) -> str:
        """What is not reached yet, without the names of the pools."""
        ...

    def result_lines(self) -> Iterator[str]:
        """What the order has achieved, once `pending` is empty."""
        ...


ReadPreview = Callable[[Mapping[str, Any], Iterable[tuple[str, ApiReply]]], OrderPreview]
"""Reads an order's pools, each a name and its plan, for one kind of order."""


def pools_in_scope(order: Mapping[str, Any], plan: ApiReply) -> Iterator[tuple[str, ApiReply]]:
    """The plan's pools within the order's service and pool, by name; None stands for every one."""
    for pool in plan["plans"]:
        if order.get("service") not in (None, pool["service"]):
            continue
        if order.get("pool") in (None, pool["pool"]):
            yield f"{pool['service']}/{pool['pool']}", pool


def is_not_observed(pool: ApiReply) -> bool:
    """Whether the pool's weights and dials were not read from AWS yet."""
    return any(hold["reason"] == "not_observed" for hold in pool["held"])


def undecided_pool(name: str, pool: ApiReply) -> UnchangedPool | None:
    """The pool's `undecided` hold, if it has one; its plan then names no regions."""
    for hold in pool["held"]:
        if hold["reason"] == UNDECIDED:
            return UnchangedPool(name, hold["reason"], hold["detail"])
    return None


def held_by(pool: UnchangedPool) -> str:
    """The hold, as the end of a sentence. May hold control characters: print by `one_line`."""
    return f"held by {pool.reason}: {pool.detail}"
