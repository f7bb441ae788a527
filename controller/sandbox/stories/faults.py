"""The worst ten in one go: faults of AWS, of regions, of people and of the daemon itself.

Each act breaks something, says what has to happen, waits until it does, and then lets everything
become calm again. What counts is told at the end: how many of the users' requests failed in each
act, and where the users were. Plays on the sandbox's own configuration.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from controller.model.plural import counted
from controller.planning.account.columns import aligned
from controller.planning.shares import percent
from controller.sandbox.stories.story_checks import (
    SHOP,
    Users,
    failed,
    is_emptied,
    places,
    places_of,
    shares,
    shop_lever,
    users_left,
)
from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.world.regions import REFERENCE_TARGETS

WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
_WRITE = "ChangeResourceRecordSets"
_CALM_WITHIN_S = 90
_FLAPS = 3
_FLAP_S = 3.0
_HEAD = ("ACT", "TOOK", "DNS WRITES", "FAILED", "USERS OF THE SHOP WERE IN")
_KEPT_S = 120
"""So many seconds of the users' history are kept by the world."""

Play = Callable[[StoryContext, float], Awaitable[None]]
"""Plays an act; is told when it began, in the emulated AWS's seconds."""


@dataclass(frozen=True, slots=True)
class Act:
    """One of the ten."""

    title: str
    play: Play


async def faults(stage: StoryContext) -> None:
    """All acts; raises StepFailedError at the first step that does not happen."""
    await stage.expect("everything is calm", lambda: _calm(stage), _CALM_WITHIN_S)
    rows: list[tuple[str, ...]] = [_HEAD]
    for number, act in enumerate(ACTS, 1):
        stage.say(f"—— {number}. {act.title}")
        rows.append(await _act(stage, number, act))
    stage.say("what the users had of it:")
    for line in aligned(rows):
        stage.say(f"  {line}")


async def _act(stage: StoryContext, number: int, act: Act) -> tuple[str, ...]:
    began, began_at = stage.now(), stage.wall()
    await act.play(stage, began_at)
    await stage.expect("everything is calm again", lambda: _calm(stage), _CALM_WITHIN_S)
    took_s = stage.now() - began
    split = await stage.users(window_s=min(_KEPT_S, max(1, round(took_s))))
    writes = await _writes(stage, began_at)
    row = (
        f"{number}. {act.title}",
        f"{took_s:.0f} s",
        str(writes),
        failed(split),
        _whereabouts(split),
    )
    stage.say(f"  users: {row[3]} of all requests failed; {row[4]}")
    return row


async def _throttled(stage: StoryContext, began_at: float) -> None:
    await stage.fault("throttle", times=20, operation=_WRITE)
    await stage.break_region(WEST, "dead")
    await stage.expect("its weight is 0 after all", lambda: is_emptied(stage, WEST), 60)
    sent = await _sent(stage, began_at)
    stage.check(sent <= 25, f"it was sent {sent} times, not in a flood")
    await _left(stage, WEST)
    await stage.heal(WEST)


async def _reply_lost(stage: StoryContext, began_at: float) -> None:
    await stage.fault("reply-lost", times=1, operation=_WRITE)
    await stage.break_region(WEST, "dead")
    await stage.expect("the daemon sees that it was applied", lambda: is_emptied(stage, WEST), 15)
    # A change that was applied and is sent again is refused: its "before" does not hold any more.
    sent, taken = await _sent(stage, began_at), await _writes(stage, began_at)
    stage.check(taken == sent, f"{counted(sent, 'write')} sent, none of them again")
    await _left(stage, WEST)
    await stage.heal(WEST)


async def _gone(stage: StoryContext, began_at: float) -> None:
    await stage.fault("gone", for_s=8)
    await stage.break_region(EAST, "dead")
    await stage.expect("the daemon says what it would do", lambda: _would(stage, EAST), 15)
    await stage.expect("it does so when AWS is back", lambda: is_emptied(stage, EAST), 30)
    sent = await _sent(stage, began_at)
    stage.check(sent <= 2, f"written {sent} times, not in a flood")
    await _left(stage, EAST)
    await stage.heal(EAST)


