"""The story of a failover: a region dies, users move, it heals, they come back.

Then an operator drains another region. The sandbox's configuration has the service `shop` behind
Route 53 with its bound pool `europe`, and the service `api` behind an accelerator.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.sandbox.stories.story_checks import (
    SHOP,
    all_up,
    at_home,
    came_back,
    decision_on,
    is_emptied,
    is_up,
    shop_lever,
    users_left,
)
from controller.sandbox.stories.story_context import StoryContext

DEAD = "eu-west-1"
DRAINED = "us-east-1"
_DRAIN_TTL_S = 12


async def failover(context: StoryContext) -> None:
    """Play the story. Raises StepFailedError at the first step that does not happen."""
    await context.expect("everything is healthy", lambda: all_up(context), within_s=30)
    await context.expect("users are where they belong", lambda: at_home(context), within_s=20)
    await _region_dies(context)
    await _region_heals(context)
    await _person_drains(context)


async def _region_dies(context: StoryContext) -> None:
    await context.break_region(DEAD, "dead")
    await context.expect(
        f"the daemon takes {DEAD} out", lambda: _is_out(context, DEAD, "region_down"), within_s=10
    )
    await context.expect(
        f"name servers no longer answer {DEAD}",
        lambda: _is_not_answered(context, DEAD),
        within_s=15,
    )
    await context.expect(f"users have left {DEAD}", lambda: users_left(context, DEAD), within_s=30)
    await context.expect(
        "the decision's effect is measured", lambda: _effect_is_measured(context, DEAD), within_s=20
    )
    why = await context.gtc("why", DEAD)
    context.check("connection refused" in why, "gtc why names the evidence")
    await _check_timeline(context, DEAD)


async def _region_heals(context: StoryContext) -> None:
    healed_at = context.wall()
    await context.heal(DEAD)
    await context.expect(f"{DEAD} is up again", lambda: is_up(context, DEAD), within_s=30)
    await context.expect(
        f"{DEAD} has come back by steps", lambda: came_back(context, DEAD, healed_at), within_s=60
    )
    await context.expect("users are back", lambda: at_home(context), within_s=30)


async def _person_drains(context: StoryContext) -> None:
    ttl = f"{_DRAIN_TTL_S}s"
    await context.gtc("drain", DRAINED, "--ttl", ttl, "--reason", "story: maintenance", "--yes")
    await context.expect(
        f"the order is obeyed: {DRAINED} is out",
        lambda: _is_out(context, DRAINED, "drain"),
        within_s=10,
    )
    await context.expect(
        f"users have left {DRAINED}", lambda: users_left(context, DRAINED), within_s=30
    )
    ended_at = context.wall()
    await context.expect("the drain's time ends", lambda: _has_no_override(context), within_s=30)
    await context.expect(
        f"{DRAINED} is eased back", lambda: came_back(context, DRAINED, ended_at), within_s=90
    )
    await context.expect("users are back", lambda: at_home(context), within_s=30)


async def _is_out(context: StoryContext, region: str, rule: str) -> str | None:
    """Check whether a decision by this rule has emptied the region, in AWS as well."""
    emptied = await is_emptied(context, region)
    if emptied is None or await decision_on(context, region, rule) is None:
        return None
    writes = [call for call in await context.aws_calls() if _is_write(call)]
    return f"{emptied}; AWS took {len(writes)} writes so far"


async def _is_not_answered(context: StoryContext, region: str) -> str | None:
    addresses = _addresses(context, region)
    name = shop_lever(context).name
    seen = {country: await context.answers(name, country) for country in ("DE", "US", "JP")}
    if any(found & addresses for found in seen.values()):
        return None
    europe = ", ".join(sorted(seen["DE"]))
    return f"60 answers, none of them {', '.join(addresses)}; in DE: {europe}"


async def _effect_is_measured(context: StoryContext, region: str) -> str | None:
    """Check whether the decision's record says for every moved pool that its users have left."""
    record = await decision_on(context, region, "region_down")
    if record is None:
        return None
    moved = [p for p in record["plans"] if p["service"] == SHOP and p["before"].get(region)]
    events = [event for event in record["timeline"] if event["name"] == "measured"]
    said = [m["detail"] for m in events if m["detail"].startswith(f"{SHOP}/")]
    return "; ".join(said) if len(said) == len(moved) else None


async def _has_no_override(context: StoryContext) -> str | None:
    items = (await context.daemon("/v1/overrides"))["items"]
    return None if items else "no override is in force"


async def _check_timeline(context: StoryContext, region: str) -> None:
    """Print the failover's timeline, and check that it was as fast as promised."""
    record = await decision_on(context, region, "region_down")
    assert record is not None
    at: dict[str, datetime] = {}
    for event in record["timeline"]:
        when = datetime.fromisoformat(event["at"])
        if event["name"] == "measured":  # one event per pool: the last one counts
            when = max(when, at.get("measured", when))
            at["measured"] = when
        at.setdefault(event["name"], when)
    first = at["first_failure"]
    for name in ("first_failure", "detected", "decided", "applied", "insync", "measured"):
        if name in at:
            context.say(f"    {name:<14} +{(at[name] - first).total_seconds():.2f} s")
    applied_s = (at["applied"] - first).total_seconds()
    context.check(applied_s <= 1.0, f"weight 0 {applied_s:.2f} s after the first failed probe")
    left_s = (at["measured"] - at["insync"]).total_seconds()
    allowed_s = shop_lever(context).ttl_s + 5
    context.check(left_s <= allowed_s, f"95 % had left {left_s:.1f} s after INSYNC ({allowed_s:g})")


def _addresses(context: StoryContext, region: str) -> set[str]:
    shop = context.settings.services[SHOP]
    probes = [endpoint.probe for endpoint in shop.regions[region].endpoints.values()]
    return {probe.split("//")[1].split(":")[0] for probe in probes}


def _is_write(call: dict[str, Any]) -> bool:
    return call["operation"] in ("ChangeResourceRecordSets", "UpdateEndpointGroup")
