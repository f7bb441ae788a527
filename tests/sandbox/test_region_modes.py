"""The effect of each mode on one request, in simulated time."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from controller.sandbox.world.region_modes import BREAKS, Behaviour, RegionMode

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(
    ("mode", "fails", "after_s"),
    [(RegionMode.WELL, False, 0), (RegionMode.ERRORS, True, 0), (RegionMode.SLOW, False, 1.5)],
)
async def test_a_mode_delays_and_fails(mode: RegionMode, fails: bool, after_s: float) -> None:
    """Well, errors and slow each have one outcome after one delay."""
    behaviour = Behaviour(Random(1))
    behaviour.mode = mode
    begin = asyncio.get_running_loop().time()
    assert await behaviour.fails() is fails
    assert asyncio.get_running_loop().time() - begin == pytest.approx(after_s)


async def test_gray_fails_one_in_fifty_and_is_late() -> None:
    """Nearly all requests succeed, so failures in a row are rare."""
    behaviour = Behaviour(Random(7))
    behaviour.mode = RegionMode.GRAY
    begin = asyncio.get_running_loop().time()
    failures = sum([await behaviour.fails() for _ in range(1000)])
    assert 10 < failures < 30
    assert asyncio.get_running_loop().time() - begin == pytest.approx(500)


async def test_hang_never_answers() -> None:
    """Longer than any client waits."""
    behaviour = Behaviour(Random(1))
    behaviour.mode = RegionMode.HANG
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(86_400):
            await behaviour.fails()


def test_being_well_is_not_a_way_to_break() -> None:
    """All other modes are."""
    assert {*BREAKS, RegionMode.WELL} == set(RegionMode)
    assert RegionMode.WELL not in BREAKS
