"""The heartbeat for the service manager's watchdog, the event loop's lag, and process pauses.

The heartbeat rests on cycles that end, not on a timer: a daemon whose reconciler hangs is
restarted, even if its timers run. AWS and the regions have no influence on it: a cycle ends by its
deadlines, also when none of them answers.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.process.pauses import ProcessPauses
from controller.ports import Clock

SAMPLE_S = 0.25
"""Seconds between two measurements of the event loop's lag."""
_LEAST_SILENCE_S = 30.0
_PERIODS = 3


class Heartbeat:
    """Whether cycles end in time; `run` reports it.

    `alive == (silent_s < allowed_s)`.
    """

    def __init__(
        self,
        active_settings: ActiveSettings,
        clock: Clock,
        reconciliation: Reconciliation,
        pauses: ProcessPauses,
        observe_lag: Callable[[float], None],
    ) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self._reconciliation = reconciliation
        self._pauses = pauses
        self._observe_lag = observe_lag
        self._began_at = clock.monotonic()

    @property
    def silent_s(self) -> float:
        """Seconds since the last cycle ended; before the first one, since the daemon began."""
        latest = self._reconciliation.latest
        since = latest.ended_at if latest else self._began_at
        return self._clock.monotonic() - since

    @property
    def allowed_s(self) -> float:
        """Seconds without a cycle after which the reconciler counts as stuck."""
        return max(_PERIODS * self._active_settings.settings.cycle.period_s, _LEAST_SILENCE_S)

    @property
    def alive(self) -> bool:
        """Whether cycles end in time."""
        return self.silent_s < self.allowed_s

    async def run(self, beat_every_s: float | None, beat: Callable[[], None]) -> None:
        """Measure, and `beat` while alive every `beat_every_s` seconds, until cancelled."""
        next_beat = self._clock.monotonic()
        self._pauses.watch()
        while True:
            due = self._clock.monotonic() + SAMPLE_S
            await self._clock.sleep(SAMPLE_S)
            now = self._clock.monotonic()
            self._observe_lag(max(0.0, now - due))
            self._pauses.look()
            if beat_every_s is not None and now >= next_beat and self.alive:
                beat()
                next_beat = now + beat_every_s
