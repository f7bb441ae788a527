"""The story of capacity: a loss that fits, a loss that does not, and a gray failure.

us-east-1 dies at peak and its users spill over to the nearest regions with free capacity; it comes
back by steps that wait for users. Then eu-west-1 dies: Europe's users stay in the EU although
eu-central-1 cannot carry them, and the daemon reports the overload. Last, us-east-1 fails in part
and the daemon counts on less of its capacity. The capacities of the sandbox's configuration are
made for this story.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise

from controller.planning.account.columns import aligned
from controller.planning.shares import percent
from controller.sandbox.stories.capacity_checks import (
    CENTRAL,
    LARGEST,
    MEASURED_S,
    SHARE_TOLERANCE,
    WEST,
    all_regions_fit,
    all_users_in,
    check_lawful_answers,
    check_users_stayed_lawful,
    fullest_region,
    is_within_capacity,
    overload_is_reported,
    overloads,
    plan_of,
    share_of,
    usable_capacity,
    users_spilled,
    waits_for_users,
)
from controller.sandbox.stories.story_checks import (
    SHOP,
    all_up,
    at_home,
    came_back,
    decision_on,
    failed,
    is_emptied,
    is_up,
    rises,
    shares,
    users_left,
)
from controller.sandbox.stories.story_context import StoryContext

SPILLS_TO = ("us-west-2", "eu-west-1")
"""The regions with free capacity for the users of `world` without LARGEST, the nearest first."""
_HEAD = ("ACT", "TOOK", "FAILED", "FULLEST REGION", "EUROPE'S USERS WERE IN")

Act = Callable[[StoryContext], Awaitable[str]]
"""Plays an act; returns the fullest region at the act's worst moment, as measured."""


async def capacity(context: StoryContext) -> None:
    """Play all acts. Raises StepFailedError at the first step that does not happen."""
    rows = [_HEAD]
    for number, (title, act) in enumerate(ACTS, 1):
        context.say(f"—— {number}. {title}")
        began = context.now()
        fullest = await act(context)
        took_s = context.now() - began
        users = await context.users(window_s=min(120, round(took_s) + 1))
        check_users_stayed_lawful(context, users)
        europe = shares(users[SHOP, "europe"])
        rows.append((f"{number}. {title}", f"{took_s:.0f} s", failed(users), fullest, europe))
    context.say("what the users had of it:")
    for line in aligned(rows):
        context.say(f"  {line}")


async def _calm_day(context: StoryContext) -> str:
    await context.expect("everything is healthy", lambda: all_up(context), within_s=30)
    await context.expect(
        "users are where they are best served", lambda: at_home(context), within_s=30
    )
    plan = await context.gtc("plan", "--if", f"{SHOP}/{LARGEST} down")
    context.check(all(r in plan for r in SPILLS_TO), f"a plan for the loss of {LARGEST} exists")
    return await _expect_all_fit(context)


async def _largest_dies(context: StoryContext) -> str:
    await context.break_region(LARGEST, "dead")
    await context.expect(f"{LARGEST} is out", lambda: is_emptied(context, LARGEST), within_s=10)
    await context.expect(f"users have left {LARGEST}", lambda: users_left(context, LARGEST), 30)
    why = await _explanation(context, LARGEST)
    context.check(
        "region_down" in why and "connection refused" in why, "gtc why names the evidence"
    )
    context.check("the rest spills over" in why, f"and that {SPILLS_TO[0]} is full")
    world = await plan_of(context, "world")
    context.check(
        sorted(r for r, share in world["before"].items() if share > 0) == sorted(SPILLS_TO),
        f"its users go to {' and '.join(SPILLS_TO)}, which are nearest, and nowhere else",
    )
    context.check(not await overloads(context), "the daemon calls no pool overloaded")
    return await _expect_all_fit(context)


