"""Notices that the wall clock was set, which orders and records show and nobody else would say.

Durations are measured with clocks that cannot be set, so a step changes no decision and no order's
end. It does make dates wrong: of records, of the audit, of ends as they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from controller.ports import Clock

_log = structlog.get_logger("clock")
CHECK_EVERY_S = 10.0
STEP_S = 10.0
"""A smaller difference is the usual correction of a clock that runs too fast or too slow."""
_TOLD_FOR_S = 86_400.0
"""How long a step is told of: a day."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """One step of the wall clock; `abs(by_s) > STEP_S`."""

    by_s: float
    at: datetime
    """The new time, when it was noticed."""


class ClockSteps:
    """The last step of the wall clock; `run` looks for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s = self._present_offset_s()
        self._last: tuple[ClockStep, float] | None = None
        """With when it was noticed, in seconds of `boottime`."""

    @property
    def last(self) -> ClockStep | None:
        """The last step within a day; None: there was none."""
        if self._last is None or self._clock.boottime() - self._last[1] > _TOLD_FOR_S:
            return None
        return self._last[0]

    async def run(self) -> None:
        """Look every `CHECK_EVERY_S`, until cancelled."""
        while True:
            self.check()
            await self._clock.sleep(CHECK_EVERY_S)

    def check(self) -> None:
        """Notice a step since the last call."""
        offset_s = self._present_offset_s()
        by_s, self._offset_s = offset_s - self._offset_s, offset_s
        if abs(by_s) > STEP_S:
            step = ClockStep(by_s, self._clock.wall())
            self._last = step, self._clock.boottime()
            _log.warning("clock_stepped", by_s=round(by_s), to=step.at.isoformat())

    def _present_offset_s(self) -> float:
        return self._clock.wall().timestamp() - self._clock.boottime()
