"""A loss that fits, a loss that does not, and a region that is only half well.

us-east-1 dies at peak and its users spill over to the nearest regions with room; it comes back by
steps that wait for users. Then eu-west-1 dies: Europe's users stay in the EU although eu-central-1
cannot carry them, and the daemon says so. At last us-east-1 answers badly and is counted on for
less. Plays on the sandbox's own configuration, whose capacities are made for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from controller.planning.account.columns import aligned
from controller.planning.shares import percent
from controller.sandbox.seeding.record_tree import address_and_port
from controller.sandbox.stories.story_checks import (
    SHOP,
    Users,
    all_up,
    at_home,
    came_back,
    decision_on,
    failed,
    is_emptied,
    is_up,
    places_of,
    rises,
    shares,
    shop_lever,
    shown,
    users_left,
)
from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.world.users import NO_REGION

LARGEST, WEST, CENTRAL = "us-east-1", "eu-west-1", "eu-central-1"
SPILLS_TO = ("us-west-2", "eu-west-1")
"""Where the users of `world` find room without LARGEST, the nearest first."""
_LOOK_S = 10
"""Seconds over which users are counted: two lives of an answer, so that chance evens out."""
_STEP = 0.01
"""Part of a share by which a step may be larger than allowed: weights are whole numbers."""
_CHANCE = 0.15
"""Users are two hundred dice: a measured share wavers by this much."""
_HEAD = ("ACT", "TOOK", "FAILED", "FULLEST REGION", "EUROPE'S USERS WERE IN")

Act = Callable[[StoryContext], Awaitable[str]]
"""Plays an act and says which region was fullest at its worst, as measured."""


async def capacity(stage: StoryContext) -> None:
    """The whole story; raises StepFailedError at the first step that does not happen."""
    rows = [_HEAD]
    for number, (title, act) in enumerate(ACTS, 1):
        stage.say(f"—— {number}. {title}")
        began = stage.now()
        fullest = await act(stage)
        took_s = stage.now() - began
        users = await stage.users(window_s=min(120, round(took_s) + 1))
        _stayed(stage, users)
        europe = shares(users[SHOP, "europe"])
        rows.append((f"{number}. {title}", f"{took_s:.0f} s", failed(users), fullest, europe))
    stage.say("what the users had of it:")
    for line in aligned(rows):
        stage.say(f"  {line}")


async def _calm(stage: StoryContext) -> str:
    await stage.expect("everything is healthy", lambda: all_up(stage), within_s=30)
    await stage.expect("users are where they are best served", lambda: at_home(stage), within_s=30)
    plan = await stage.gtc("plan", "--if", f"{SHOP}/{LARGEST} down")
    stage.check(all(r in plan for r in SPILLS_TO), f"a plan for the loss of {LARGEST} exists")
    return await _everybody_fits(stage)


async def _largest_dies(stage: StoryContext) -> str:
    await stage.break_region(LARGEST, "dead")
    await stage.expect(f"{LARGEST} is out", lambda: is_emptied(stage, LARGEST), within_s=10)
    await stage.expect(f"users have left {LARGEST}", lambda: users_left(stage, LARGEST), 30)
    why = await _why(stage, LARGEST)
    stage.check("region_down" in why and "connection refused" in why, "gtc why names the evidence")
    stage.check("the rest spills over" in why, f"and that {SPILLS_TO[0]} is full")
    world = await _plan_of(stage, "world")
    stage.check(
        sorted(r for r, share in world["before"].items() if share > 0) == sorted(SPILLS_TO),
        f"its users go to {' and '.join(SPILLS_TO)}, which are nearest, and nowhere else",
    )
    stage.check(not await _overloads(stage), "the daemon calls no pool overloaded")
    return await _everybody_fits(stage)


async def _largest_returns(stage: StoryContext) -> str:
    since = stage.wall()
    await stage.heal(LARGEST)
    await stage.expect(f"{LARGEST} is up again", lambda: is_up(stage, LARGEST), within_s=30)
    await stage.expect("a step waits for users", lambda: _waits(stage, LARGEST), within_s=30)
    await stage.expect("it came back", lambda: came_back(stage, LARGEST, since), within_s=90)
    ramp = stage.settings.ramp
    steps = (await rises(stage, LARGEST, since))[f"{SHOP}/world"]
    gap_s = min(later - earlier for (earlier, _), (later, _) in pairwise(steps))
    highest = max(after - before for (_, before), (_, after) in pairwise([(since, 0.0), *steps]))
    stage.check(
        highest <= ramp.step_points / 100 + _STEP and gap_s >= ramp.step_gap_s,
        f"{len(steps)} steps of at most {percent(highest)}, at least {gap_s:.1f} s apart",
    )
    await stage.expect("users are back", lambda: at_home(stage), within_s=30)
    return await _everybody_fits(stage)


async def _west_dies(stage: StoryContext) -> str:
    await stage.break_region(WEST, "dead")
    await stage.expect(f"{WEST} is out", lambda: is_emptied(stage, WEST), within_s=10)
    await stage.expect(f"users have left {WEST}", lambda: users_left(stage, WEST), within_s=30)
    await stage.expect("the overload is said", lambda: _overload_said(stage), within_s=5)
    status = await stage.gtc("status")
    stage.check(f"OVERLOAD {SHOP}/europe" in status, "gtc status shows it")
    why = await _why(stage, WEST)
    stage.check("more than the regions of the pool can carry" in why, "gtc why explains it")
    await _answered_lawfully(stage)
    await stage.pause(_LOOK_S)
    await stage.expect("Europe's users stay in the EU", lambda: _all_in(stage, CENTRAL), 20)
    users = await stage.users(window_s=_LOOK_S)
    region = _fullest(stage, users)
    stage.check(region.startswith(f"{CENTRAL} ") and not _fits(stage, users), f"{region}: too full")
    return region


async def _west_returns_and_largest_is_gray(stage: StoryContext) -> str:
    since, share = stage.wall(), await _share(stage, LARGEST)
    await stage.heal(WEST)
    await stage.break_region(LARGEST, "gray")
    await stage.expect("it is counted on for less", lambda: _counted_on(stage, 0.75), within_s=20)
    await stage.expect("and for still less", lambda: _counted_on(stage, 0.5), within_s=30)
    await stage.expect("users spill over", lambda: _spilled(stage), within_s=45)
    less = await _share(stage, LARGEST)
    stage.check(0 < less < share, f"{percent(share)} → {percent(less)}: less, and not emptied")
    await stage.expect(f"{WEST} came back", lambda: came_back(stage, WEST, since), within_s=60)
    stage.check(not await _overloads(stage), "no pool is overloaded any more")
    status = await stage.gtc("status")
    stage.check("degraded" in status, f"gtc status calls {LARGEST} degraded")
    why = await stage.gtc("why", LARGEST)
    stage.check("probes failed or took more than" in why, "gtc why names the evidence")
    fullest = await _everybody_fits(stage)
    await stage.heal(LARGEST)
    await stage.expect("it is counted on again", lambda: _counted_on(stage, 1.0), within_s=60)
    await stage.expect("users are back", lambda: at_home(stage), within_s=60)
    return fullest


ACTS: tuple[tuple[str, Act], ...] = (
    ("a calm day, users near", _calm),
    (f"{LARGEST} dies at peak", _largest_dies),
    (f"{LARGEST} returns", _largest_returns),
    (f"{WEST} dies, and {CENTRAL} is too small", _west_dies),
    (f"{WEST} returns, {LARGEST} is gray", _west_returns_and_largest_is_gray),
)
"""In their order; each begins where the one before it ended."""


async def _why(stage: StoryContext, region: str) -> str:
    """The decision that took the shop's users out of a dead region, as people are told it."""
    record = await decision_on(stage, region, "region_down")
    stage.check(record is not None, f"a decision took {region} out")
    return await stage.gtc("why", str(record["id"] if record else ""))


