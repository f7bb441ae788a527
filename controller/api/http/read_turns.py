"""Turns of reading: what callers look at costs steering no more than a part of the event loop.

A read is admitted when the loop had twice as much time for itself as reads before it took, so that
all reads together take a third of it at most, however many callers there are; and it waits up to a
second while a failure is being confirmed or acted on (`loops.steering_first`). A caller waits
behind its own requests first: one that asks much keeps nobody else from its turn. What a read took
is charged to its caller, too (`rate_limits`).

Worked example: an answer takes 90 ms. The next is begun 180 ms after its end, four in a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from weakref import WeakValueDictionary

from aiohttp import web

from controller.api.http.metering import Metered
from controller.api.http.route import Route, RouteCall
from controller.loops.steering_first import SteeringFirst
from controller.ports import Clock

_FIRST_GUESS_S = 0.02
"""CPU seconds that a route is supposed to take before it was asked."""
_SHORTEST_WAIT_S = 0.01
"""Waits below this are left out: they cost more than they save."""
_LEARNS = 0.5
_PARTS = 3.0
"""What a read takes is one part of so many; the others are for everything else."""
_MOST_WAIT_S = 1.0
"""Seconds that a read waits for steering."""


class ReadTurns:
    """Admits reads of all callers, and measures them."""

    def __init__(
        self,
        clock: Clock,
        steering_first: SteeringFirst,
        cpu_time: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._steering_first = steering_first
        self._cpu_time = cpu_time
        self._free_at = 0.0
        """When the loop had enough time for itself, monotonic seconds."""
        self._turn = asyncio.Lock()
        self._turn_of: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._usual_s: dict[tuple[str, str], float] = {}
        """CPU seconds that each method of a path took lately."""

    async def take(
        self, route: Route, call: RouteCall, charge: Callable[[float], None]
    ) -> web.StreamResponse:
        """The response to a read, when it is its turn; `charge` gets the CPU seconds it took."""
        place = (route.method, route.path)
        guess_s = self._usual_s.get(place, _FIRST_GUESS_S)
        await self._wait(call.principal.name, guess_s)
        took_s = 0.0

        def add(cpu_s: float) -> None:
            nonlocal took_s
            took_s += cpu_s

        try:
            return await Metered(route.handler(call), add, self._cpu_time)
        finally:
            self._free_at += _PARTS * (took_s - guess_s)
            self._usual_s[place] = guess_s + _LEARNS * (took_s - guess_s)
            charge(took_s)

    async def _wait(self, caller: str, guess_s: float) -> None:
        await self._steering_first.wait(_MOST_WAIT_S)
        own_turn = self._turn_of.setdefault(caller, asyncio.Lock())
        async with own_turn, self._turn:
            wait_s = self._free_at - self._clock.monotonic()
            if wait_s > _SHORTEST_WAIT_S:
                await self._clock.sleep(wait_s)
            self._free_at = max(self._free_at, self._clock.monotonic()) + _PARTS * guess_s
