"""A disk that takes long for every write: users do not wait for it, people's orders do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from controller.adapters.sqlite.store import SqliteStore
from controller.loops.levers.expectations import Expectations
from controller.model.levers import Change, LeverState, OutcomeStatus, Position
from tests.fakes.store import FakeStore
from tests.faults.steered import steering, until
from tests.loops.small import events, logged

P = ParamSpec("P")
T = TypeVar("T")
POSITION, OTHER = Position("shop", "world", "eu-west-1"), Position("shop", "world", "us-east-1")
DRAIN = Change(POSITION, LeverState(128), LeverState(0))
MOMENT_S = 0.2
"""What a change waits for the disk, at most."""


class SlowDisk(ThreadPoolExecutor):
    """The thread of a state file on a disk that takes `delay_s` for everything."""

    delay_s = 0.0

    def __init__(self) -> None:
        super().__init__(1)

    def submit(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        def slowly() -> T:
            time.sleep(self.delay_s)
            return act(*args, **kwargs)

        return super().submit(slowly)


class SlowStore(FakeStore):
    """A store that takes so long to expect, in simulated time."""

    delay_s = 0.0

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        await asyncio.sleep(self.delay_s)
        await super().expect(settings)


@pytest.mark.parametrize("delay_s", [0.0, 0.5, 2.0])
async def test_a_region_is_out_in_a_second_however_slow_the_disk(
    tmp_path: Path, delay_s: float
) -> None:
    """One moment is waited before the write; the rest follows behind."""
    disk = SlowDisk()
    async with SqliteStore(tmp_path / "gtc.sqlite", executor=lambda: disk) as store:
        async with steering(store=store) as steered:
            await asyncio.sleep(1)
            disk.delay_s = delay_s
            steered.kill("eu-west-1")
            took_s = await until(steered.is_out, "out")
            disk.delay_s = 0.0
        assert took_s < 1 + MOMENT_S


@pytest.mark.looptime
async def test_a_disk_that_hangs_costs_one_moment_however_much_is_written() -> None:
    """A calm change, its answer, what was seen, the next change: all behind the first wait."""
    store = SlowStore()
    store.delay_s = 3600
    expectations = Expectations(store)
    with logged() as lines:
        for _ in range(3):
            await expectations.record_intent([DRAIN])
            await expectations.record_results({DRAIN: OutcomeStatus.APPLIED})
            await expectations.accept_observed({OTHER: LeverState(7)})
    await expectations.end()

    assert asyncio.get_running_loop().time() == pytest.approx(MOMENT_S, abs=0.01)
    assert events(lines) == ["expectation_late"]
    assert expectations.all == {POSITION: (LeverState(0),), OTHER: (LeverState(7),)}


@pytest.mark.looptime
async def test_what_was_added_while_the_disk_hung_is_saved_behind_it() -> None:
    """Without anything else that is to be remembered."""
    store = SlowStore()
    store.delay_s = 2
    expectations = Expectations(store)
    await expectations.record_intent([DRAIN])
    await expectations.accept_observed({OTHER: LeverState(7)})
    await asyncio.sleep(5)

    assert await store.expected() == {
        POSITION: (LeverState(128), LeverState(0)),
        OTHER: (LeverState(7),),
    }


@pytest.mark.looptime
async def test_what_was_not_durable_in_time_is_written_along_with_the_next() -> None:
    """Nothing is forgotten because the disk was slow for a while."""
    store = SlowStore()
    expectations = Expectations(store)
    store.delay_s = 10
    await expectations.record_intent([DRAIN])
    store.delay_s = 0
    await expectations.accept_observed({OTHER: LeverState(7)})
    await asyncio.sleep(10)

    assert await store.expected() == {
        POSITION: (LeverState(128), LeverState(0)),
        OTHER: (LeverState(7),),
    }


@pytest.mark.looptime
async def test_what_a_full_disk_refused_is_written_when_there_is_room() -> None:
    """The newest that is known of each position."""
    store = FakeStore()
    expectations = Expectations(store)
    store.unavailable = True
    await expectations.record_intent([DRAIN])
    await expectations.record_results({DRAIN: OutcomeStatus.APPLIED})
    store.unavailable = False
    await expectations.accept_observed({OTHER: LeverState(7)})

    assert await store.expected() == {POSITION: (LeverState(0),), OTHER: (LeverState(7),)}
