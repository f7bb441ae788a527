"""The README's promises, with real processes and sockets."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.supervisor import Supervisor
from tests.program.sandboxed import aws_counts, in_sandbox, writes
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.program, pytest.mark.timeout(180)]
DEAD = "eu-west-1"
NAME = "shop.example.test."
ADDRESS = "127.0.110.1"


async def test_a_calm_daemon_writes_nothing_and_lists_once_a_cycle(tmp_path: Path) -> None:
    """When everything fails at once nothing moves either, and the reason is shown."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect("all is up", lambda: all_up(context), within_s=30)
        before, status = await aws_counts(context), await context.daemon("/v1/status")
        await asyncio.sleep(25)
        after, later = await aws_counts(context), await context.daemon("/v1/status")
        listings = after["ListResourceRecordSets"] - before["ListResourceRecordSets"]
        assert listings <= later["cycle"] - status["cycle"]
        assert writes(after) == writes(before)
        assert await metric(context, "gtc_writes_total") == 0
        assert await metric(context, 'operation="ListResourceRecordSets",outcome="ok"') > 0

        for region in context.settings.services["shop"].regions:
            await context.break_region(region, "dead")
        await context.expect("it holds", lambda: holds(context, "panic"), within_s=15)
        await asyncio.sleep(10)
        assert writes(await aws_counts(context)) == writes(before)

    await in_sandbox(tmp_path, play)


async def test_route53_moves_dns_without_the_daemon_and_a_later_daemon_agrees(
    tmp_path: Path,
) -> None:
    """The health checks of the records act first; the daemon only confirms them."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect(
            "DNS answers it", lambda: answered(context, expected=True), within_s=20
        )
        await context.break_region(DEAD, "dead")
        await context.expect(
            "Route 53's own checks", lambda: answered(context, expected=False), within_s=75
        )
        seeded = writes(await aws_counts(context))
        await supervisor.start_daemon()
        await context.expect("it is out", lambda: out(context), within_s=30)
        await asyncio.sleep(15)
        # One batch for both pools of the zone, one for the accelerator's group.
        assert writes(await aws_counts(context)) - seeded == 2
        record = await first_write(context)
        changed = [c for w in record["written"] for c in w["changes"]]
        assert {c["position"]["region"] for c in changed} == {DEAD}
        assert {c["after"]["weight"] for c in changed} == {0}

    await in_sandbox(tmp_path, play, with_daemon=False)


async def test_kill_9_in_the_middle_of_a_failover_loses_nothing(tmp_path: Path) -> None:
    """The same overrides afterwards, no drift, and no unnecessary change."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect("all is up", lambda: all_up(context), within_s=30)
        order = ("drain", "us-east-1", "--service", "shop", "--reason", "kept", "--ttl", "10m")
        await context.gtc(*order, "--yes")
        await context.expect("drained", lambda: out(context, "us-east-1", "shop"), within_s=10)
        seeded = writes(await aws_counts(context))
        await context.break_region(DEAD, "dead")
        await wait_for_write(context, seeded)
        supervisor.child("daemon").send(signal.SIGKILL)
        assert await supervisor.child("daemon").ended(5)

        await supervisor.start_daemon()
        await context.expect("it is out", lambda: out(context), within_s=30)
        settled = writes(await aws_counts(context))
        await asyncio.sleep(15)
        overrides = (await context.daemon("/v1/overrides"))["items"]
        status = await context.daemon("/v1/status")
        assert [(o["kind"], o["region"], o["reason"]) for o in overrides] == [
            ("drain", "us-east-1", "kept")
        ]
        assert [r["drift"] for r in regions(status)] == [None] * len(regions(status))
        assert writes(await aws_counts(context)) == settled
        assert settled - seeded <= 3

    await in_sandbox(tmp_path, play)


async def test_everything_stops_within_two_seconds(tmp_path: Path) -> None:
    """Four processes, two hundred users, open streams."""
    ending = Stopwatch()

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        await context.expect("all is up", lambda: all_up(context), within_s=30)
        ending.start()

    await in_sandbox(tmp_path, play, users=200)

    assert ending.stop() < 2


def regions(status: Any, service: str | None = None) -> list[Any]:
    services = [s for s in status["services"] if service in (None, s["name"])]
    return [r for s in services for p in s["pools"] for r in p["regions"]]


async def all_up(context: StoryContext) -> str | None:
    found = regions(await context.daemon("/v1/status"))
    return "up" if found and all(r["verdict"] == "up" for r in found) else None


async def holds(context: StoryContext, reason: str) -> str | None:
    status = await context.daemon("/v1/status")
    reasons = {h["reason"] for s in status["services"] for p in s["pools"] for h in p["holds"]}
    return reason if reason in reasons else None


async def out(context: StoryContext, region: str = DEAD, service: str | None = None) -> str | None:
    found = regions(await context.daemon("/v1/status"), service)
    mine = [r for r in found if r["region"] == region]
    return "0 %" if mine and all(r["observed"] == 0 for r in mine) else None


async def answered(context: StoryContext, *, expected: bool) -> str | None:
    found = await context.answers(NAME, "DE", times=30)
    return f"{found}" if found and (ADDRESS in found) is expected else None


async def metric(context: StoryContext, fragment: str) -> float:
    """The sum of all samples whose line contains the text."""
    text = await context.daemon_text("/metrics")
    lines = [line for line in text.splitlines() if fragment in line and not line.startswith("#")]
    assert lines, f"no metric line contains {fragment}"
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def first_write(context: StoryContext) -> Any:
    items = (await context.daemon("/v1/decisions?limit=100"))["items"]
    return next(r for r in reversed(items) if any(w["lever"] == "route53" for w in r["written"]))


async def wait_for_write(context: StoryContext, seeded: int) -> None:
    """Return as soon as AWS has accepted another write."""
    deadline = time.monotonic() + 15
    while writes(await aws_counts(context)) == seeded:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
