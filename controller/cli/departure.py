"""What a plan does with the traffic of one region that is to be emptied.

Made from the plan of `GET /v1/plan` or of a preview.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.cli.client import Answer

GUARDS = ("min_active", "capacity", "startup", "blast_radius", "drift", "contested")
"""Guards that a person may override by naming them; a test compares them with the planner's."""
REMEDIES = {
    "panic": "Too many regions are doubted at once; `gtc failover` takes your word for one.",
    "frozen": "Changes are frozen: `gtc unfreeze` first.",
    "last_region": "No other region may serve these users; nothing overrides that.",
}
"""What else can stop it, and what to do."""
_DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True)
class Stay:
    """A pool in which the region keeps its traffic, and what keeps it there."""

    pool: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Departure:
    """The pools, as `service/pool`, by what becomes of the region in them."""

    empty: tuple[str, ...]
    """It carries nothing there."""
    leaving: tuple[str, ...]
    """It carries something there that is to leave, or nobody knows yet."""
    stays: tuple[Stay, ...]

    @property
    def refused(self) -> tuple[Stay, ...]:
        """The refusals, when the region would leave no pool at all."""
        if self.leaving:
            return ()
        return tuple(stay for stay in self.stays if stay.reason != _DRY_RUN)


def departure(plan: Answer, region: str, service: str | None, pool_name: str | None) -> Departure:
    """What becomes of a region in the pools of these names; None stands for every name."""
    empty: list[str] = []
    leaving: list[str] = []
    stays: list[Stay] = []
    for pool in plan["plans"]:
        if service not in (None, pool["service"]) or pool_name not in (None, pool["pool"]):
            continue
        name = f"{pool['service']}/{pool['pool']}"
        if pool["before"].get(region) == 0:
            empty.append(name)
        elif stay := _stay(name, pool, region):
            stays.append(stay)
        elif region in pool["before"] or _is_unread(pool):
            leaving.append(name)
    return Departure(tuple(empty), tuple(leaving), tuple(stays))


def _stay(name: str, pool: Answer, region: str) -> Stay | None:
    if not pool["after"].get(region):
        return None
    for held in pool["held"]:
        known = held["reason"] in (*GUARDS, *REMEDIES, _DRY_RUN)
        if known and held["region"] in (None, region):
            return Stay(name, held["reason"], held["detail"])
    return None


def _is_unread(pool: Answer) -> bool:
    """Whether AWS has not said yet how the pool's levers stand."""
    return any(held["reason"] == "not_observed" for held in pool["held"])
