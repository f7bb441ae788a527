"""The token bucket, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from controller.adapters.aws.token_bucket import TokenBucket
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime


def _bucket(rate: float = 5, burst: int = 10, reserve: int = 3) -> TokenBucket:
    return TokenBucket(rate, burst, reserve, FakeClock())


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _seconds(act: Callable[[], Awaitable[None]]) -> float:
    started = _now()
    await act()
    return _now() - started


async def test_a_burst_is_free_down_to_the_reserve() -> None:
    """Seven of ten at once; the eighth waits for a token to return."""
    bucket = _bucket()
    waits = [await _seconds(bucket.take) for _ in range(9)]

    assert waits == pytest.approx([0] * 7 + [0.2, 0.2])


async def test_an_emergency_spends_the_reserve_at_once() -> None:
    """Then it waits as other callers do."""
    bucket = _bucket()
    for _ in range(7):
        await bucket.take()
    waits = [await _seconds(lambda: bucket.take(emergency=True)) for _ in range(4)]

    assert waits == pytest.approx([0, 0, 0, 0.2])


async def test_an_emergency_overtakes_waiting_callers() -> None:
    """Otherwise a queue of reads would delay a failover."""
    bucket = _bucket(rate=1)
    served: list[str] = []

    async def take(name: str, emergency: bool) -> None:
        await bucket.take(emergency=emergency)
        served.append(name)

    for _ in range(7):
        await bucket.take()
    async with asyncio.TaskGroup() as group:
        for name in ("first", "second"):
            group.create_task(take(name, emergency=False))
        await asyncio.sleep(0.5)
        for name in ("urgent 1", "urgent 2", "urgent 3"):
            group.create_task(take(name, emergency=True))

    assert served == ["urgent 1", "urgent 2", "urgent 3", "first", "second"]


async def test_other_callers_wait_until_the_reserve_is_full_again() -> None:
    """After an emergency has spent it, the reserve is refilled first."""
    bucket = _bucket(rate=1)
    for _ in range(7):
        await bucket.take()
    for _ in range(3):
        await bucket.take(emergency=True)

    assert await _seconds(bucket.take) == pytest.approx(4)


async def test_callers_are_served_in_their_order() -> None:
    """First come, first served."""
    bucket = _bucket(burst=4)
    served: list[int] = []

    async def take(number: int) -> None:
        await bucket.take()
        served.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(take(number))

    assert served == list(range(20))


async def test_a_cancelled_caller_spends_nothing() -> None:
    """It does not delay those behind it."""
    bucket = _bucket(rate=1, burst=1, reserve=0)
    await bucket.take()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await bucket.take()

    assert await _seconds(bucket.take) == pytest.approx(0.5)


async def test_idle_time_saves_up_to_the_burst_and_no_more() -> None:
    """After an hour without calls there is one burst."""
    bucket = _bucket(rate=1, burst=4, reserve=0)
    await bucket.take()
    await asyncio.sleep(3600)
    waits = [await _seconds(bucket.take) for _ in range(5)]

    assert waits == pytest.approx([0, 0, 0, 0, 1])


@pytest.mark.parametrize("seed", range(5))
async def test_no_window_ever_holds_more_than_burst_and_rate_allow(seed: int) -> None:
    """As AWS would count, for callers at random times."""
    random, bucket = Random(seed), _bucket(rate=5, burst=10, reserve=3)
    times: list[float] = []

    async def take(after_s: float, emergency: bool) -> None:
        await asyncio.sleep(after_s)
        await bucket.take(emergency=emergency)
        times.append(_now())

    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(take(random.uniform(0, 20), random.random() < 0.1))

    assert len(times) == 200
    for start in times:
        for window_s in (0.1, 1, 5):
            inside = sum(start <= time < start + window_s for time in times)
            assert inside <= 10 + 5 * window_s + 1e-6, f"seed {seed}"


@pytest.mark.parametrize(
    ("rate", "burst", "reserve", "message"),
    [(0, 10, 3, "rate is 0"), (5, 3, 3, "reserve is 3"), (5, 3, -1, "reserve is -1")],
)
async def test_a_bucket_that_could_never_serve_is_refused(
    rate: float, burst: int, reserve: int, message: str
) -> None:
    """With a reserve as large as the burst, only emergencies would be served."""
    with pytest.raises(ValueError, match=message):
        _bucket(rate, burst, reserve)
