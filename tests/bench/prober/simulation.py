"""Vantage points in simulated time, of the production code: agenda, watches, hysteresis.

Only what is outside the daemon is made up: the network, and that vantage points tell each other of
a first failure (there are no replicas yet). Events are handed out from one heap, so a day passes in
seconds.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from random import Random

from controller.loops.probing.endpoint_monitor import EndpointMonitor
from controller.loops.probing.one_shot_timers import OneShotTimers
from controller.loops.probing.open_failures import OpenFailures
from controller.loops.probing.probe_schedule import ProbeSchedule
from controller.loops.probing.probe_timing import ProbeTiming
from controller.model.configuration import Endpoint, EndpointId, HealthSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.adaptive_timeout import AdaptiveTimeout

TOLD_S = 0.04
"""What one vantage point's word takes to another."""
WEB = EndpointId("shop", "eu-west-1", "web")


class World:
    """Simulated time; fulfils Clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, _Event]] = []
        self._numbers = count()

    def monotonic(self) -> float:
        return self.now

    def boottime(self) -> float:
        return self.monotonic()

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError("nothing sleeps here")

    def call_at(self, when: float, callback: Callable[[], None]) -> _Event:
        event = _Event(callback)
        heapq.heappush(self._events, (max(when, self.now), next(self._numbers), event))
        return event

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let time pass until then, or until it shall stop; asked after each event."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            if not event.is_cancelled:
                event.callback()
                if stop():
                    return
        self.now = until


class _Event:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Path:
    """The way from a vantage point to the endpoint: how long an answer takes, if it comes.

    Losses come in bursts: while one lasts everything is lost. A lost packet is repeated by TCP
    after one second, then two, four (RFC 6298).
    """

    def __init__(self, random: Random, rtt_s: float, lost_ratio: float, burst_s: float) -> None:
        self._random = random
        self._rtt_s = rtt_s
        self._burst_s = burst_s
        self._gap_s = burst_s * (1 / lost_ratio - 1) if lost_ratio else inf
        self._bursts: deque[tuple[float, float]] = deque()
        """Beginnings and ends, from the last one that was not over when something was asked."""
        self._drawn_until = 0.0
        self.is_dead = False

    def answer_after_s(self, now: float) -> float | None:
        """Seconds until a new connection's answer comes; None: never."""
        if self.is_dead:
            return None
        while self._bursts and self._bursts[0][1] <= now:
            self._bursts.popleft()
        waited_s, repeat_s = 0.0, 1.0
        while self._is_lost(now + waited_s):
            waited_s += repeat_s
            repeat_s *= 2
        # Two round trips, the second with what the server takes.
        return waited_s + 2 * self._rtt_s * self._random.uniform(0.9, 1.2)

    def _is_lost(self, at: float) -> bool:
        if self._gap_s == inf:
            return False
        while self._drawn_until <= at:
            begins = self._drawn_until + self._random.expovariate(1 / self._gap_s)
            self._drawn_until = begins + self._random.expovariate(1 / self._burst_s)
            self._bursts.append((begins, self._drawn_until))
        return any(begins <= at < ends for begins, ends in self._bursts)


class SimulatedTarget:
    """Fulfils Target as the network prober does: adapted patience, late answers."""

    def __init__(self, world: World, path: Path, monitor: EndpointMonitor) -> None:
        self._world, self._path, self._watch = world, path, monitor
        self._patience = AdaptiveTimeout()
        self._silent = 0
        self.asked = 0

    def start_probe(self, min_timeout_s: float, max_timeout_s: float) -> None:
        self.asked += 1
        world = self._world
        began = world.now
        wait_s = self._patience.wait_s(min_timeout_s, max_timeout_s, self._silent)
        takes_s = self._path.answer_after_s(began)

        def answer() -> None:
            self._silent = 0
            self._patience.learn(world.now - began)
            result = ProbeResult(ProbeOutcome.PASSED, world.now, world.now - began, "200")
            if world.now - began <= wait_s:
                self._watch.on_result(result)
            else:
                self._watch.on_late_result(result)

        def give_up() -> None:
            self._silent += 1
            detail = f"no answer in {wait_s:.2f} s"
            self._watch.on_result(ProbeResult(ProbeOutcome.FAILED, world.now, wait_s, detail))

        if takes_s is None or takes_s > wait_s:
            world.call_at(began + wait_s, give_up)
        if takes_s is not None and takes_s <= max_timeout_s:
            world.call_at(began + takes_s, answer)

    def close(self) -> None:
        """Nothing to let go of."""

    def die(self) -> None:
        """No answer comes any more, not even to what was asked already."""
        self._path.is_dead = True


def _nobody(result: ProbeResult) -> None:
    """Nobody counts."""


class VantagePoint:
    """One replica's probing of one endpoint; fulfils the watch's Observer."""

    def __init__(
        self,
        world: World,
        path: Path,
        timing: ProbeTiming,
        limits: HealthSettings,
        phase_s: float,
        others: list[VantagePoint],
    ) -> None:
        self.limits = limits
        self.downs = 0
        self.down_at: float | None = None
        """When its verdict turned down last."""
        self._world, self._others = world, others
        self.open_failures = OpenFailures()
        self._schedule: ProbeSchedule[EndpointMonitor] = ProbeSchedule(
            world, EndpointMonitor.on_schedule
        )
        self.confirmations: OneShotTimers[EndpointMonitor] = OneShotTimers(
            world, EndpointMonitor.on_confirmation_due
        )
        self.monitor = EndpointMonitor(
            self, WEB, Endpoint(probe="http://192.0.2.1/"), timing, _nobody
        )
        self.target = SimulatedTarget(world, path, self.monitor)
        self.monitor.set_target(self.target)
        self._schedule.replace([(self.monitor, timing.interval_s, phase_s)])
        self._schedule.start()
        self.confirmations.start()

    @property
    def state(self) -> HealthState:
        return self.monitor.state

    def on_result(self, monitor: EndpointMonitor, before: HealthState) -> None:
        if monitor.state.verdict is Verdict.DOWN and before.verdict is not Verdict.DOWN:
            self.downs += 1
            self.down_at = self._world.now

    def on_first_failure(self, monitor: EndpointMonitor) -> None:
        for other in self._others:
            if other is not self:
                self._world.call_at(self._world.now + TOLD_S, other.monitor.probe_now)

    def settled(self, monitor: EndpointMonitor, result: ProbeResult) -> ProbeResult:
        return result

    def on_run_again(self, monitor: EndpointMonitor) -> None:
        """Every probe can be run."""

    def on_error(self, error: Exception) -> None:
        raise error
