"""Giving a standing instruction another end."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.errors import InvalidRequestError, StateUnavailableError
from controller.model.events import EventType
from tests.loops.ordered import DRAIN, Bench, SlowStore
from tests.loops.small import (
    in_background,
)

pytestmark = pytest.mark.looptime


async def test_extending_counts_from_now_and_is_durable() -> None:
    """It is announced again before its new end."""
    bench = Bench()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(DRAIN)
        await asyncio.sleep(80)
        await bench.overrides.extend(1, 100, "bob", "INC-44")
        await asyncio.sleep(99.9)
        assert bench.active() == [1]
        await asyncio.sleep(0.2)

    assert bench.active() == []
    assert [told[0] for told in bench.told] == [
        EventType.OVERRIDE_SET,
        EventType.OVERRIDE_EXPIRES_SOON,
        EventType.OVERRIDE_EXTENDED,
        EventType.OVERRIDE_EXPIRES_SOON,
        EventType.OVERRIDE_ENDED,
    ]


async def test_extending_may_also_shorten_but_never_brings_back() -> None:
    """What has ended is set anew, by an operator who gives the reason."""
    bench = Bench()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(DRAIN)
        await bench.overrides.extend(1, 60, "bob", "INC-44")
        await asyncio.sleep(60)
        assert bench.active() == []
        with pytest.raises(InvalidRequestError, match="no override 1 is in force"):
            await bench.overrides.extend(1, 60, "bob", "INC-44")


@pytest.mark.parametrize(
    ("ttl_s", "reason", "field"),
    [(59, "INC", "ttl_s"), (3601, "INC", "ttl_s"), (60, " ", "reason")],
)
async def test_extending_has_the_limits_of_setting(ttl_s: float, reason: str, field: str) -> None:
    """And needs its own reason."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    with pytest.raises(InvalidRequestError) as refused:
        await bench.overrides.extend(1, ttl_s, "bob", reason)

    assert refused.value.field == field
    assert bench.overrides.remaining_s(1) == 100


async def test_an_extension_that_cannot_be_stored_changes_nothing() -> None:
    """It ends when it would have ended."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    bench.store.unavailable = True
    with pytest.raises(StateUnavailableError):
        await bench.overrides.extend(1, 200, "bob", "INC-44")

    assert bench.overrides.remaining_s(1) == 100


async def test_extending_and_withdrawing_at_the_same_moment_leaves_it_ended() -> None:
    """In whichever order they are served."""
    for first in (True, False):
        bench = Bench()
        bench.store = SlowStore()
        bench.overrides = bench.restarted()
        await bench.overrides.add(DRAIN)
        both = [
            bench.overrides.extend(1, 200, "bob", "INC-44"),
            bench.overrides.withdraw(1, "ann"),
        ]
        await asyncio.gather(*(both if first else reversed(both)), return_exceptions=True)

        assert bench.active() == []
        assert await bench.store.overrides() == ()


async def test_one_that_is_being_extended_does_not_lapse_meanwhile() -> None:
    """A slow disk must not send users back for a moment."""
    bench = Bench()
    bench.store = SlowStore()
    bench.overrides = bench.restarted()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(DRAIN)
        await asyncio.sleep(98.5)
        extending = asyncio.get_running_loop().create_task(
            bench.overrides.extend(1, 100, "bob", "INC-44")
        )
        for _ in range(30):
            assert bench.active() == [1]
            await asyncio.sleep(0.1)
        await extending

    assert EventType.OVERRIDE_ENDED not in [told[0] for told in bench.told]
