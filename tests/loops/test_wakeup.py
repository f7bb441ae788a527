"""Wake-ups: notifications are merged and none is lost."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.wakeup import WakeUp

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_wait_without_a_notification_lasts_its_time() -> None:
    """And returns False."""
    assert await WakeUp().wait(3) is False
    assert now() == pytest.approx(3)


@pytest.mark.parametrize("timeout_s", [0, -1])
async def test_a_wait_of_no_time_returns_at_once(timeout_s: float) -> None:
    """A deadline in the past is one that has been reached."""
    assert await WakeUp().wait(timeout_s) is False
    assert now() == pytest.approx(0, abs=0.01)


async def test_a_notification_ends_the_wait() -> None:
    """When it comes, not at the end of the wait."""
    wakeup = WakeUp()
    asyncio.get_running_loop().call_later(1, wakeup.notify)

    assert await wakeup.wait(60) is True
    assert now() == pytest.approx(1)


@pytest.mark.parametrize("timeout_s", [60, 0])
async def test_notifications_before_the_wait_are_merged_into_one(timeout_s: float) -> None:
    """After any number of them the waiter wakes once, even with no time left."""
    wakeup = WakeUp()
    for _ in range(5):
        wakeup.notify()

    assert await wakeup.wait(timeout_s) is True
    assert await wakeup.wait(1) is False


async def test_a_notification_between_two_waits_is_not_lost() -> None:
    """A wait that timed out does not consume a later one."""
    wakeup = WakeUp()
    assert await wakeup.wait(1) is False
    wakeup.notify()

    assert await wakeup.wait(60) is True
    assert now() == pytest.approx(1)
