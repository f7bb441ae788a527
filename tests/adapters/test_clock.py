"""The system's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from controller.adapters.clock import SystemClock


async def test_the_wall_clock_is_utc_and_now() -> None:
    """Dates carry their time zone, so that they are not mistaken for local time."""
    wall = SystemClock().wall()

    assert wall.tzinfo is UTC
    assert abs(datetime.now(UTC) - wall) < timedelta(seconds=5)


@pytest.mark.looptime
async def test_sleeping_passes_time_on_the_monotonic_clock() -> None:
    """Monotonic time is the event loop's, simulated time included."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(600)

    assert clock.monotonic() - before == 600
    assert clock.monotonic() == asyncio.get_running_loop().time()