async def _late(stage: StoryContext, began_at: float) -> None:
    await stage.fault("late", seconds=6, operation=_WRITE)
    await stage.break_region(WEST, "dead")
    await stage.expect("a second write does it", lambda: is_emptied(stage, WEST), 15)
    await stage.pause(6)
    stage.check(await is_emptied(stage, WEST) is not None, "the late one came too late to harm")
    await stage.heal(WEST)


async def _bad_record(stage: StoryContext, began_at: float) -> None:
    order = (CENTRAL, "--service", SHOP, "--pool", "world")
    reason = ("--ttl", "10m", "--reason", "story: two pools in one region", "--yes")
    await stage.gtc("pin", order[0], "10%", *order[1:], *reason)
    await stage.expect("two pools are in it", lambda: _in_two_pools(stage, CENTRAL), 20)
    leaf = f"europe.{shop_lever(stage).name}"
    await stage.fault("error-5xx", operation="List.*", for_s=3)  # so that the edit is not seen
    await stage.fault("hand-edit", record=leaf, set_identifier=CENTRAL, weight=200)
    await stage.break_region(CENTRAL, "dead")
    await stage.expect("the other pool does not wait", lambda: _apart(stage, began_at), 5)
    await stage.expect(f"{CENTRAL} is out everywhere", lambda: is_emptied(stage, CENTRAL), 15)
    await _left(stage, CENTRAL)
    await stage.gtc("unpin", *order)
    await stage.heal(CENTRAL)


async def _in_two_pools(stage: StoryContext, region: str) -> str | None:
    pools = [p["pool"] for p in await places_of(stage, region) if p["observed"]]
    return f"{region} carries {' and '.join(pools)}" if len(pools) == 2 else None


async def _flapping(stage: StoryContext, began_at: float) -> None:
    for _ in range(_FLAPS):
        await stage.break_region(WEST, "dead")
        await stage.pause(_FLAP_S)
        await stage.heal(WEST)
        await stage.pause(_FLAP_S)
    writes = await _writes(stage, began_at)
    stage.check(writes <= 1, f"{_FLAPS} deaths, {writes} DNS writes: out once, and it stays")


async def _all_fail(stage: StoryContext, began_at: float) -> None:
    everywhere = tuple(stage.settings.services[SHOP].regions)
    for region in everywhere:
        await stage.break_region(region, "dead")
    await stage.expect("the daemon holds", lambda: _holds(stage, "panic"), 15)
    await stage.pause(3)
    stage.check(await _sent(stage, began_at) == 0, "nothing was written to Route 53")
    for region in everywhere:
        await stage.heal(region)


async def _blind(stage: StoryContext, began_at: float) -> None:
    await stage.break_region(REFERENCE_TARGETS, "dead")
    await stage.expect("the daemon doubts itself", lambda: _holds(stage, "self_isolated"), 15)
    await stage.pause(3)
    stage.check(await _sent(stage, began_at) == 0, "nothing was written to Route 53")
    await stage.heal(REFERENCE_TARGETS)


async def _emptied(stage: StoryContext, began_at: float) -> None:
    await stage.fault("empty-zone", for_s=12)
    await stage.expect("the daemon says so", lambda: _faulty(stage), 15)
    stage.check(await _sent(stage, began_at) == 0, "nothing was written, nothing made up")
    await stage.expect("the records are back", lambda: _well_formed(stage), 30)


async def _killed(stage: StoryContext, began_at: float) -> None:
    await stage.break_region(EAST, "dead")
    await stage.expect("AWS has taken a write", lambda: _written(stage, began_at), 15)
    await stage.kill_daemon()
    await stage.start_daemon()
    await stage.expect("the next daemon agrees", lambda: is_emptied(stage, EAST), 30)
    stage.check(await _undrifted(stage), "and takes nothing for somebody else's work")
    await _left(stage, EAST)
    await stage.heal(EAST)


ACTS = (
    Act("20 throttled answers while a region dies", _throttled),
    Act("the reply to a failover is lost", _reply_lost),
    Act("AWS is gone while a region dies", _gone),
    Act("a write lands when a newer one has long been made", _late),
    Act("somebody edits a weighted record while a region dies", _bad_record),
    Act("a region flaps", _flapping),
    Act("everything fails at once", _all_fail),
    Act("the prober is blind", _blind),
    Act("somebody empties the zone", _emptied),
    Act("the daemon is killed in the middle of a failover", _killed),
)
"""The worst ten, each beginning and ending in calm."""


