"""Corroborating probes: which monitors are asked to confirm or contradict a failure.

A down vote counts only after its corroborators were probed (`planning.health.quorum`). These are
the service's other regions, and the known-good reference targets; without any of the latter, all
other endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

from controller.loops.probing.endpoint_monitor import EndpointMonitor
from controller.loops.probing.one_shot_timers import OneShotTimers
from controller.loops.probing.open_failures import OpenFailures, ServiceRegionKey
from controller.model.configuration import EndpointId
from controller.ports import Clock

ROUND_GAP_S = 0.2
"""Seconds between two rounds for one region: where many endpoints fail one after the other, one
round serves all that failed since the last. A verdict takes longer than that anyway."""


class Corroborators:
    """Probes corroborators out of schedule, and knows which of their answers a down vote awaits."""

    def __init__(
        self,
        clock: Clock,
        monitors: Callable[[], Iterable[EndpointMonitor]],
        open_failures: OpenFailures,
    ) -> None:
        """`monitors`: all that may corroborate, known-bad reference targets excepted."""
        self._clock = clock
        self._monitors = monitors
        self._open_failures = open_failures
        self._has_known_good = False
        self._round_at: dict[ServiceRegionKey, float] = {}
        """When the last round for a region was, or the next one will be."""
        self._rounds: OneShotTimers[EndpointId] = OneShotTimers(clock, self._probe_all)

    def configure(self, has_known_good: bool) -> None:
        """Use other settings: whether they name known-good reference targets."""
        self._has_known_good = has_known_good
        self._round_at.clear()

    def start(self) -> None:
        """Begin to probe."""
        self._rounds.start()

    def stop(self) -> None:
        """Probe no more."""
        self._rounds.stop()

    def probe_for(self, suspect: EndpointId) -> None:
        """Probe the corroborators of an endpoint that failed, now or in the region's next round."""
        now = self._clock.monotonic()
        key = (suspect.service, suspect.region)
        last = self._round_at.get(key, -inf)
        if last > now:
            return  # the next round comes after this failure, and so serves it, too
        due = last + ROUND_GAP_S
        if due <= now:
            self._round_at[key] = now
            self._probe_all(suspect, now, now)
        else:
            self._round_at[key] = due
            self._rounds.add(due, suspect)

    def is_awaited(self, key: EndpointId | str, last_at: float | None) -> bool:
        """Whether a down vote waits for the answer that this monitor had just now.

        `last_at`: when it answered before. The answer is new to failures that began after that.
        """
        last = -inf if last_at is None else last_at
        return any(self._corroborates(key, *place) for place in self._open_failures.since(last))

    def _probe_all(self, suspect: EndpointId, due: float, now: float) -> None:
        for monitor in self._monitors():
            key = monitor.key
            if key != suspect and self._corroborates(key, suspect.service, suspect.region):
                monitor.probe_now()

    def _corroborates(self, key: EndpointId | str, service: str, region: str) -> bool:
        if isinstance(key, str) or not self._has_known_good:
            return True
        return key.service == service and key.region != region
