"""Who is asked besides an endpoint that fails, and whose answers its fate waits for.

A down vote counts only after its witnesses were asked (`planning.health.quorum`): the
known-good reference targets, or without any the other endpoints, and the service's other regions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

from controller.loops.probing.endpoint_monitor import EndpointMonitor
from controller.loops.probing.one_shot_timers import OneShotTimers
from controller.loops.probing.open_failures import OpenFailures, Place
from controller.model.configuration import EndpointId
from controller.ports import Clock

ROUND_GAP_S = 0.2
"""Between two rounds of questions for one region: where many endpoints fail one after the other,
their witnesses are not asked for each of them anew. A verdict takes longer than that anyway."""


class Corroborators:
    """Kicks witnesses, and knows who is waited for."""

    def __init__(
        self, clock: Clock, watches: Callable[[], Iterable[EndpointMonitor]], doubts: OpenFailures
    ) -> None:
        self._clock = clock
        self._watches = watches
        self._doubts = doubts
        self._has_known_good = False
        self._asked_at: dict[Place, float] = {}
        """When its witnesses were asked last, or will be."""
        self._rounds: OneShotTimers[EndpointId] = OneShotTimers(clock, self._ask_all)

    def follow(self, has_known_good: bool) -> None:
        """Other settings are in force."""
        self._has_known_good = has_known_good
        self._asked_at.clear()

    def wake(self) -> None:
        """Begin."""
        self._rounds.wake()

    def sleep(self) -> None:
        """Kick nobody any more."""
        self._rounds.sleep()

    def ask(self, suspect: EndpointId) -> None:
        """Ask whoever a down vote on this endpoint will wait for."""
        now = self._clock.monotonic()
        place = (suspect.service, suspect.region)
        last = self._asked_at.get(place, -inf)
        if last > now:
            return  # the round to come asks them after this failure
        due = last + ROUND_GAP_S
        if due <= now:
            self._asked_at[place] = now
            self._ask_all(suspect, now, now)
        else:
            self._asked_at[place] = due
            self._rounds.add(due, suspect)

    def is_awaited(self, witness: EndpointId | str, last_at: float | None) -> bool:
        """Whether a witness that answered now is the news some down vote waits for.

        `last_at`: when it answered last. It is news to endpoints that began to fail after that.
        """
        last = -inf if last_at is None else last_at
        return any(self._is_witness(witness, *place) for place in self._doubts.since(last))

    def _ask_all(self, suspect: EndpointId, due: float, now: float) -> None:
        for watch in self._watches():
            key = watch.key
            if key != suspect and self._is_witness(key, suspect.service, suspect.region):
                watch.kick()

    def _is_witness(self, asked: EndpointId | str, service: str, region: str) -> bool:
        if isinstance(asked, str) or not self._has_known_good:
            return True
        return asked.service == service and asked.region != region
