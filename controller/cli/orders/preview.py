"""What a plan makes of an order, pool by pool, and what may keep it from being carried out.

What it means to be carried out is told by each kind of order: `departure`, `pinning`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from controller.cli.daemon.client import ApiReply

GUARDS = (
    "min_active",
    "capacity",
    "startup",
    "blast_radius",
    "drift",
    "contested",
    "flapping",
)
"""Guards that a person may override by naming them; a test compares them with the planner's."""
DRY_RUN = "dry_run"
"""The hold of a daemon that writes nothing; whoever rehearses an order must be able to give it."""
UNDECIDED = "undecided"
"""The hold of a service about which a mistake in the daemon lets nothing be decided."""
REMEDIES = {
    "panic": "Too many regions are doubted at once; `gtc failover` takes your word for one.",
    "frozen": "Changes are frozen: `gtc unfreeze` first.",
    UNDECIDED: "A mistake in this program holds the service: report it (the log has more), and set "
    "weights and dials at AWS by hand meanwhile.",
    "state_unread": "The state file with earlier orders is not read yet: see `gtc status`.",
    "last_region": "No other region may serve these users; nothing overrides that.",
}
"""What else can stop it, and what to do."""


@dataclass(frozen=True, slots=True)
class UnchangedPool:
    """A pool in which the order changes nothing, and what keeps it from doing so."""

    pool: str
    reason: str
    detail: str


class OrderPreview(Protocol):
    """What a plan makes of one order. Pools are named as `service/pool`."""

    @property
    def pending(self) -> tuple[str, ...]:
        """Pools in which it is still to be done, or in which nobody knows yet."""
        ...

    @property
    def refused(self) -> tuple[UnchangedPool, ...]:
        """The refusals, when the order would do nothing at all."""
        ...

    @property
    def refusal(self) -> str:
        """What the refusals come to, in a few words."""
        ...

    @property
    def lacking(self) -> str:
        """What is not yet so, without the pools in which it is not."""
        ...

    def lines(self) -> Iterator[str]:
        """How things stand once nothing is pending."""
        ...


def concerned(plan: ApiReply, order: Mapping[str, Any]) -> Iterator[tuple[str, ApiReply]]:
    """The plan's pools of which the order speaks, by name; no service or pool means every one."""
    for pool in plan["plans"]:
        if order.get("service") not in (None, pool["service"]):
            continue
        if order.get("pool") in (None, pool["pool"]):
            yield f"{pool['service']}/{pool['pool']}", pool


def is_unread(pool: ApiReply) -> bool:
    """Whether AWS has not said yet how the pool's levers stand."""
    return any(held["reason"] == "not_observed" for held in pool["held"])


def undecided(name: str, pool: ApiReply) -> UnchangedPool | None:
    """That the daemon cannot decide about the pool; its plan names no regions then."""
    for held in pool["held"]:
        if held["reason"] == UNDECIDED:
            return UnchangedPool(name, held["reason"], held["detail"])
    return None


def held_by(stay: UnchangedPool) -> str:
    """What keeps it so, as it stands at the end of a sentence. May hold any signs: see `render`."""
    return f"held by {stay.reason}: {stay.detail}"
