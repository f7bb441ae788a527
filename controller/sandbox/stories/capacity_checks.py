"""Checks of the story of capacity: text when something has happened, None while it has not yet."""

from __future__ import annotations

from typing import Any

from controller.planning.shares import percent
from controller.sandbox.seeding.record_tree import address_and_port
from controller.sandbox.stories.story_checks import (
    SHOP,
    Users,
    positions_of,
    shop_lever,
    shown,
)
from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.world.users import NO_REGION

LARGEST, WEST, CENTRAL = "us-east-1", "eu-west-1", "eu-central-1"
MEASURED_S = 10
"""Seconds over which users' requests are counted: two TTLs, so that chance averages out."""
SHARE_TOLERANCE = 0.01
"""By how much a share may exceed its limit: weights are whole numbers."""
_NOISE = 0.15
"""Tolerance for a measured share: two hundred users choose by chance."""


async def all_regions_fit(context: StoryContext) -> str | None:
    users = await context.users(window_s=MEASURED_S)
    return _loads_text(context, users) if is_within_capacity(context, users) else None


def is_within_capacity(context: StoryContext, users: Users) -> bool:
    regions = context.settings.services[SHOP].regions
    return all(
        rps <= (regions[region].capacity_rps or 0.0)
        for region, rps in _rps_by_region(context, users).items()
    )


def _rps_by_region(context: StoryContext, users: Users) -> dict[str, float]:
    """Region of the shop to its requests/s in all pools."""
    found = dict.fromkeys(context.settings.services[SHOP].regions, 0.0)
    for (service, _), split in users.items():
        for region, item in split.items():
            if service == SHOP and region in found:
                found[region] += item["requests"] / MEASURED_S
    return found


def _loads_text(context: StoryContext, users: Users) -> str:
    return ", ".join(
        _load_text(context, region, rps) for region, rps in _rps_by_region(context, users).items()
    )


def fullest_region(context: StoryContext, users: Users) -> str:
    regions, loads = context.settings.services[SHOP].regions, _rps_by_region(context, users)
    region = max(loads, key=lambda r: loads[r] / (regions[r].capacity_rps or 1.0))
    return _load_text(context, region, loads[region])


def _load_text(context: StoryContext, region: str, rps: float) -> str:
    capacity_rps = context.settings.services[SHOP].regions[region].capacity_rps
    return f"{region} {rps:.0f}/s of {capacity_rps:g}"


def check_users_stayed_lawful(context: StoryContext, users: Users) -> None:
    """Check that users of the bound pool were served in its regions only."""
    pool = context.settings.services[SHOP].pools["europe"]
    split = users[SHOP, "europe"]
    visits = sum(item["requests"] for item in split.values())
    abroad = split.keys() - {*pool.regions, NO_REGION}
    context.check(
        not abroad, f"{visits} visits of the EU's users, {len(abroad)} regions outside it"
    )


async def all_users_in(context: StoryContext, region: str) -> str | None:
    """Check whether all requests of the bound pool's users go to one region."""
    split = (await context.users(window_s=MEASURED_S)).get((SHOP, "europe"), {})
    return f"every request goes to {region}" if split.keys() == {region} else None


async def check_lawful_answers(context: StoryContext) -> None:
    """Check that name servers answer the bound pool's users with its regions' addresses only."""
    shop = context.settings.services[SHOP]
    pool = shop.pools["europe"]
    lawful = {str(address_and_port(r, shop.regions[r])[0]) for r in pool.regions}
    name = shop_lever(context).name
    countries = [geography.partition(":")[2] for geography in pool.geographies]
    seen = [await context.answers(name, country) for country in countries]
    context.check(
        all(found and found <= lawful for found in seen),
        f"name servers answer {', '.join(countries)} with regions of the EU only",
    )


async def plan_of(context: StoryContext, pool: str) -> dict[str, Any]:
    plans = (await context.daemon("/v1/plan?all=true"))["plans"]
    found: dict[str, Any] = next(p for p in plans if (p["service"], p["pool"]) == (SHOP, pool))
    return found


async def share_of(context: StoryContext, region: str) -> float:
    """The share of the pool `world` that AWS sends to a region."""
    share: float = (await plan_of(context, "world"))["before"][region]
    return share


async def overloads(context: StoryContext) -> dict[str, float]:
    """`service/pool` to its overload in requests/s, for overloaded pools only."""
    plans = (await context.daemon("/v1/plan?all=true"))["plans"]
    return {f"{p['service']}/{p['pool']}": p["overload_rps"] for p in plans if p["overload_rps"]}


async def overload_is_reported(context: StoryContext) -> str | None:
    """Check whether plan, status and metrics report the bound pool's overload, with one number."""
    shop = context.settings.services[SHOP]
    too_much = shop.pools["europe"].demand_rps - (shop.regions[CENTRAL].capacity_rps or 0.0)
    pools = (await context.daemon("/v1/status"))["services"][0]["pools"]
    metric = f'gtc_pool_overload_rps{{pool="europe",service="{SHOP}"}} '
    lines = (await context.daemon_text("/metrics")).splitlines()
    reported = [
        *(await overloads(context)).values(),
        *(pool["overload_rps"] for pool in pools if pool["name"] == "europe"),
        *(float(line.removeprefix(metric)) for line in lines if line.startswith(metric)),
    ]
    if len(reported) != 3 or any(abs(rps - too_much) > 0.5 for rps in reported):
        return None
    return f"plan, status and metrics: {too_much:g} requests/s more than fit"


async def waits_for_users(context: StoryContext, region: str) -> str | None:
    """Check whether the region's next step waits until users have followed the last one."""
    status = await context.daemon("/v1/status")
    pools = [p for s in status["services"] if s["name"] == SHOP for p in s["pools"]]
    details = [h["detail"] for p in pools for h in p["holds"] if h["reason"] == "ramp_step"]
    return next((d for d in details if d.startswith(region) and "of users arrived" in d), None)


async def usable_capacity(context: StoryContext, usable: float) -> str | None:
    """Check whether at most this part of the gray region's capacity is used; 1: all of it again."""
    positions = next(p for p in await positions_of(context, LARGEST) if p["service"] == SHOP)
    if positions["usable"] > usable or (usable == 1 and positions["usable"] < 1):
        return None
    return f"{percent(positions['usable'])} of its capacity is counted on: {positions['why']}"


async def users_spilled(context: StoryContext) -> str | None:
    """Check whether the gray region has at most its usable capacity, in AWS and as measured."""
    shop, target = context.settings.services[SHOP], context.settings.placement.target_utilisation
    positions = next(p for p in await positions_of(context, LARGEST) if p["service"] == SHOP)
    counted_on = positions["usable"] * target * (shop.regions[LARGEST].capacity_rps or 0.0)
    room = counted_on / shop.pools["world"].demand_rps
    users = await context.users(window_s=2)
    measured = users.get((SHOP, "world"), {}).get(LARGEST, {}).get("share", 1.0)
    if positions["observed"] > room + SHARE_TOLERANCE or measured > room + _NOISE:
        return None
    return shown(users)