async def _everybody_fits(stage: StoryContext) -> str:
    """Check that no region has more than its capacity, as measured; the fullest one."""
    await stage.pause(_LOOK_S)
    await stage.expect("no region is too full", lambda: _all_fit(stage), within_s=30)
    return _fullest(stage, await stage.users(window_s=_LOOK_S))


async def _all_fit(stage: StoryContext) -> str | None:
    users = await stage.users(window_s=_LOOK_S)
    return _loads_shown(stage, users) if _fits(stage, users) else None


def _fits(stage: StoryContext, users: Users) -> bool:
    regions = stage.settings.services[SHOP].regions
    return all(
        rps <= (regions[region].capacity_rps or 0.0) for region, rps in _rps(stage, users).items()
    )


def _rps(stage: StoryContext, users: Users) -> dict[str, float]:
    """Region of the shop to its requests/s, all pools together."""
    found = dict.fromkeys(stage.settings.services[SHOP].regions, 0.0)
    for (service, _), split in users.items():
        for region, item in split.items():
            if service == SHOP and region in found:
                found[region] += item["requests"] / _LOOK_S
    return found


def _loads_shown(stage: StoryContext, users: Users) -> str:
    return ", ".join(_load(stage, region, rps) for region, rps in _rps(stage, users).items())


def _fullest(stage: StoryContext, users: Users) -> str:
    regions, loads = stage.settings.services[SHOP].regions, _rps(stage, users)
    region = max(loads, key=lambda r: loads[r] / (regions[r].capacity_rps or 1.0))
    return _load(stage, region, loads[region])


def _load(stage: StoryContext, region: str, rps: float) -> str:
    capacity_rps = stage.settings.services[SHOP].regions[region].capacity_rps
    return f"{region} {rps:.0f}/s of {capacity_rps:g}"


