"""The sandbox's periodic work, in simulated time."""

from __future__ import annotations

import asyncio

import pytest

from controller.sandbox.regular_work import ticks


@pytest.mark.looptime
async def test_ticks_keep_their_grid_and_do_not_catch_up() -> None:
    """A short delay does not shift later ticks; after a long one, missed ticks are skipped."""
    busy_s = [0.4, 0.0, 3.5, 0.0, 0.0]
    seen = []
    async for due in ticks(1.0):
        seen.append(round(due, 3))
        if not busy_s:
            break
        await asyncio.sleep(busy_s.pop(0))
    assert seen == [0, 1, 2, 5.5, 6.5, 7.5]
