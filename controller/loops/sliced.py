"""Long computations in slices, between which everything else runs; one at a time, and shared.

Whoever asks for what is being computed waits for the same result. What nobody waits for any more is
given up. After each slice the event loop has three times as long for itself, and while a failure is
being confirmed or acted on no slice begins (`steering_first`): steering is late by one slice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Hashable
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from controller.loops.steering_first import SteeringFirst
from controller.ports import Clock

Part = TypeVar("Part")
_MOST_WAIT_S = 10.0
"""Seconds that one computation waits for steering, all in all."""
_PAUSE_FACTOR = 3.0
"""Pause after a slice, in parts of its duration."""


class Wanted(NamedTuple, Generic[Part]):
    """What is to be computed now; equal keys have equal results."""

    key: Hashable
    slices: Callable[[], Generator[Part, None, None]]
    """Begins the computation; each step of the generator is one slice."""


@dataclass(slots=True)
class _Running(Generic[Part]):
    key: Hashable
    task: asyncio.Task[tuple[Part, ...]]
    waiting: int = 0


class SlicedComputation(Generic[Part]):
    """One computation, for whoever asks; its last result is kept."""

    def __init__(self, clock: Clock, steering_first: SteeringFirst) -> None:
        self._clock = clock
        self._steering_first = steering_first
        self._running: _Running[Part] | None = None
        self._kept: tuple[Hashable, tuple[Part, ...]] | None = None

    async def result(self, wanted_now: Callable[[], Wanted[Part]]) -> tuple[Part, ...]:
        """The parts of what is wanted. `wanted_now` is asked again after a wait for another one."""
        while True:
            wanted = wanted_now()
            if self._kept is not None and self._kept[0] == wanted.key:
                return self._kept[1]
            running = self._running
            if running is None:
                running = self._running = self._begin(wanted)
            if running.key == wanted.key:
                return await self._wait_for(running)
            await asyncio.wait({running.task})

    def _begin(self, wanted: Wanted[Part]) -> _Running[Part]:
        task = asyncio.create_task(  # noqa: TID251 - ended when nobody waits for it
            self._compute(wanted), name="sliced"
        )
        return _Running(wanted.key, task)

    async def _compute(self, wanted: Wanted[Part]) -> tuple[Part, ...]:
        found, may_wait_s = [], _MOST_WAIT_S
        with closing(wanted.slices()) as slices:
            began = self._clock.monotonic()
            for part in slices:
                found.append(part)
                await self._clock.sleep(_PAUSE_FACTOR * (self._clock.monotonic() - began))
                may_wait_s -= await self._steering_first.wait(may_wait_s)
                began = self._clock.monotonic()
        self._kept = wanted.key, tuple(found)
        return self._kept[1]

    async def _wait_for(self, running: _Running[Part]) -> tuple[Part, ...]:
        running.waiting += 1
        try:
            return await asyncio.shield(running.task)
        finally:
            running.waiting -= 1
            if not running.waiting:
                running.task.cancel()
                self._running = None
