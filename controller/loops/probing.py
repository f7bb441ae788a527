"""Asks every endpoint and canary at its interval and keeps what we believe of each.

Probes are spread evenly over the interval. After a first failure the loop does not wait out the
interval: confirmation probes follow with a short gap until the endpoint answers or is down, and the
canaries are asked at once, because a down vote counts only after they have answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.health import HealthState, ProbeResult, Verdict
from controller.planning.hysteresis import advance
from controller.ports import Clock, Prober

ProbeObserver = Callable[[EndpointId | None, ProbeResult], None]
"""Told every result; None stands for a canary."""


class Probing:
    """The health states of this vantage point, kept current by `run`."""

    def __init__(
        self,
        settings: Settings,
        prober: Prober,
        clock: Clock,
        wake: Callable[[], None],
        observe: ProbeObserver,
    ) -> None:
        self._settings = settings
        self._prober = prober
        self._clock = clock
        self._wake = wake
        self._observe = observe
        self._health = {endpoint: HealthState() for endpoint, _ in settings.endpoints()}
        self._canaries = {url: HealthState() for url in settings.canaries}
        self._kicks = {url: asyncio.Event() for url in settings.canaries}

    @property
    def health(self) -> Mapping[EndpointId, HealthState]:
        """What we believe of every endpoint, as of now."""
        return dict(self._health)

    @property
    def canaries(self) -> Mapping[str, HealthState]:
        """What we believe of every canary, as of now."""
        return dict(self._canaries)

    def forget(self) -> None:
        """Start over with every endpoint unknown: what a blind prober saw is no evidence."""
        self._health = dict.fromkeys(self._health, HealthState())

    async def run(self) -> None:
        """Probe until cancelled."""
        endpoints = list(self._settings.endpoints())
        async with asyncio.TaskGroup() as group:
            for index, (endpoint_id, endpoint) in enumerate(endpoints):
                group.create_task(self._follow(endpoint_id, endpoint, index / len(endpoints)))
            for url in self._canaries:
                group.create_task(self._follow_canary(url))

    async def _follow(self, endpoint_id: EndpointId, endpoint: Endpoint, phase: float) -> None:
        interval = endpoint.interval_s or self._settings.probing.interval_s
        due = self._clock.monotonic() + phase * interval
        while True:
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
            state = await self._ask(endpoint_id, endpoint)
            if state.failures == 1 and state.verdict is not Verdict.DOWN:
                self._kick_canaries()
                await self._confirm(endpoint_id, endpoint)
            missed = (self._clock.monotonic() - due) // interval
            due += interval * (1 + max(0.0, missed))

    async def _confirm(self, endpoint_id: EndpointId, endpoint: Endpoint) -> None:
        """Probe on with a short gap until it answers or is down."""
        for _ in range(self._settings.health.down_after):
            await self._clock.sleep(self._settings.probing.confirm_gap_s)
            state = await self._ask(endpoint_id, endpoint)
            if state.successes > 0 or state.verdict is Verdict.DOWN:
                return

    async def _ask(self, endpoint_id: EndpointId, endpoint: Endpoint) -> HealthState:
        deadline = endpoint.deadline_s or self._settings.probing.deadline_s
        result = await self._prober.probe(endpoint, deadline)
        before = self._health[endpoint_id]
        state = advance(before, result, self._settings.health)
        self._health[endpoint_id] = state
        self._observe(endpoint_id, result)
        if state.verdict is not before.verdict:
            self._wake()
        return state

    async def _follow_canary(self, url: str) -> None:
        canary = Endpoint(probe=url)
        while True:
            result = await self._prober.probe(canary, self._settings.probing.deadline_s)
            before = self._canaries[url]
            state = advance(before, result, self._settings.health)
            self._canaries[url] = state
            self._observe(None, result)
            if state.suspect is not before.suspect or self._awaited():
                self._wake()
            await self._kicked(url, self._settings.probing.interval_s)

    async def _kicked(self, url: str, timeout_s: float) -> None:
        self._kicks[url].clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._kicks[url].wait()
        except TimeoutError:
            return

    def _kick_canaries(self) -> None:
        for kick in self._kicks.values():
            kick.set()

    def _awaited(self) -> bool:
        """Whether an endpoint that just went down may be waiting for the canaries' word."""
        lately = self._clock.monotonic() - 2 * self._settings.probing.interval_s
        return any(s.verdict is Verdict.DOWN and s.since >= lately for s in self._health.values())
