"""A Region dies, users are moved, it heals, they come back; then a person drains another one.

Plays on the sandbox's own configuration: the service `shop` behind Route 53 with its bound pool
`europe`, the service `api` behind an accelerator.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.planning.shares import percent
from controller.sandbox.stage import Stage

DEAD = "eu-west-1"
DRAINED = "us-east-1"
SHOP_POOLS = (("shop", "europe"), ("shop", "world"))
EVERYWHERE = (*SHOP_POOLS, ("api", "world"))
_TOLERANCE = 0.15
"""Users are two hundred dice: a measured share wavers by this much."""
_LEFT = 0.05
_DRAIN_TTL_S = 12


async def failover(stage: Stage) -> None:
    """The whole story; raises StepFailedError at the first step that does not happen."""
    await stage.expect("everything is healthy", lambda: _all_up(stage), within_s=30)
    await stage.expect("users are where they belong", lambda: _at_home(stage), within_s=20)
    await _region_dies(stage)
    await _region_heals(stage)
    await _person_drains(stage)


async def _region_dies(stage: Stage) -> None:
    await stage.break_region(DEAD, "dead")
    await stage.expect(
        f"the daemon takes {DEAD} out", lambda: _out(stage, DEAD, "region_down"), within_s=10
    )
    await stage.expect(
        f"name servers no longer answer {DEAD}", lambda: _unanswered(stage, DEAD), within_s=15
    )
    await stage.expect(f"users have left {DEAD}", lambda: _users_left(stage, DEAD), within_s=30)
    await stage.expect(
        "the decision's effect is measured", lambda: _measured(stage, DEAD), within_s=20
    )
    why = await stage.gtc("why", DEAD)
    stage.check("connection refused" in why, "gtc why names the evidence")
    await _timeline(stage, DEAD)


async def _region_heals(stage: Stage) -> None:
    await stage.heal(DEAD)
    await stage.expect(f"{DEAD} is up again", lambda: _verdict(stage, DEAD, "up"), within_s=30)
    await stage.expect(
        f"{DEAD} has come back by steps", lambda: _came_back(stage, DEAD), within_s=60
    )
    await stage.expect("users are back", lambda: _at_home(stage), within_s=30)


async def _person_drains(stage: Stage) -> None:
    ttl = f"{_DRAIN_TTL_S}s"
    await stage.gtc("drain", DRAINED, "--ttl", ttl, "--reason", "story: maintenance", "--yes")
    await stage.expect(
        f"the order is obeyed: {DRAINED} is out", lambda: _out(stage, DRAINED, "drain"), within_s=10
    )
    await stage.expect(
        f"users have left {DRAINED}", lambda: _users_left(stage, DRAINED), within_s=30
    )
    await stage.expect("the drain's time ends", lambda: _no_override(stage), within_s=30)
    await stage.expect(f"{DRAINED} is eased back", lambda: _came_back(stage, DRAINED), within_s=60)
    await stage.expect("users are back", lambda: _at_home(stage), within_s=30)


async def _all_up(stage: Stage) -> str | None:
    regions = _regions(await stage.daemon("/v1/status"))
    if regions and all(region["verdict"] == "up" for region in regions):
        return f"{len(regions)} of {len(regions)} positions are up"
    return None


async def _verdict(stage: Stage, name: str, verdict: str) -> str | None:
    regions = _regions(await stage.daemon("/v1/status"))
    mine = [region["verdict"] for region in regions if region["region"] == name]
    return f"{name} is {verdict} in every pool" if set(mine) == {verdict} else None


async def _at_home(stage: Stage) -> str | None:
    """Every pool's users are measured near the configured split."""
    users = await stage.users(window_s=3)
    for service_name, pool_name in SHOP_POOLS:
        service = stage.settings.services[service_name]
        regions = service.pools[pool_name].regions
        total = sum(service.regions[region].share for region in regions)
        split = users.get((service_name, pool_name), {})
        for region in regions:
            wanted = service.regions[region].share / total
            if abs(split.get(region, {}).get("share", 0.0) - wanted) > _TOLERANCE:
                return None
    return "; ".join(_shown(pool, users) for pool in EVERYWHERE)


