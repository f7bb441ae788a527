"""The machine's clocks."""

from __future__ import annotations

import time

import pytest

from controller.adapters.clock import SystemClock


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
async def test_boottime_is_the_clock_that_goes_on_in_suspend() -> None:
    """A test cannot suspend the machine; the kernel guarantees it for this clock."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    shown = SystemClock().boottime()

    assert before <= shown <= time.clock_gettime(time.CLOCK_BOOTTIME)