async def _largest_returns(context: StoryContext) -> str:
    since = context.wall()
    await context.heal(LARGEST)
    await context.expect(f"{LARGEST} is up again", lambda: is_up(context, LARGEST), within_s=30)
    await context.expect(
        "a step waits for users", lambda: waits_for_users(context, LARGEST), within_s=30
    )
    await context.expect("it came back", lambda: came_back(context, LARGEST, since), within_s=90)
    ramp = context.settings.ramp
    steps = (await rises(context, LARGEST, since))[f"{SHOP}/world"]
    gap_s = min(later - earlier for (earlier, _), (later, _) in pairwise(steps))
    highest = max(after - before for (_, before), (_, after) in pairwise([(since, 0.0), *steps]))
    context.check(
        highest <= ramp.step_points / 100 + SHARE_TOLERANCE and gap_s >= ramp.step_gap_s,
        f"{len(steps)} steps of at most {percent(highest)}, at least {gap_s:.1f} s apart",
    )
    await context.expect("users are back", lambda: at_home(context), within_s=30)
    return await _expect_all_fit(context)


async def _west_dies(context: StoryContext) -> str:
    await context.break_region(WEST, "dead")
    await context.expect(f"{WEST} is out", lambda: is_emptied(context, WEST), within_s=10)
    await context.expect(f"users have left {WEST}", lambda: users_left(context, WEST), within_s=30)
    await context.expect("the overload is said", lambda: overload_is_reported(context), within_s=5)
    status = await context.gtc("status")
    context.check(f"OVERLOAD {SHOP}/europe" in status, "gtc status shows it")
    why = await _explanation(context, WEST)
    context.check("more than the regions of the pool can carry" in why, "gtc why explains it")
    await check_lawful_answers(context)
    await context.pause(MEASURED_S)
    await context.expect(
        "Europe's users stay in the EU", lambda: all_users_in(context, CENTRAL), 20
    )
    users = await context.users(window_s=MEASURED_S)
    region = fullest_region(context, users)
    context.check(
        region.startswith(f"{CENTRAL} ") and not is_within_capacity(context, users),
        f"{region}: too full",
    )
    return region


async def _west_returns_and_largest_is_gray(context: StoryContext) -> str:
    since, share = context.wall(), await share_of(context, LARGEST)
    await context.heal(WEST)
    await context.break_region(LARGEST, "gray")
    await context.expect(
        "it is counted on for less", lambda: usable_capacity(context, 0.75), within_s=20
    )
    await context.expect("and for still less", lambda: usable_capacity(context, 0.5), within_s=30)
    await context.expect("users spill over", lambda: users_spilled(context), within_s=45)
    less = await share_of(context, LARGEST)
    context.check(0 < less < share, f"{percent(share)} → {percent(less)}: less, and not emptied")
    await context.expect(f"{WEST} came back", lambda: came_back(context, WEST, since), within_s=60)
    context.check(not await overloads(context), "no pool is overloaded any more")
    status = await context.gtc("status")
    context.check("degraded" in status, f"gtc status calls {LARGEST} degraded")
    why = await context.gtc("why", LARGEST)
    context.check("probes failed or took more than" in why, "gtc why names the evidence")
    fullest = await _expect_all_fit(context)
    await context.heal(LARGEST)
    await context.expect(
        "it is counted on again", lambda: usable_capacity(context, 1.0), within_s=60
    )
    await context.expect("users are back", lambda: at_home(context), within_s=60)
    return fullest


ACTS: tuple[tuple[str, Act], ...] = (
    ("a calm day, users near", _calm_day),
    (f"{LARGEST} dies at peak", _largest_dies),
    (f"{LARGEST} returns", _largest_returns),
    (f"{WEST} dies, and {CENTRAL} is too small", _west_dies),
    (f"{WEST} returns, {LARGEST} is gray", _west_returns_and_largest_is_gray),
)
"""All acts, in order; each begins in the state in which the previous one ended."""


async def _explanation(context: StoryContext, region: str) -> str:
    """The output of `gtc why` about the decision that took a dead region out."""
    record = await decision_on(context, region, "region_down")
    context.check(record is not None, f"a decision took {region} out")
    return await context.gtc("why", str(record["id"] if record else ""))


async def _expect_all_fit(context: StoryContext) -> str:
    """Expect that no region has more than its capacity, as measured; return the fullest one."""
    await context.pause(MEASURED_S)
    await context.expect("no region is too full", lambda: all_regions_fit(context), within_s=30)
    return fullest_region(context, await context.users(window_s=MEASURED_S))
