"""The pulse: lag is measured, and a sign of life is given while cycles end, not by a timer."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.process.heartbeat import SAMPLE_S
from controller.model.levers import RecordSet
from tests.fakes.methods import Method
from tests.loops.simulated import World

STUCK_S = 30.0


@pytest.mark.looptime
async def test_it_beats_while_cycles_end() -> None:
    """As often as asked."""
    beats: list[float] = []
    world = World()
    async with world.running() as controller:
        task = asyncio.get_running_loop().create_task(
            controller.heartbeat.run(5.0, lambda: beats.append(world.clock.monotonic()))
        )
        await asyncio.sleep(100)
        task.cancel()

    gaps = [later - earlier for earlier, later in pairwise(beats)]
    assert len(beats) >= 19
    assert all(5.0 <= gap <= 5.0 + SAMPLE_S for gap in gaps)


@pytest.mark.looptime
async def test_it_stops_beating_when_cycles_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """After three periods, at least 30 s, although every timer goes on."""
    beats: list[float] = []
    world = World()

    async def hang(self: Reconciliation) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Reconciliation, "run", hang)
    async with world.running() as controller:
        task = asyncio.get_running_loop().create_task(
            controller.heartbeat.run(1.0, lambda: beats.append(world.clock.monotonic()))
        )
        await asyncio.sleep(100)
        assert not controller.heartbeat.alive
        task.cancel()

    assert STUCK_S - 2 <= beats[-1] <= STUCK_S + 1


@pytest.mark.looptime
async def test_silence_counts_from_the_end_of_a_cycle_whatever_its_reading_took() -> None:
    """A cycle that waited for AWS did not end in the future."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(30)
        read = world.records.read

        async def slow(hosted_zone_id: str) -> tuple[RecordSet, ...]:
            await asyncio.sleep(0.9)
            return await read(hosted_zone_id)

        Method(read).replace(slow)
        silences = []
        for _ in range(100):
            await asyncio.sleep(0.37)
            silences.append(controller.heartbeat.silent_s)

    assert min(silences) >= 0


@pytest.mark.looptime
async def test_without_a_manager_there_is_no_beat() -> None:
    """And the lag is measured all the same."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(10 + SAMPLE_S / 2)
        measured = controller.api_dependencies().metrics.registry.get_sample_value(
            "gtc_event_loop_lag_seconds_count"
        )

    assert measured == 10 / SAMPLE_S


async def test_a_blocked_event_loop_shows_as_lag() -> None:
    """In real time: a callback blocks the event loop for 0.3 s."""
    lags: list[float] = []
    world = World()
    async with world.running() as controller:
        controller.heartbeat._observe_lag = lags.append
        await asyncio.sleep(2 * SAMPLE_S)
        asyncio.get_running_loop().call_soon(time.sleep, SAMPLE_S + 0.3)
        await asyncio.sleep(2 * SAMPLE_S)

    assert max(lags) > 0.2
