"""What users do, in sliding windows."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.traffic import Traffic
from controller.model.traffic import MeasuredShare, Measurement
from tests.fakes.clock import FakeClock
from tests.loops.small import EAST, WEST

pytestmark = pytest.mark.looptime


def seen(region: str, requests: int, errors: int = 0, pool: str = "world") -> Measurement:
    return Measurement("shop", pool, region, requests, errors)


async def test_reports_of_the_window_are_added_up() -> None:
    """Over several reports, with errors, each pool apart from the others."""
    traffic = Traffic(FakeClock())
    traffic.add([seen(WEST, 30, 3), seen(EAST, 50)])
    await asyncio.sleep(1)
    traffic.add([seen(WEST, 20), seen(WEST, 7, pool="europe")])

    assert traffic.split(10) == {
        ("shop", "world"): {
            EAST: MeasuredShare(50, 0, 0.5),
            WEST: MeasuredShare(50, 3, 0.5),
        },
        ("shop", "europe"): {WEST: MeasuredShare(7, 0, 1.0)},
    }


@pytest.mark.parametrize(("age_s", "requests"), [(1.9, 10), (2.0, 0), (2.1, 0)])
async def test_a_report_counts_while_younger_than_the_window(age_s: float, requests: int) -> None:
    """Both sides of the window's edge."""
    traffic = Traffic(FakeClock())
    traffic.add([seen(WEST, 10)])
    await asyncio.sleep(age_s)
    found = traffic.split(2).get(("shop", "world"), {})

    assert sum(share.requests for share in found.values()) == requests


async def test_what_was_not_reported_is_unknown_and_not_zero() -> None:
    """A pool nobody reports has no share; a region its users did not visit has none of them."""
    traffic = Traffic(FakeClock())
    traffic.add([seen(WEST, 10)])

    assert traffic.share("shop", "world", WEST, 2) == 1.0
    assert traffic.share("shop", "world", EAST, 2) == 0.0
    assert traffic.share("shop", "europe", WEST, 2) is None
    assert traffic.share("other", "world", WEST, 2) is None


async def test_users_who_made_no_request_are_unknown_too() -> None:
    """Reports of nothing must not look like users who have left a region."""
    traffic = Traffic(FakeClock())
    traffic.add([seen(WEST, 0), seen(EAST, 0)])

    assert traffic.share("shop", "world", WEST, 2) is None


async def test_old_reports_are_forgotten() -> None:
    """A minute is enough for every window that is asked for."""
    traffic = Traffic(FakeClock())
    traffic.add([seen(WEST, 10)])
    await asyncio.sleep(60.1)
    traffic.add([seen(EAST, 10)])

    assert traffic.split(1_000) == {("shop", "world"): {EAST: MeasuredShare(10, 0, 1.0)}}


async def test_memory_is_bounded_however_fast_somebody_reports() -> None:
    """The newest reports are the ones that are kept."""
    traffic = Traffic(FakeClock())
    for _ in range(7_000):
        traffic.add([seen(WEST, 1)])
    for _ in range(3_000):
        traffic.add([seen(EAST, 1)])
    world = traffic.split(60)[("shop", "world")]

    assert world[EAST].requests == 3_000
    assert world[WEST].requests + world[EAST].requests <= 6_000
