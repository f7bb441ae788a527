"""Asks every endpoint and canary at its interval and keeps what we believe of each.

Probes are spread evenly over the interval. After a first failure the loop does not wait out the
interval: confirmation probes follow with a short gap until the endpoint answers or is down, and the
canaries and the service's other regions are asked at once, because a down vote counts only after
these witnesses were asked (`planning.quorum`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from controller.loops.current import Current
from controller.loops.wake import Bell
from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.hysteresis import advance
from controller.ports import Clock, Prober

ProbeObserver = Callable[[EndpointId | None, ProbeResult], None]
"""Told every result; None stands for a canary."""


class Probing:
    """The health states of this vantage point, kept current by `run`."""

    def __init__(
        self,
        current: Current,
        prober: Prober,
        clock: Clock,
        wake: Callable[[], None],
        observe: ProbeObserver,
    ) -> None:
        self._current = current
        self._prober = prober
        self._clock = clock
        self._wake = wake
        self._observe = observe
        self._endpoints: dict[EndpointId, Endpoint] = {}
        self._health: dict[EndpointId, HealthState] = {}
        self._canaries: dict[str, HealthState] = {}
        self._kicks: dict[EndpointId | str, Bell] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[EndpointId | str, asyncio.Task[None]] = {}
        self.follow_settings()

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

    def health_under(self, settings: Settings) -> dict[EndpointId, HealthState]:
        """What we would believe if these settings were in force: unknown where others are asked."""
        return {
            endpoint_id: self._health[endpoint_id]
            if self._is_asked(endpoint_id, endpoint)
            else HealthState()
            for endpoint_id, endpoint in settings.endpoints()
        }

    def canaries_under(self, settings: Settings) -> dict[str, HealthState]:
        """The same for canaries."""
        return {url: self._canaries.get(url, HealthState()) for url in settings.canaries}

    def follow_settings(self) -> None:
        """Probe what the settings in force name, and nothing else; to be called when they change.

        What is asked as before keeps its state and its turn.
        """
        settings = self._current.settings
        health, canaries = self.health_under(settings), self.canaries_under(settings)
        endpoints = dict(settings.endpoints())
        kept = {i for i, endpoint in endpoints.items() if self._is_asked(i, endpoint)}
        for asked in list(self._tasks):
            if asked not in kept and asked not in canaries:
                self._tasks.pop(asked).cancel()
        self._endpoints, self._health, self._canaries = endpoints, health, canaries
        everything: list[EndpointId | str] = [*health, *canaries]
        self._kicks = {asked: self._kicks.get(asked) or Bell() for asked in everything}
        self._start_missing()

    async def run(self) -> None:
        """Probe until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            self._start_missing()
            await asyncio.Event().wait()

    def _start_missing(self) -> None:
        if self._group is None:
            return
        for index, endpoint_id in enumerate(self._endpoints):
            if endpoint_id not in self._tasks:
                turn = self._follow(endpoint_id, index / len(self._endpoints))
                self._tasks[endpoint_id] = self._group.create_task(turn)
        for url in self._canaries:
            if url not in self._tasks:
                self._tasks[url] = self._group.create_task(self._follow_canary(url))

    def _is_asked(self, endpoint_id: EndpointId, endpoint: Endpoint) -> bool:
        """Whether the same place is asked under this name already."""
        known = self._endpoints.get(endpoint_id)
        return known is not None and (known.probe, known.host) == (endpoint.probe, endpoint.host)

    async def _follow(self, endpoint_id: EndpointId, phase: float) -> None:
        """Ask at every interval, and out of turn when some other endpoint's fate depends on it."""
        interval = self._interval_s(endpoint_id)
        due = self._clock.monotonic() + phase * interval
        await self._clock.sleep(phase * interval)
        while True:
            await self._ask_and_confirm(endpoint_id)
            interval = self._interval_s(endpoint_id)
            missed = (self._clock.monotonic() - due) // interval
            due += interval * (1 + max(0.0, missed))
            while await self._kicks[endpoint_id].wait(due - self._clock.monotonic()):
                await self._ask_and_confirm(endpoint_id)

    def _interval_s(self, endpoint_id: EndpointId) -> float:
        own = self._endpoints[endpoint_id].interval_s
        return own or self._current.settings.probing.interval_s

    async def _ask_and_confirm(self, endpoint_id: EndpointId) -> None:
        result, state = await self._ask(endpoint_id)
        if result.outcome is ProbeOutcome.FAILED and state.verdict is not Verdict.DOWN:
            self._kick_witnesses(endpoint_id)
            await self._confirm(endpoint_id)

    async def _confirm(self, endpoint_id: EndpointId) -> None:
        """Probe on with a short gap until it answers or is down."""
        for _ in range(self._current.settings.health.down_after):
            await self._clock.sleep(self._current.settings.probing.confirm_gap_s)
            result, state = await self._ask(endpoint_id)
            if result.outcome is ProbeOutcome.PASSED or state.verdict is Verdict.DOWN:
                return

    async def _ask(self, endpoint_id: EndpointId) -> tuple[ProbeResult, HealthState]:
        endpoint = self._endpoints[endpoint_id]
        deadline = endpoint.deadline_s or self._current.settings.probing.deadline_s
        result = await self._prober.probe(endpoint, deadline)
        before = self._health[endpoint_id]
        state = advance(before, result, self._current.settings.health)
        self._health[endpoint_id] = state
        self._observe(endpoint_id, result)
        if state.verdict is not before.verdict or self._is_awaited(endpoint_id, before):
            self._wake()
        return result, state

    async def _follow_canary(self, url: str) -> None:
        canary = Endpoint(probe=url)
        while True:
            result = await self._prober.probe(canary, self._current.settings.probing.deadline_s)
            before = self._canaries[url]
            state = advance(before, result, self._current.settings.health)
            self._canaries[url] = state
            self._observe(None, result)
            if state.suspect is not before.suspect or self._is_awaited(url, before):
                self._wake()
            await self._kicks[url].wait(self._current.settings.probing.interval_s)

    def _kick_witnesses(self, suspect: EndpointId) -> None:
        """Ask at once whoever a down vote on this endpoint will wait for (`planning.quorum`)."""
        for asked, kick in self._kicks.items():
            if asked != suspect and self._is_witness(asked, suspect):
                kick.ring()

    def _is_witness(self, asked: EndpointId | str, suspect: EndpointId) -> bool:
        if isinstance(asked, str) or not self._canaries:
            return True
        return asked.service == suspect.service and asked.region != suspect.region

    def _is_awaited(self, witness: EndpointId | str, before: HealthState) -> bool:
        """Whether a witness that answered now is the news some down vote waits for.

        `before` is what was believed of the witness: it is news to the endpoints that began to fail
        after its last answer.
        """
        last = before.last_result_at
        return any(
            state.verdict is Verdict.DOWN
            and state.first_failure_at is not None
            and (last is None or last < state.first_failure_at)
            and self._is_witness(witness, suspect)
            for suspect, state in self._health.items()
        )
