"""What users do, in sliding windows."""

from __future__ import annotations

import asyncio
import tracemalloc
from random import Random

import pytest

from controller.loops.reports.traffic import BUCKET_S, KEPT_S, TrafficReports
from controller.model.traffic import MeasuredShare, Measurement
from tests.fakes.clock import FakeClock
from tests.loops.small import EAST, WEST

pytestmark = pytest.mark.looptime


def seen(region: str, requests: int, errors: int = 0, pool: str = "world") -> Measurement:
    return Measurement("shop", pool, region, requests, errors)


async def test_reports_of_the_window_are_added_up() -> None:
    """Over several reports, with errors, each pool apart from the others."""
    traffic = TrafficReports(FakeClock())
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
    traffic = TrafficReports(FakeClock())
    traffic.add([seen(WEST, 10)])
    await asyncio.sleep(age_s)
    found = traffic.split(2).get(("shop", "world"), {})

    assert sum(share.requests for share in found.values()) == requests


async def test_what_was_not_reported_is_unknown_and_not_zero() -> None:
    """A pool without reports has no share; a region its users did not visit has share 0."""
    traffic = TrafficReports(FakeClock())
    traffic.add([seen(WEST, 10)])

    assert traffic.share("shop", "world", WEST, 2) == 1.0
    assert traffic.share("shop", "world", EAST, 2) == 0.0
    assert traffic.share("shop", "europe", WEST, 2) is None
    assert traffic.share("other", "world", WEST, 2) is None


async def test_users_who_made_no_request_are_unknown_too() -> None:
    """Reports of nothing must not look like users who have left a region."""
    traffic = TrafficReports(FakeClock())
    traffic.add([seen(WEST, 0), seen(EAST, 0)])

    assert traffic.share("shop", "world", WEST, 2) is None


async def test_old_reports_are_forgotten() -> None:
    """A minute is enough for every window that is asked for."""
    traffic = TrafficReports(FakeClock())
    traffic.add([seen(WEST, 10)])
    await asyncio.sleep(60.1)
    traffic.add([seen(EAST, 10)])

    assert traffic.split(1_000) == {("shop", "world"): {EAST: MeasuredShare(10, 0, 1.0)}}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window_s", [2.0, 5.0, 10.0, 60.0])
async def test_what_is_added_up_is_what_was_reported(window_s: float, seed: int) -> None:
    """No report counts for longer than the window, none for more than a bucket's width less."""
    random, clock = Random(seed), FakeClock()
    traffic = TrafficReports(clock)
    reports: list[tuple[float, Measurement]] = []
    for _ in range(120):
        await asyncio.sleep(random.choice([0.0, 0.01, 0.3, 1.0, 1.7, random.random() * 40]))
        for _ in range(random.randrange(3)):
            errors = random.randrange(3)
            one = seen(random.choice([WEST, EAST]), errors + random.randrange(5), errors)
            reports.append((clock.monotonic(), one))
            traffic.add([one])
        edge = clock.monotonic() - window_s
        beginning = (edge // BUCKET_S + 1) * BUCKET_S
        counted = [one for at, one in reports if at >= beginning]
        expected = {
            region: (
                sum(one.requests for one in counted if one.region == region),
                sum(one.errors for one in counted if one.region == region),
            )
            for region in {one.region for one in counted}
        }
        assert edge < beginning <= edge + BUCKET_S
        for found in (
            traffic.split(window_s).get(("shop", "world"), {}),
            traffic.of_pool("shop", "world", window_s),
        ):
            assert {r: (one.requests, one.errors) for r, one in found.items()} == expected
            total = sum(requests for requests, _ in expected.values())
            assert all(
                one.share == (one.requests / total if total else 0) for one in found.values()
            )


async def test_memory_depends_on_places_and_not_on_reports() -> None:
    """20 regions x 250 pools, reported twenty times: 2 kB a place; nothing is left out."""
    pools, regions = [f"pool-{i}" for i in range(250)], [f"region-{i}" for i in range(20)]
    traffic = TrafficReports(FakeClock())

    def report() -> None:
        traffic.add(Measurement("shop", pool, region, 1, 0) for pool in pools for region in regions)

    tracemalloc.start()
    try:
        report()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(19):
            await asyncio.sleep(0.1)
            report()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert before < 16e6
    assert after - before < 1e6
    assert traffic.split(60)[("shop", "pool-7")]["region-3"] == MeasuredShare(20, 0, 0.05)


async def test_places_of_which_nothing_comes_are_forgotten() -> None:
    """A reload takes pools away; what they were is not kept for ever."""
    traffic = TrafficReports(FakeClock())
    for number in range(500):
        traffic.add([seen(WEST, 1, pool=f"pool-{number}"), seen(EAST, 1)])
        await asyncio.sleep(1)
    assert len(traffic._pools) <= 2 * KEPT_S + 2
    assert traffic.split(60)[("shop", "world")][EAST].requests == 59