def _stayed(stage: StoryContext, users: Users) -> None:
    """Check that whoever of the bound pool was served was served where that is lawful."""
    pool = stage.settings.services[SHOP].pools["europe"]
    split = users[SHOP, "europe"]
    visits = sum(item["requests"] for item in split.values())
    abroad = split.keys() - {*pool.regions, NO_REGION}
    stage.check(not abroad, f"{visits} visits of the EU's users, {len(abroad)} regions outside it")


async def _all_in(stage: StoryContext, region: str) -> str | None:
    """Whether every request of the bound pool's users goes to one region."""
    split = (await stage.users(window_s=_LOOK_S)).get((SHOP, "europe"), {})
    return f"every request goes to {region}" if split.keys() == {region} else None


async def _answered_lawfully(stage: StoryContext) -> None:
    """Check that name servers give the bound pool's users lawful addresses only."""
    shop = stage.settings.services[SHOP]
    pool = shop.pools["europe"]
    lawful = {str(address_and_port(r, shop.regions[r])[0]) for r in pool.regions}
    name = shop_lever(stage).name
    countries = [geography.partition(":")[2] for geography in pool.geographies]
    seen = [await stage.answers(name, country) for country in countries]
    stage.check(
        all(found and found <= lawful for found in seen),
        f"name servers answer {', '.join(countries)} with regions of the EU only",
    )


async def _plan_of(stage: StoryContext, pool: str) -> dict[str, Any]:
    plans = (await stage.daemon("/v1/plan?all=true"))["plans"]
    found: dict[str, Any] = next(p for p in plans if (p["service"], p["pool"]) == (SHOP, pool))
    return found


async def _share(stage: StoryContext, region: str) -> float:
    """The part of the pool `world` that AWS directs to a region."""
    share: float = (await _plan_of(stage, "world"))["before"][region]
    return share


async def _overloads(stage: StoryContext) -> dict[str, float]:
    """Pools of which the plan says that they do not fit, and by how many requests/s."""
    plans = (await stage.daemon("/v1/plan?all=true"))["plans"]
    return {f"{p['service']}/{p['pool']}": p["overload_rps"] for p in plans if p["overload_rps"]}


async def _overload_said(stage: StoryContext) -> str | None:
    """Whether plan, status and metrics tell of the bound pool's overload, all with one number."""
    shop = stage.settings.services[SHOP]
    too_much = shop.pools["europe"].demand_rps - (shop.regions[CENTRAL].capacity_rps or 0.0)
    pools = (await stage.daemon("/v1/status"))["services"][0]["pools"]
    metric = f'gtc_pool_overload_rps{{pool="europe",service="{SHOP}"}} '
    lines = (await stage.daemon_text("/metrics")).splitlines()
    told = [
        *(await _overloads(stage)).values(),
        *(pool["overload_rps"] for pool in pools if pool["name"] == "europe"),
        *(float(line.removeprefix(metric)) for line in lines if line.startswith(metric)),
    ]
    if len(told) != 3 or any(abs(rps - too_much) > 0.5 for rps in told):
        return None
    return f"plan, status and metrics: {too_much:g} requests/s more than fit"


async def _waits(stage: StoryContext, region: str) -> str | None:
    """Whether the region's next step is held until users have followed the last one."""
    status = await stage.daemon("/v1/status")
    pools = [p for s in status["services"] if s["name"] == SHOP for p in s["pools"]]
    details = [h["detail"] for p in pools for h in p["holds"] if h["reason"] == "ramp_step"]
    return next((d for d in details if d.startswith(region) and "of users arrived" in d), None)


async def _counted_on(stage: StoryContext, usable: float) -> str | None:
    """Whether no more of the gray region is counted on than this; 1: all of it again."""
    mine = next(p for p in await places_of(stage, LARGEST) if p["service"] == SHOP)
    if mine["usable"] > usable or (usable == 1 and mine["usable"] < 1):
        return None
    return f"{percent(mine['usable'])} of its capacity is counted on: {mine['why']}"


async def _spilled(stage: StoryContext) -> str | None:
    """Whether the gray region has no more than is counted on, in AWS and as users measure it."""
    shop, target = stage.settings.services[SHOP], stage.settings.placement.target_utilisation
    mine = next(p for p in await places_of(stage, LARGEST) if p["service"] == SHOP)
    counted_on = mine["usable"] * target * (shop.regions[LARGEST].capacity_rps or 0.0)
    room = counted_on / shop.pools["world"].demand_rps
    users = await stage.users(window_s=2)
    measured = users.get((SHOP, "world"), {}).get(LARGEST, {}).get("share", 1.0)
    if mine["observed"] > room + _STEP or measured > room + _CHANCE:
        return None
    return shown(users)
