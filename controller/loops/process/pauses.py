"""Pauses of this process: it was stopped, starved of CPU, or its machine was suspended.

What a process saw before a pause says nothing of the time after it, however young it looks: answers
may have waited in the kernel for as long as the pause lasted, and a suspended machine's monotonic
clock stands still. So a pause longer than evidence stays fresh (`probing.fresh_for_s`) makes the
daemon forget what it saw; nothing is written before it has seen everything anew
(`planning.guards.pause`), nor what was decided before.

It is noticed by whoever comes first: the heartbeat, which looks every quarter of a second, a cycle,
or a write. Two signs: nobody looked for too long by the monotonic clock, or `boottime` or the date
went further ahead than the monotonic clock. A date that was set forward looks the same; that costs
one look at everything. A date that was set back is no sign.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.model.decision import ProcessPause
from controller.ports import Clock

_log = structlog.get_logger("pauses")


class _Moment(NamedTuple):
    """What the clocks showed at one look, seconds."""

    monotonic: float
    boottime: float
    wall: float

    def passed_s(self, since: _Moment) -> float:
        """Seconds since an earlier look, by the clock that went furthest."""
        return max(now - then for now, then in zip(self, since, strict=True))


class ProcessPauses:
    """The last pause, and how many there were; `look` notices one and forgets what was seen."""

    def __init__(self, active_settings: ActiveSettings, clock: Clock) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []
        self._looked: _Moment | None = None
        """What the clocks showed at the last look; None: nobody looks regularly yet."""
        self.count = 0
        """How many pauses there were; it only rises."""
        self.last: ProcessPause | None = None

    def call(self, *listeners: Callable[[], None]) -> None:
        """Call these after every pause, in this order, such as to forget what was seen."""
        self._listeners += listeners

    def watch(self) -> None:
        """Begin to look; the caller promises to go on looking, several times a second."""
        self._looked = self._moment()

    def look(self) -> int:
        """Forget what was seen before a pause, if there was one since the last look; `count`."""
        if self._looked is not None:
            moment = self._moment()
            lasted_s = moment.passed_s(self._looked)
            self._looked = moment
            if lasted_s > self._active_settings.settings.probing.fresh_for_s:
                self._begin_anew(ProcessPause(moment.monotonic, lasted_s))
        return self.count

    def _begin_anew(self, pause: ProcessPause) -> None:
        self.last = pause
        self.count += 1
        _log.warning("process_paused", paused_s=round(pause.lasted_s, 1))
        for listener in self._listeners:
            listener()

    def _moment(self) -> _Moment:
        clock = self._clock
        return _Moment(clock.monotonic(), clock.boottime(), clock.wall().timestamp())
