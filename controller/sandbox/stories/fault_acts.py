"""The acts of the story of faults: each breaks something and waits for the right reaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controller.model.plural import counted
from controller.sandbox.stories.fault_checks import (
    DNS_WRITE,
    accepted_writes,
    has_faults,
    has_hold,
    has_no_drift,
    has_no_faults,
    has_written,
    is_in_two_pools,
    plans_to_empty,
    sent_writes,
    wrote_one_pool_alone,
)
from controller.sandbox.stories.story_checks import (
    SHOP,
    is_emptied,
    shop_lever,
    users_left,
)
from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.world.regions import REFERENCE_TARGETS

WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
_FLAPS = 3
_FLAP_S = 3.0

Play = Callable[[StoryContext, float], Awaitable[None]]
"""Plays an act (context, time at which it begins in seconds since 1970)."""


@dataclass(frozen=True, slots=True)
class Act:
    """One of the ten acts."""

    title: str
    play: Play


async def _throttled_during_failover(context: StoryContext, began_at: float) -> None:
    await context.fault("throttle", times=20, operation=DNS_WRITE)
    await context.break_region(WEST, "dead")
    await context.expect("its weight is 0 after all", lambda: is_emptied(context, WEST), 60)
    sent = await sent_writes(context, began_at)
    context.check(sent <= 25, f"it was sent {sent} times, not in a flood")
    await _expect_users_to_leave(context, WEST)
    await context.heal(WEST)


async def _reply_lost(context: StoryContext, began_at: float) -> None:
    await context.fault("reply-lost", times=1, operation=DNS_WRITE)
    await context.break_region(WEST, "dead")
    await context.expect(
        "the daemon sees that it was applied", lambda: is_emptied(context, WEST), 15
    )
    # An applied change that is sent again is refused: its DELETE does not match any more.
    sent, taken = await sent_writes(context, began_at), await accepted_writes(context, began_at)
    context.check(taken == sent, f"{counted(sent, 'write')} sent, none of them again")
    await _expect_users_to_leave(context, WEST)
    await context.heal(WEST)


async def _aws_unavailable(context: StoryContext, began_at: float) -> None:
    await context.fault("gone", for_s=8)
    await context.break_region(EAST, "dead")
    await context.expect(
        "the daemon says what it would do", lambda: plans_to_empty(context, EAST), 15
    )
    await context.expect("it does so when AWS is back", lambda: is_emptied(context, EAST), 30)
    sent = await sent_writes(context, began_at)
    context.check(sent <= 2, f"written {sent} times, not in a flood")
    await _expect_users_to_leave(context, EAST)
    await context.heal(EAST)


async def _write_applied_late(context: StoryContext, began_at: float) -> None:
    await context.fault("late", seconds=6, operation=DNS_WRITE)
    await context.break_region(WEST, "dead")
    await context.expect("a second write does it", lambda: is_emptied(context, WEST), 15)
    await context.pause(6)
    context.check(await is_emptied(context, WEST) is not None, "the late one came too late to harm")
    await context.heal(WEST)


async def _manual_edit_during_failover(context: StoryContext, began_at: float) -> None:
    order = (CENTRAL, "--service", SHOP, "--pool", "world")
    reason = ("--ttl", "10m", "--reason", "story: two pools in one region", "--yes")
    await context.gtc("pin", order[0], "10%", *order[1:], *reason)
    await context.expect("two pools are in it", lambda: is_in_two_pools(context, CENTRAL), 20)
    record = f"europe.{shop_lever(context).name}"
    await context.fault("error-5xx", operation="List.*", for_s=3)  # so that the edit is not seen
    await context.fault("hand-edit", record=record, set_identifier=CENTRAL, weight=200)
    await context.break_region(CENTRAL, "dead")
    await context.expect(
        "the other pool does not wait", lambda: wrote_one_pool_alone(context, began_at), 5
    )
    await context.expect(f"{CENTRAL} is out everywhere", lambda: is_emptied(context, CENTRAL), 15)
    await _expect_users_to_leave(context, CENTRAL)
    await context.gtc("unpin", *order)
    await context.heal(CENTRAL)


async def _region_flaps(context: StoryContext, began_at: float) -> None:
    for _ in range(_FLAPS):
        await context.break_region(WEST, "dead")
        await context.pause(_FLAP_S)
        await context.heal(WEST)
        await context.pause(_FLAP_S)
    writes = await accepted_writes(context, began_at)
    context.check(writes <= 1, f"{_FLAPS} deaths, {writes} DNS writes: out once, and it stays")


async def _all_regions_fail(context: StoryContext, began_at: float) -> None:
    everywhere = tuple(context.settings.services[SHOP].regions)
    for region in everywhere:
        await context.break_region(region, "dead")
    await context.expect("the daemon holds", lambda: has_hold(context, "panic"), 15)
    await context.pause(3)
    context.check(await sent_writes(context, began_at) == 0, "nothing was written to Route 53")
    for region in everywhere:
        await context.heal(region)


async def _prober_is_blind(context: StoryContext, began_at: float) -> None:
    await context.break_region(REFERENCE_TARGETS, "dead")
    await context.expect("the daemon doubts itself", lambda: has_hold(context, "self_isolated"), 15)
    await context.pause(3)
    context.check(await sent_writes(context, began_at) == 0, "nothing was written to Route 53")
    await context.heal(REFERENCE_TARGETS)


async def _zone_emptied(context: StoryContext, began_at: float) -> None:
    await context.fault("empty-zone", for_s=12)
    await context.expect("the daemon says so", lambda: has_faults(context), 15)
    context.check(await sent_writes(context, began_at) == 0, "nothing was written, nothing made up")
    await context.expect("the records are back", lambda: has_no_faults(context), 30)


async def _daemon_killed(context: StoryContext, began_at: float) -> None:
    await context.break_region(EAST, "dead")
    await context.expect("AWS has taken a write", lambda: has_written(context, began_at), 15)
    await context.kill_daemon()
    await context.start_daemon()
    await context.expect("the next daemon agrees", lambda: is_emptied(context, EAST), 30)
    context.check(await has_no_drift(context), "and takes nothing for somebody else's work")
    await _expect_users_to_leave(context, EAST)
    await context.heal(EAST)


ACTS = (
    Act("20 throttled answers while a region dies", _throttled_during_failover),
    Act("the reply to a failover is lost", _reply_lost),
    Act("AWS is gone while a region dies", _aws_unavailable),
    Act("a write lands when a newer one has long been made", _write_applied_late),
    Act("somebody edits a weighted record while a region dies", _manual_edit_during_failover),
    Act("a region flaps", _region_flaps),
    Act("everything fails at once", _all_regions_fail),
    Act("the prober is blind", _prober_is_blind),
    Act("somebody empties the zone", _zone_emptied),
    Act("the daemon is killed in the middle of a failover", _daemon_killed),
)
"""All acts, in order; each begins and ends when all is calm."""


async def _expect_users_to_leave(context: StoryContext, region: str) -> None:
    await context.expect(f"users have left {region}", lambda: users_left(context, region), 30)
