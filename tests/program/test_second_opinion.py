"""Route 53's own view beside ours, over real processes and sockets."""

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
    """Most regions die: one vantage point alone holds, Route 53 agrees, and they leave."""

    async def play(supervisor: Supervisor, stage: StoryContext) -> None:
        await stage.expect("all is up", lambda: all_up(stage), within_s=30)
        await stage.expect("the checks are known", lambda: known_to_checks(stage), within_s=45)
        seeded = writes(await aws_counts(stage))
        dead = [region for region in stage.settings.services["shop"].regions if region not in LEFT]
        for region in dead:
            await stage.break_region(region, "dead")
        await stage.expect("it holds", lambda: holds(stage, "panic"), within_s=15)
        await asyncio.sleep(10)
        assert writes(await aws_counts(stage)) == seeded
        for region in dead:
            look = f"{region} has left"
            await stage.expect(look, lambda r=region: out(stage, r, "shop"), _CHECKS_NEED_S)  # type: ignore[misc]  # a lambda with a default has no type
        record = await first_write(stage)
        assert any("Route 53's health checks agree: 3 of 3" in line for line in record["trigger"])
        found = [
            r for r in regions(await stage.daemon("/v1/status"), "shop") if r["region"] in dead
        ]
        assert {(seen["verdict"], seen["confidence"]) for seen in found} == {("down", "high")}
        asked = 'requests_total{operation="GetHealthCheckStatus",outcome='
        assert await metric(stage, f'{asked}"ok"') > 10
        assert await metric(stage, f'{asked}"throttled"') == 0
        why = await stage.gtc("why", dead[0])
        assert "Route 53's health checks agree" in why

    await in_sandbox(tmp_path, play)


async def test_what_users_are_answered_stands_beside_what_is_applied(tmp_path: Path) -> None:
    """In the API, the command line and the metrics, after a region's own check withheld it, too."""

    async def play(supervisor: Supervisor, stage: StoryContext) -> None:
        await stage.expect("all is up", lambda: all_up(stage), within_s=30)
        await stage.expect("a split is answered", lambda: split(stage, 60), within_s=40)
        for region in regions(await stage.daemon("/v1/status"), "shop"):
            assert region["answered"] == pytest.approx(region["observed"], abs=0.25)
        assert await metric(stage, 'answered_ratio{pool="europe"') == pytest.approx(1.0)
        assert await notices(stage) == []
        shown = json.loads(await stage.gtc("status", "-o", "json"))
        assert region_of(shown, "world", "us-east-1")["answered"] > 0

        order = ("--reason", "we write nothing", "--yes")
        await stage.gtc("freeze", "--ttl", "10m", *order)
        await stage.break_region("eu-west-1", "dead")
        withheld = "pool europe: eu-west-1 has weight"
        await stage.expect("it is withheld", lambda: noticed(stage, withheld), within_s=75)
        seen = region_of(await stage.daemon("/v1/status"), "europe", "eu-west-1")
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


async def known_to_checks(stage: StoryContext) -> str | None:
    """Whether Route 53's checks have been heard on every region."""
    found = regions(await stage.daemon("/v1/status"), "shop")
    return "all of them" if found and all(region["sources"] for region in found) else None


async def split(stage: StoryContext, answers: int) -> str | None:
    """Whether so many answers are behind the shares of both pools."""
    pools = (await stage.daemon("/v1/status"))["services"][0]["pools"]
    return f"{answers} answers" if all(p["answers"] >= answers for p in pools) else None


async def notices(stage: StoryContext) -> list[str]:
    """The shop's."""
    found: list[str] = (await stage.daemon("/v1/status"))["services"][0]["notices"]
    return found


async def noticed(stage: StoryContext, text: str) -> str | None:
    """The notice that holds this text."""
    return next((one for one in await notices(stage) if text in one), None)
