"""Faults of AWS as an operator sees them: the whole program, faults begun by the command line."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.supervisor import Supervisor
from tests.program.sandboxed import aws_counts, in_sandbox, writes
from tests.program.test_promises import DEAD, all_up, metric, out, regions

pytestmark = [pytest.mark.slow, pytest.mark.program, pytest.mark.timeout(180)]


async def test_twenty_throttled_answers_in_a_row_cost_less_than_a_minute(tmp_path: Path) -> None:
    """The calls are few, and the metric shows the growing pauses."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect("all is up", lambda: all_up(context), within_s=30)
        said = await sandbox(
            supervisor, "throttle", "--times", "20", "--operation", "Change.*", "--for", "5m"
        )
        assert "throttle  0       20 calls" in said
        await context.break_region(DEAD, "dead")
        await context.expect("it waits", lambda: backs_off(context), within_s=20)
        await context.expect("it is out", lambda: out(context), within_s=60)
        batches = [c for c in await context.aws_calls() if c["operation"].startswith("Change")]
        throttled = [call for call in batches if call["code"] == "Throttling"]
        spread_s = throttled[-1]["at"] - throttled[0]["at"]
        details = [
            written["outcome"]["detail"]
            for record in (await context.daemon("/v1/decisions?limit=100"))["items"]
            for written in record["written"]
        ]

        assert len(throttled) == 20
        assert spread_s > 10  # two a second at most, on average
        assert any("sent 5 times" in detail and "throttled" in detail for detail in details)
        assert await sandbox(supervisor, "list") == "no fault is in force\n"

    await in_sandbox(tmp_path, play)


async def test_aws_gone_while_a_region_dies_is_shown_and_made_up_for(tmp_path: Path) -> None:
    """The plan is shown; it is applied once when AWS is back, and users could fail over."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect("all is up", lambda: all_up(context), within_s=30)
        seeded = await aws_counts(context)
        await sandbox(supervisor, "gone", "--for", "10s")
        await context.break_region(DEAD, "dead")
        await context.expect(
            "it says what it would do", lambda: plans_to_empty(context), within_s=8
        )
        plan = await context.gtc("plan")
        assert "weight 112 → 0" in plan
        await context.expect("done when AWS is back", lambda: out(context), within_s=40)
        await asyncio.sleep(5)
        after = await aws_counts(context)
        assert writes(after) - writes(seeded) <= 3
        assert sum(after.values()) - sum(seeded.values()) <= 60

    await in_sandbox(tmp_path, play)


async def plans_to_empty(context: StoryContext) -> str | None:
    """Whether the plan empties the dead region while AWS still sends users there."""
    found = regions(await context.daemon("/v1/status"), "shop")
    mine = [r for r in found if r["region"] == DEAD]
    is_so = all(r["desired"] == 0 for r in mine) and any(r["observed"] for r in mine)
    return "desired 0 %" if is_so else None


async def backs_off(context: StoryContext) -> str | None:
    """Whether the daemon waits before it tries again."""
    seconds = await metric(context, "gtc_write_backoff_seconds")
    return f"{seconds:g} s" if seconds > 0 else None


async def sandbox(supervisor: Supervisor, *arguments: str) -> str:
    """The output of `gtc sandbox fault …`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controller", "sandbox", "fault", *arguments),
        env={**os.environ, "GTC_SANDBOX_AWS_URL": supervisor.aws_control_url},
        stdout=asyncio.subprocess.PIPE,
    )
    output: Any = (await process.communicate())[0]
    assert process.returncode == 0, output
    text: str = output.decode()
    return text
