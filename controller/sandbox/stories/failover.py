"""A Region dies, users are moved, it heals, they come back; then a person drains another one.

Plays on the sandbox's own configuration: the service `shop` behind Route 53 with its bound pool
`europe`, the service `api` behind an accelerator.
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


async def failover(stage: StoryContext) -> None:
    """The whole story; raises StepFailedError at the first step that does not happen."""
    await stage.expect("everything is healthy", lambda: all_up(stage), within_s=30)
    await stage.expect("users are where they belong", lambda: at_home(stage), within_s=20)
    await _region_dies(stage)
    await _region_heals(stage)
    await _person_drains(stage)


async def _region_dies(stage: StoryContext) -> None:
    await stage.break_region(DEAD, "dead")
    await stage.expect(
        f"the daemon takes {DEAD} out", lambda: _out(stage, DEAD, "region_down"), within_s=10
    )
    await stage.expect(
        f"name servers no longer answer {DEAD}", lambda: _unanswered(stage, DEAD), within_s=15
    )
    await stage.expect(f"users have left {DEAD}", lambda: users_left(stage, DEAD), within_s=30)
    await stage.expect(
        "the decision's effect is measured", lambda: _measured(stage, DEAD), within_s=20
    )
    why = await stage.gtc("why", DEAD)
    stage.check("connection refused" in why, "gtc why names the evidence")
    await _timeline(stage, DEAD)


async def _region_heals(stage: StoryContext) -> None:
    healed_at = stage.wall()
    await stage.heal(DEAD)
    await stage.expect(f"{DEAD} is up again", lambda: is_up(stage, DEAD), within_s=30)
    await stage.expect(
        f"{DEAD} has come back by steps", lambda: came_back(stage, DEAD, healed_at), within_s=60
    )
    await stage.expect("users are back", lambda: at_home(stage), within_s=30)


async def _person_drains(stage: StoryContext) -> None:
    ttl = f"{_DRAIN_TTL_S}s"
    await stage.gtc("drain", DRAINED, "--ttl", ttl, "--reason", "story: maintenance", "--yes")
    await stage.expect(
        f"the order is obeyed: {DRAINED} is out", lambda: _out(stage, DRAINED, "drain"), within_s=10
    )
    await stage.expect(
        f"users have left {DRAINED}", lambda: users_left(stage, DRAINED), within_s=30
    )
    ended_at = stage.wall()
    await stage.expect("the drain's time ends", lambda: _no_override(stage), within_s=30)
    await stage.expect(
        f"{DRAINED} is eased back", lambda: came_back(stage, DRAINED, ended_at), within_s=90
    )
    await stage.expect("users are back", lambda: at_home(stage), within_s=30)


async def _out(stage: StoryContext, region: str, rule: str) -> str | None:
    """The newest writing decision took the region out everywhere, and AWS said yes."""
    emptied = await is_emptied(stage, region)
    if emptied is None or await decision_on(stage, region, rule) is None:
        return None
    writes = [call for call in await stage.aws_calls() if _is_write(call)]
    return f"{emptied}; AWS took {len(writes)} writes so far"


async def _unanswered(stage: StoryContext, region: str) -> str | None:
    addresses = _addresses(stage, region)
    name = shop_lever(stage).name
    seen = {country: await stage.answers(name, country) for country in ("DE", "US", "JP")}
    if any(found & addresses for found in seen.values()):
        return None
    europe = ", ".join(sorted(seen["DE"]))
    return f"60 answers, none of them {', '.join(addresses)}; in DE: {europe}"


async def _measured(stage: StoryContext, region: str) -> str | None:
    """Whether the decision's record says, for every pool that moved, that its users have left."""
    record = await decision_on(stage, region, "region_down")
    if record is None:
        return None
    moved = [p for p in record["plans"] if p["service"] == SHOP and p["before"].get(region)]
    moments = [moment for moment in record["timeline"] if moment["name"] == "measured"]
    said = [m["detail"] for m in moments if m["detail"].startswith(f"{SHOP}/")]
    return "; ".join(said) if len(said) == len(moved) else None


async def _no_override(stage: StoryContext) -> str | None:
    items = (await stage.daemon("/v1/overrides"))["items"]
    return None if items else "no override is in force"


async def _timeline(stage: StoryContext, region: str) -> None:
    """The failover's moments, and whether they were as quick as promised."""
    record = await decision_on(stage, region, "region_down")
    assert record is not None
    at: dict[str, datetime] = {}
    for moment in record["timeline"]:
        when = datetime.fromisoformat(moment["at"])
        if moment["name"] == "measured":  # one for each pool: the last to be empty counts
            when = max(when, at.get("measured", when))
            at["measured"] = when
        at.setdefault(moment["name"], when)
    first = at["first_failure"]
    for name in ("first_failure", "detected", "decided", "applied", "insync", "measured"):
        if name in at:
            stage.say(f"    {name:<14} +{(at[name] - first).total_seconds():.2f} s")
    applied_s = (at["applied"] - first).total_seconds()
    stage.check(applied_s <= 1.0, f"weight 0 {applied_s:.2f} s after the first failed probe")
    left_s = (at["measured"] - at["insync"]).total_seconds()
    allowed_s = shop_lever(stage).ttl_s + 5
    stage.check(left_s <= allowed_s, f"95 % had left {left_s:.1f} s after INSYNC ({allowed_s:g})")


def _addresses(stage: StoryContext, region: str) -> set[str]:
    shop = stage.settings.services[SHOP]
    probes = [endpoint.probe for endpoint in shop.regions[region].endpoints.values()]
    return {probe.split("//")[1].split(":")[0] for probe in probes}


def _is_write(call: dict[str, Any]) -> bool:
    return call["operation"] in ("ChangeResourceRecordSets", "UpdateEndpointGroup")
