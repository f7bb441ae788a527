"""Route 53's opinion beside the daemon's, with real processes and sockets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.supervisor import Supervisor
from tests.program.sandboxed import aws_counts, in_sandbox, writes
from tests.program.test_promises import all_up, first_write, holds, metric, out, regions

pytestmark = [pytest.mark.slow, pytest.mark.program, pytest.mark.timeout(180)]
LEFT = ("eu-central-1", "us-west-2")
"""Who lives on: one region at least of every pool, and fewer than half of all."""
_CHECKS_NEED_S = 45
"""Three failures ten seconds apart, seen within two seconds each, and a slow machine."""


async def test_route53s_checks_lift_a_panic_within_their_detection_time(tmp_path: Path) -> None:
    """Most regions die: one vantage point alone holds; with Route 53 they are taken out."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect("all is up", lambda: all_up(context), within_s=30)
        await context.expect("the checks are known", lambda: known_to_checks(context), within_s=45)
        seeded = writes(await aws_counts(context))
        dead = [
            region for region in context.settings.services["shop"].regions if region not in LEFT
        ]
        for region in dead:
            await context.break_region(region, "dead")
        await context.expect("it holds", lambda: holds(context, "panic"), within_s=15)
        await asyncio.sleep(10)
        assert writes(await aws_counts(context)) == seeded
        for region in dead:
            look = f"{region} has left"
            await context.expect(look, lambda r=region: out(context, r, "shop"), _CHECKS_NEED_S)  # type: ignore[misc]  # a lambda with a default has no type
        record = await first_write(context)
        assert any("Route 53's health checks agree: 3 of 3" in line for line in record["trigger"])
        found = [
            r for r in regions(await context.daemon("/v1/status"), "shop") if r["region"] in dead
        ]
        assert {(seen["verdict"], seen["confidence"]) for seen in found} == {("down", "high")}
        asked = 'requests_total{operation="GetHealthCheckStatus",outcome='
        assert await metric(context, f'{asked}"ok"') > 10
        assert await metric(context, f'{asked}"throttled"') == 0
        why = await context.gtc("why", dead[0])
        assert "Route 53's health checks agree" in why

    await in_sandbox(tmp_path, play)


async def test_answered_shares_are_shown_beside_applied_ones(tmp_path: Path) -> None:
    """In API, command line and metrics; also after a region's check withheld it."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect("all is up", lambda: all_up(context), within_s=30)
        await context.expect("a split is answered", lambda: split(context, 60), within_s=40)
        for region in regions(await context.daemon("/v1/status"), "shop"):
            assert region["answered"] == pytest.approx(region["observed"], abs=0.25)
        assert await metric(context, 'answered_ratio{pool="europe"') == pytest.approx(1.0)
        assert await notices(context) == []
        shown = json.loads(await context.gtc("status", "-o", "json"))
        assert region_of(shown, "world", "us-east-1")["answered"] > 0

        order = ("--reason", "we write nothing", "--yes")
        await context.gtc("freeze", "--ttl", "10m", *order)
        await context.break_region("eu-west-1", "dead")
        withheld = "pool europe: eu-west-1 has weight"
        await context.expect("it is withheld", lambda: noticed(context, withheld), within_s=75)
        seen = region_of(await context.daemon("/v1/status"), "europe", "eu-west-1")
        assert seen["answered"] == 0
        assert seen["observed"] > 0.2
        assert {one["source"]: one["verdict"] for one in seen["sources"]} == {
            "health_checks": "down",
            "answers": "down",
        }

    await in_sandbox(tmp_path, play)


def region_of(status: Any, pool: str, region: str) -> dict[str, Any]:
    """One region of the shop."""
    shop = next(s for s in status["services"] if s["name"] == "shop")
    found = next(p for p in shop["pools"] if p["name"] == pool)
    region_: dict[str, Any] = next(r for r in found["regions"] if r["region"] == region)
    return region_


async def known_to_checks(context: StoryContext) -> str | None:
    """Whether Route 53's checks have reported every region."""
    found = regions(await context.daemon("/v1/status"), "shop")
    return "all of them" if found and all(region["sources"] for region in found) else None


async def split(context: StoryContext, answers: int) -> str | None:
    """Whether the shares of both pools rest on enough answers."""
    pools = (await context.daemon("/v1/status"))["services"][0]["pools"]
    return f"{answers} answers" if all(p["answers"] >= answers for p in pools) else None


async def notices(context: StoryContext) -> list[str]:
    """The shop's notices."""
    found: list[str] = (await context.daemon("/v1/status"))["services"][0]["notices"]
    return found


async def noticed(context: StoryContext, text: str) -> str | None:
    """The notice with this text."""
    return next((one for one in await notices(context) if text in one), None)
