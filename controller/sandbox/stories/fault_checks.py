"""Checks of the story of faults: text when something has happened, None while it has not yet."""

from __future__ import annotations

from datetime import datetime

from controller.planning.shares import percent
from controller.sandbox.stories.story_checks import (
    SHOP,
    all_positions,
    positions_of,
)
from controller.sandbox.stories.story_context import StoryContext

DNS_WRITE = "ChangeResourceRecordSets"


async def is_calm(context: StoryContext) -> str | None:
    """Check whether all is up, and the shop's shares are as desired and its users everywhere.

    The accelerator's regions may still be ramping.
    """
    found = all_positions(await context.daemon("/v1/status"))
    if any(position["verdict"] != "up" or position["drift"] for position in found):
        return None
    shop = [position for position in found if position["service"] == SHOP]
    known = [p for p in shop if None not in (p["observed"], p["desired"])]
    if len(known) < len(shop) or any(abs(p["observed"] - p["desired"]) > 0.01 for p in shop):
        return None
    users = await context.users(window_s=2)
    split = [regions for (service, _), regions in users.items() if service == SHOP]
    home = {region for regions in split for region, item in regions.items() if item["share"] > 0.05}
    everywhere = context.settings.services[SHOP].regions.keys()
    if await accepted_writes(context, context.wall() - _settling_s(context)):
        return None
    return "all is up and as wanted, users everywhere" if home >= everywhere else None


def _settling_s(context: StoryContext) -> float:
    """Seconds in which a region's last step may be reverted: an act would count that write."""
    return context.settings.ramp.step_gap_s + context.settings.cycle.period_s


async def is_in_two_pools(context: StoryContext, region: str) -> str | None:
    """Check whether a region carries users of two pools."""
    pools = [p["pool"] for p in await positions_of(context, region) if p["observed"]]
    return f"{region} carries {' and '.join(pools)}" if len(pools) == 2 else None


async def plans_to_empty(context: StoryContext, region: str) -> str | None:
    """Check whether the plan empties the region while AWS still sends users there."""
    positions = [p for p in await positions_of(context, region) if p["service"] == SHOP]
    had = [p["observed"] for p in positions if p["observed"]]
    if not had or any(p["desired"] != 0 for p in positions):
        return None
    return f"{region}: desired 0 %, observed {percent(had[0])}"


async def has_hold(context: StoryContext, reason: str) -> str | None:
    """Check whether a pool is held for this reason."""
    status = await context.daemon("/v1/status")
    held = [h for s in status["services"] for p in s["pools"] for h in p["holds"]]
    return next((f"{reason}: {h['detail']}" for h in held if h["reason"] == reason), None)


async def wrote_one_pool_alone(context: StoryContext, since: float) -> str | None:
    """Check for a decision whose batch was refused and of which one pool was written alone."""
    for record in (await context.daemon("/v1/decisions?limit=20"))["items"]:
        if datetime.fromisoformat(record["at"]).timestamp() < since:
            continue
        outcomes = {w["outcome"]["status"] for w in record["written"] if w["lever"] == "route53"}
        if outcomes == {"refused", "applied"}:
            return f"decision {record['id']}: the batch was refused, pool world went on alone"
    return None


async def has_faults(context: StoryContext) -> str | None:
    """Check whether the daemon reports faults of the shop's records."""
    found = await _record_faults(context)
    return f"{len(found)} faults, such as: {found[0]}" if found else None


async def has_no_faults(context: StoryContext) -> str | None:
    """Check whether the daemon reports no fault of the shop's records."""
    return None if await _record_faults(context) else "no fault any more"


async def _record_faults(context: StoryContext) -> list[str]:
    """The faults of the shop's records that the daemon reports."""
    services = (await context.daemon("/v1/status"))["services"]
    return [text for s in services if s["name"] == SHOP for text in s["faults"]]


async def has_written(context: StoryContext, began_at: float) -> str | None:
    """Check whether Route 53 has accepted a batch since `began_at`."""
    return DNS_WRITE if await accepted_writes(context, began_at) else None


async def has_no_drift(context: StoryContext) -> bool:
    """Whether the daemon reports no drift."""
    return not any(
        position["drift"] for position in all_positions(await context.daemon("/v1/status"))
    )


async def accepted_writes(context: StoryContext, since: float) -> int:
    """Number of batches that Route 53 applied since `since`, with or without a reply.

    Writes to the accelerator do not count: its regions may still ramp after the previous act.
    """
    calls = [call for call in await context.aws_calls() if call["at"] >= since]
    return sum(c["operation"] == DNS_WRITE and c["code"] in (None, "NoReply") for c in calls)


async def sent_writes(context: StoryContext, since: float) -> int:
    """Number of batches that reached Route 53 since `since`."""
    calls = [call for call in await context.aws_calls() if call["at"] >= since]
    return sum(call["operation"] == DNS_WRITE for call in calls)
