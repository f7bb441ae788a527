"""Checks that stories share: positions that the daemon reports, users that the world measures.

A check returns a text when its condition holds, None while it does not yet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.model.configuration import Route53Lever
from controller.planning.shares import percent
from controller.sandbox.seeding.record_tree import starting_splits
from controller.sandbox.stories.story_context import StoryContext

SHOP = "shop"
"""The service behind Route 53, which most stories use."""
Users = dict[tuple[str, str], dict[str, dict[str, Any]]]
"""(service, pool) to region to requests, errors and share."""
_TOLERANCE = 0.15
"""Tolerance for a measured share: two hundred users choose by chance."""
_SAME = 0.01
_LEFT = 0.05
"""Part of a pool's users that may not have moved yet."""


def shop_pools(context: StoryContext) -> tuple[str, ...]:
    """The pools of the shop."""
    return tuple(context.settings.services[SHOP].pools)


def shop_lever(context: StoryContext) -> Route53Lever:
    """The shop's lever."""
    lever = context.settings.services[SHOP].levers.route53
    assert lever is not None
    return lever


def all_positions(status: Any) -> list[dict[str, Any]]:
    """The positions of a status: every region of every pool, with names of service and pool."""
    return [
        {**region, "service": service["name"], "pool": pool["name"]}
        for service in status["services"]
        for pool in service["pools"]
        for region in pool["regions"]
    ]


async def positions_of(context: StoryContext, region: str) -> list[dict[str, Any]]:
    """A region's positions in all its pools, as the daemon reports them now."""
    return [p for p in all_positions(await context.daemon("/v1/status")) if p["region"] == region]


async def all_up(context: StoryContext) -> str | None:
    """Check whether every region is up."""
    found = all_positions(await context.daemon("/v1/status"))
    if found and all(position["verdict"] == "up" for position in found):
        return f"{len(found)} of {len(found)} positions are up"
    return None


async def is_up(context: StoryContext, region: str) -> str | None:
    """Check whether one region is up."""
    verdicts = {position["verdict"] for position in await positions_of(context, region)}
    return f"{region} is up in every pool" if verdicts == {"up"} else None


async def is_emptied(context: StoryContext, region: str) -> str | None:
    """Check whether AWS sends no users to a region any more."""
    positions = await positions_of(context, region)
    if not positions or any(position["observed"] != 0 for position in positions):
        return None
    return f"{region} carries 0 % everywhere"


async def decision_on(context: StoryContext, region: str, rule: str) -> Any:
    """The newest decision that moved the shop's users because of this rule and region, or None."""
    items = (await context.daemon(f"/v1/decisions?region={region}&limit=50"))["items"]
    for record in items:
        if record["written"] and any(
            (found["name"], found["region"]) == (rule, region)
            for plan in record["plans"]
            if plan["changes"] and plan["service"] == SHOP
            for found in plan["rules"]
        ):
            return record
    return None


async def came_back(context: StoryContext, region: str, since: float) -> str | None:
    """Check whether a region has its share again and rose by steps since then (`context.wall`)."""
    positions = await positions_of(context, region)
    if any(p["verdict"] != "up" or abs(p["observed"] - p["desired"]) > _SAME for p in positions):
        return None
    steps = await rises(context, region, since)
    by = {pool: [after for _, after in found] for pool, found in steps.items()}
    if not any(len(shares) > 1 for shares in by.values()):
        return None
    return "; ".join(f"{pool} by {', '.join(map(percent, shares))}" for pool, shares in by.items())


async def rises(
    context: StoryContext, region: str, since: float
) -> dict[str, list[tuple[float, float]]]:
    """`service/pool` to (time, new share) of each rise of a region's share, oldest first."""
    found: dict[str, list[tuple[float, float]]] = {}
    items = (await context.daemon(f"/v1/decisions?region={region}&limit=100"))["items"]
    for record in reversed(items):
        at = datetime.fromisoformat(record["at"]).timestamp()
        for plan in record["plans"] if at >= since else ():
            after = plan["after"].get(region, 0.0)
            if plan["changes"] and after > plan["before"].get(region, 0.0):
                found.setdefault(f"{plan['service']}/{plan['pool']}", []).append((at, after))
    return found


async def users_left(context: StoryContext, region: str) -> str | None:
    """Check whether users, by their measurements, have left a region."""
    users = await context.users(window_s=1)
    shares = [split.get(region, {}).get("share", 0.0) for split in users.values()]
    if not users or max(shares) > _LEFT:
        return None
    return shown(users)


async def at_home(context: StoryContext) -> str | None:
    """Check whether the users of every pool are, as measured, where placement wants them."""
    users = await context.users(window_s=3)
    best = starting_splits(context.settings.services[SHOP], context.settings)
    for pool, shares in best.items():
        split = users.get((SHOP, pool), {})
        for region, wanted in shares.items():
            if abs(split.get(region, {}).get("share", 0.0) - wanted) > _TOLERANCE:
                return None
    return shown(users)


def shown(users: Users) -> str:
    """The shares of all pools as text."""
    return "; ".join(f"{'/'.join(pool)}: {shares(split)}" for pool, split in sorted(users.items()))


def shares(split: dict[str, dict[str, Any]]) -> str:
    """The shares of one pool as text."""
    return ", ".join(f"{region} {percent(item['share'])}" for region, item in split.items())


def failed(users: Users) -> str:
    """The part of all requests, of both services, that failed, as text."""
    items = [item for regions in users.values() for item in regions.values()]
    requests, errors = (sum(item[key] for item in items) for key in ("requests", "errors"))
    return f"{errors / requests:.1%}" if requests else "–"
