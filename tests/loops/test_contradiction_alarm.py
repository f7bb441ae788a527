"""The log says it when sources contradict each other for long, once, and when it is over."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.loops.simulated import World

pytestmark = pytest.mark.looptime


async def test_a_lasting_contradiction_is_logged_once_and_its_end_as_well() -> None:
    """Checks fail while probes pass: users see what we do not."""
    world = World()
    with capture_logs() as log:
        async with world.running():
            await asyncio.sleep(60)
            world.checks.fail("check-eu-west-1")
            await asyncio.sleep(300)
            world.checks.heal("check-eu-west-1")
            await asyncio.sleep(60)

    told = [line for line in log if line["event"].startswith("contradiction")]
    assert [(line["event"], line["log_level"]) for line in told] == [
        ("contradiction", "warning"),
        ("contradiction_over", "info"),
    ]
    assert {key: told[0][key] for key in ("service", "region", "source", "verdict", "says")} == {
        "service": "shop",
        "region": "eu-west-1",
        "source": "health_checks",
        "verdict": "up",
        "says": "down",
    }
    assert "3 of 3 Route 53 checkers fail" in told[0]["why"]


async def test_a_short_contradiction_is_no_news() -> None:
    """After a failure or a recovery Route 53 needs longer than our probes."""
    world = World()
    with capture_logs() as log:
        async with world.running():
            await asyncio.sleep(60)
            world.checks.fail("check-eu-west-1")
            await asyncio.sleep(75)  # 30 s until it counts as failing, and 60 s that are waited
            world.checks.heal("check-eu-west-1")
            await asyncio.sleep(60)

    assert [line for line in log if line["event"].startswith("contradiction")] == []
