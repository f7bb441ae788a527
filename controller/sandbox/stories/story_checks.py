"""What every story looks at: places as the daemon tells them, users as the world measures them.

A look answers with words when things are as they should be, with None while they are not yet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.model.configuration import Route53Lever
from controller.planning.shares import percent
from controller.sandbox.seeding.record_tree import starting_splits
from controller.sandbox.stories.story_context import StoryContext

SHOP = "shop"
"""The service behind Route 53, which stories are mostly about."""
Users = dict[tuple[str, str], dict[str, dict[str, Any]]]
"""(service, pool) to region to requests, errors and share."""
_TOLERANCE = 0.15
"""Users are two hundred dice: a measured share wavers by this much."""
_SAME = 0.01
_LEFT = 0.05
"""Part of a pool's users that may still be on their way."""


def shop_pools(stage: StoryContext) -> tuple[str, ...]:
    """The pools of the shop."""
    return tuple(stage.settings.services[SHOP].pools)


def shop_lever(stage: StoryContext) -> Route53Lever:
    """How the shop is steered."""
    lever = stage.settings.services[SHOP].levers.route53
    assert lever is not None
    return lever


def places(status: Any) -> list[dict[str, Any]]:
    """Every region of every pool, each with the names of its service and pool."""
    return [
        {**region, "service": service["name"], "pool": pool["name"]}
        for service in status["services"]
        for pool in service["pools"]
        for region in pool["regions"]
    ]


async def places_of(stage: StoryContext, region: str) -> list[dict[str, Any]]:
    """A region in every pool it is in, as the daemon sees it now."""
    return [p for p in places(await stage.daemon("/v1/status")) if p["region"] == region]


async def all_up(stage: StoryContext) -> str | None:
    """Whether every region is up."""
    found = places(await stage.daemon("/v1/status"))
    if found and all(place["verdict"] == "up" for place in found):
        return f"{len(found)} of {len(found)} positions are up"
    return None


async def is_up(stage: StoryContext, region: str) -> str | None:
    """Whether one region is up."""
    verdicts = {place["verdict"] for place in await places_of(stage, region)}
    return f"{region} is up in every pool" if verdicts == {"up"} else None


async def is_emptied(stage: StoryContext, region: str) -> str | None:
    """Whether AWS directs nobody to a region any more."""
    mine = await places_of(stage, region)
    if not mine or any(place["observed"] != 0 for place in mine):
        return None
    return f"{region} carries 0 % everywhere"


async def decision_on(stage: StoryContext, region: str, rule: str) -> Any:
    """The newest decision that moved the shop's users by this rule on this region; or None."""
    items = (await stage.daemon(f"/v1/decisions?region={region}&limit=50"))["items"]
    for record in items:
        if record["written"] and any(
            (found["name"], found["region"]) == (rule, region)
            for plan in record["plans"]
            if plan["changes"] and plan["service"] == SHOP
            for found in plan["rules"]
        ):
            return record
    return None


async def came_back(stage: StoryContext, region: str, since: float) -> str | None:
    """Whether a region has its share again and rose to it by steps, since a `stage.wall`."""
    mine = await places_of(stage, region)
    if any(p["verdict"] != "up" or abs(p["observed"] - p["desired"]) > _SAME for p in mine):
        return None
    steps = await rises(stage, region, since)
    by = {pool: [after for _, after in found] for pool, found in steps.items()}
    if not any(len(shares) > 1 for shares in by.values()):
        return None
    return "; ".join(f"{pool} by {', '.join(map(percent, shares))}" for pool, shares in by.items())


async def rises(
    stage: StoryContext, region: str, since: float
) -> dict[str, list[tuple[float, float]]]:
    """`service/pool` to when a region's share was raised there, and to what, oldest first."""
    found: dict[str, list[tuple[float, float]]] = {}
    items = (await stage.daemon(f"/v1/decisions?region={region}&limit=100"))["items"]
    for record in reversed(items):
        at = datetime.fromisoformat(record["at"]).timestamp()
        for plan in record["plans"] if at >= since else ():
            after = plan["after"].get(region, 0.0)
            if plan["changes"] and after > plan["before"].get(region, 0.0):
                found.setdefault(f"{plan['service']}/{plan['pool']}", []).append((at, after))
    return found


async def users_left(stage: StoryContext, region: str) -> str | None:
    """Whether users measured that they have left a region."""
    users = await stage.users(window_s=1)
    shares = [split.get(region, {}).get("share", 0.0) for split in users.values()]
    if not users or max(shares) > _LEFT:
        return None
    return shown(users)


async def at_home(stage: StoryContext) -> str | None:
    """Whether every pool's users are measured where they are best served when all is well."""
    users = await stage.users(window_s=3)
    best = starting_splits(stage.settings.services[SHOP], stage.settings)
    for pool, shares in best.items():
        split = users.get((SHOP, pool), {})
        for region, wanted in shares.items():
            if abs(split.get(region, {}).get("share", 0.0) - wanted) > _TOLERANCE:
                return None
    return shown(users)


def shown(users: Users) -> str:
    """Where the users of every pool are."""
    return "; ".join(f"{'/'.join(pool)}: {shares(split)}" for pool, split in sorted(users.items()))


def shares(split: dict[str, dict[str, Any]]) -> str:
    """Where the users of one pool are."""
    return ", ".join(f"{region} {percent(item['share'])}" for region, item in split.items())


def failed(users: Users) -> str:
    """The part of all requests, of both services, that failed."""
    items = [item for regions in users.values() for item in regions.values()]
    requests, errors = (sum(item[key] for item in items) for key in ("requests", "errors"))
    return f"{errors / requests:.1%}" if requests else "–"