async def _out(stage: Stage, region: str, rule: str) -> str | None:
    """The newest writing decision took the region out everywhere, and AWS said yes."""
    status = await stage.daemon("/v1/status")
    mine = [r for r in _regions(status) if r["region"] == region]
    if any(r["observed"] != 0 for r in mine):
        return None
    record = await _record(stage, region, rule)
    if record is None:
        return None
    writes = [call for call in await stage.aws_calls() if _is_write(call)]
    return f"{region} carries 0 % everywhere; AWS took {len(writes)} writes so far"


async def _unanswered(stage: Stage, region: str) -> str | None:
    addresses = _addresses(stage, region)
    name = _shop_name(stage)
    seen = {country: await stage.answers(name, country) for country in ("DE", "US", "JP")}
    if any(found & addresses for found in seen.values()):
        return None
    europe = ", ".join(sorted(seen["DE"]))
    return f"60 answers, none of them {', '.join(addresses)}; in DE: {europe}"


async def _users_left(stage: Stage, region: str) -> str | None:
    users = await stage.users(window_s=1)
    here = [pool for pool in EVERYWHERE if pool in users]
    shares = [users[pool].get(region, {}).get("share", 0.0) for pool in here]
    if not here or max(shares) > _LEFT:
        return None
    return "; ".join(_shown(pool, users) for pool in here)


async def _measured(stage: Stage, region: str) -> str | None:
    record = await _record(stage, region, "region_down")
    moments = record["timeline"] if record else []
    measured = [moment["detail"] for moment in moments if moment["name"] == "measured"]
    return "; ".join(measured) if len(measured) == len(SHOP_POOLS) else None


async def _came_back(stage: Stage, region: str) -> str | None:
    """The region is at its configured share again and went there through something between."""
    status = await stage.daemon("/v1/status")
    for place in _regions(status):
        if place["region"] == region and abs(place["observed"] - place["desired"]) > 0.01:
            return None
    items = (await stage.daemon(f"/v1/decisions?region={region}&limit=100"))["items"]
    steps: list[float] = []
    for record in reversed(items):
        steps += [
            plan["after"][region]
            for plan in record["plans"]
            if plan["changes"] and region in plan["after"]
            if plan["after"][region] > plan["before"][region]
        ]
    between = [step for step in steps if 0 < step < 1]
    return f"by {', '.join(percent(step) for step in steps)}" if between else None


async def _no_override(stage: Stage) -> str | None:
    items = (await stage.daemon("/v1/overrides"))["items"]
    return None if items else "no override is in force"


async def _timeline(stage: Stage, region: str) -> None:
    """The failover's moments, and whether they were as quick as promised."""
    record = await _record(stage, region, "region_down")
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
    lever = stage.settings.services["shop"].levers.route53
    assert lever is not None
    left_s = (at["measured"] - at["insync"]).total_seconds()
    allowed_s = lever.ttl_s + 5
    stage.check(left_s <= allowed_s, f"95 % had left {left_s:.1f} s after INSYNC ({allowed_s:g})")


async def _record(stage: Stage, region: str, rule: str) -> Any | None:
    """The newest decision that moved the shop's users because of this rule on this region."""
    items = (await stage.daemon(f"/v1/decisions?region={region}&limit=50"))["items"]
    for record in items:
        if record["written"] and any(
            (found["name"], found["region"]) == (rule, region)
            for plan in record["plans"]
            if plan["changes"] and plan["service"] == "shop"
            for found in plan["rules"]
        ):
            return record
    return None


def _regions(status: Any) -> list[Any]:
    return [
        region
        for service in status["services"]
        for pool in service["pools"]
        for region in pool["regions"]
    ]


def _addresses(stage: Stage, region: str) -> set[str]:
    shop = stage.settings.services["shop"]
    probes = [endpoint.probe for endpoint in shop.regions[region].endpoints.values()]
    return {probe.split("//")[1].split(":")[0] for probe in probes}


def _shop_name(stage: Stage) -> str:
    lever = stage.settings.services["shop"].levers.route53
    assert lever is not None
    return lever.name


def _is_write(call: dict[str, Any]) -> bool:
    return call["operation"] in ("ChangeResourceRecordSets", "UpdateEndpointGroup")


def _shown(pool: tuple[str, str], users: dict[tuple[str, str], dict[str, dict[str, Any]]]) -> str:
    split = users.get(pool, {})
    shares = ", ".join(f"{region} {percent(item['share'])}" for region, item in split.items())
    return f"{'/'.join(pool)}: {shares}"