async def _calm(stage: StoryContext) -> str | None:
    """All is up, the shop as configured, its users everywhere; the accelerator may still ramp."""
    found = places(await stage.daemon("/v1/status"))
    if any(place["verdict"] != "up" or place["drift"] for place in found):
        return None
    shop = [place for place in found if place["service"] == SHOP]
    known = [p for p in shop if None not in (p["observed"], p["desired"])]
    if len(known) < len(shop) or any(abs(p["observed"] - p["desired"]) > 0.01 for p in shop):
        return None
    users = await stage.users(window_s=2)
    split = [regions for (service, _), regions in users.items() if service == SHOP]
    home = {region for regions in split for region, item in regions.items() if item["share"] > 0.05}
    everywhere = stage.settings.services[SHOP].regions.keys()
    if await _writes(stage, stage.wall() - _looked_at_s(stage)):
        return None
    return "all is up and as wanted, users everywhere" if home >= everywhere else None


def _looked_at_s(stage: StoryContext) -> float:
    """Seconds in which a region's last step may still be taken back: an act would count that."""
    return stage.settings.ramp.step_gap_s + stage.settings.cycle.period_s


async def _left(stage: StoryContext, region: str) -> None:
    await stage.expect(f"users have left {region}", lambda: users_left(stage, region), 30)


async def _would(stage: StoryContext, region: str) -> str | None:
    """The plan empties the region, and AWS has not heard of it."""
    mine = [p for p in await places_of(stage, region) if p["service"] == SHOP]
    had = [p["observed"] for p in mine if p["observed"]]
    if not had or any(p["desired"] != 0 for p in mine):
        return None
    return f"{region}: desired 0 %, observed {percent(had[0])}"


async def _holds(stage: StoryContext, reason: str) -> str | None:
    status = await stage.daemon("/v1/status")
    held = [h for s in status["services"] for p in s["pools"] for h in p["holds"]]
    return next((f"{reason}: {h['detail']}" for h in held if h["reason"] == reason), None)


async def _apart(stage: StoryContext, since: float) -> str | None:
    """A decision whose batch was refused, and of which one pool was written all the same."""
    for record in (await stage.daemon("/v1/decisions?limit=20"))["items"]:
        if datetime.fromisoformat(record["at"]).timestamp() < since:
            continue
        outcomes = {w["outcome"]["status"] for w in record["written"] if w["lever"] == "route53"}
        if outcomes == {"refused", "applied"}:
            return f"decision {record['id']}: the batch was refused, pool world went on alone"
    return None


async def _faulty(stage: StoryContext) -> str | None:
    found = await _faults(stage)
    return f"{len(found)} faults, such as: {found[0]}" if found else None


async def _well_formed(stage: StoryContext) -> str | None:
    return None if await _faults(stage) else "no fault any more"


async def _faults(stage: StoryContext) -> list[str]:
    """What is missing, extra or unlawful in the shop's tree, as the daemon says."""
    services = (await stage.daemon("/v1/status"))["services"]
    return [text for s in services if s["name"] == SHOP for text in s["faults"]]


async def _written(stage: StoryContext, began_at: float) -> str | None:
    return _WRITE if await _writes(stage, began_at) else None


async def _undrifted(stage: StoryContext) -> bool:
    return not any(place["drift"] for place in places(await stage.daemon("/v1/status")))


async def _writes(stage: StoryContext, since: float) -> int:
    """Batches that Route 53 took since then, whether it could say so or not.

    Not the accelerator's: its regions may still be coming back from the act before.
    """
    calls = [call for call in await stage.aws_calls() if call["at"] >= since]
    return sum(c["operation"] == _WRITE and c["code"] in (None, "NoReply") for c in calls)


async def _sent(stage: StoryContext, since: float) -> int:
    """Batches that reached Route 53 since then."""
    calls = [call for call in await stage.aws_calls() if call["at"] >= since]
    return sum(call["operation"] == _WRITE for call in calls)


def _whereabouts(users: Users) -> str:
    """Where the shop's users went, pool by pool."""
    return "; ".join(
        f"{pool}: {shares(split)}" for (service, pool), split in users.items() if service == SHOP
    )
