"""Has every endpoint and reference target asked at its interval; keeps what we believe of each.

Probes are spread evenly over the interval. After a first failure the loop does not wait out the
interval: confirmation probes follow with short gaps until the endpoint answers or is down, and the
known-good reference targets and the service's other regions are asked at once, because a down vote
counts only after these witnesses were asked (`planning.health.quorum`). Known-bad reference targets
are no witnesses: they only have their turns.

Nothing here waits for a probe: `loops.watch` asks and is told, by callbacks, and there is no task
for each endpoint. That is what lets one core probe tens of thousands of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from controller.loops.active_settings import ActiveSettings
from controller.loops.probing.corroboration import Corroborators
from controller.loops.probing.endpoint_monitor import EndpointMonitor, ProbeObserver, ProbeTiming
from controller.loops.probing.one_shot_timers import OneShotTimers
from controller.loops.probing.open_failures import OpenFailures
from controller.loops.probing.probe_schedule import ProbeSchedule
from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.health import HealthState, ReferenceKind, Verdict
from controller.planning.health.gray_failure import degraded_steps
from controller.planning.health.hysteresis import is_answering
from controller.ports import Clock, Prober, Target

Observers = Callable[[EndpointId | ReferenceKind, Endpoint], ProbeObserver]
"""Who is told what becomes of the probes of an endpoint or reference target."""


class ProbeLoop:
    """The health states of this vantage point, kept current by `run`."""

    def __init__(
        self,
        current: ActiveSettings,
        prober: Prober,
        clock: Clock,
        wake: Callable[[], None],
        observers: Observers,
    ) -> None:
        self._current = current
        self._prober = prober
        self._clock = clock
        self._wake = wake
        self._observers = observers
        self._endpoints: dict[EndpointId, EndpointMonitor] = {}
        self._known_good: dict[str, EndpointMonitor] = {}
        self._known_bad: dict[str, EndpointMonitor] = {}
        self._turns: ProbeSchedule[EndpointMonitor] = ProbeSchedule(clock, EndpointMonitor.turn)
        self.confirmations: OneShotTimers[EndpointMonitor] = OneShotTimers(
            clock, EndpointMonitor.confirm
        )
        self.doubts = OpenFailures()
        self._witnesses = Corroborators(clock, self._askable, self.doubts)
        self._changes = 0
        self._end: asyncio.Future[None] | None = None
        """Fails when a callback does; None unless probing runs."""
        self.follow_settings()

    def follow_settings(self) -> None:
        """Probe what the settings in force name, and nothing else."""
        self.prepare(self._current.settings)()

    @property
    def health(self) -> Mapping[EndpointId, HealthState]:
        """What we believe of every endpoint, as of now."""
        return {endpoint_id: watch.state for endpoint_id, watch in self._endpoints.items()}

    @property
    def changes(self) -> int:
        """How often a verdict, a suspicion or a step of degradation changed; it only rises."""
        return self._changes

    @property
    def known_good(self) -> Mapping[str, HealthState]:
        """What we believe of every known-good reference target, as of now."""
        return {url: watch.state for url, watch in self._known_good.items()}

    @property
    def known_bad(self) -> Mapping[str, HealthState]:
        """What we believe of every known-bad reference target, as of now."""
        return {url: watch.state for url, watch in self._known_bad.items()}

    def forget(self) -> None:
        """Start over with every endpoint unknown: what a blind prober saw is no evidence."""
        for watch in self._endpoints.values():
            watch.forget()
        self.doubts.forget()
        self._changes += 1

    def health_under(self, settings: Settings) -> dict[EndpointId, HealthState]:
        """What we would believe if these settings were in force: unknown where others are asked."""
        return {
            endpoint_id: watch.state
            if (watch := self._asked(endpoint_id, endpoint))
            else HealthState()
            for endpoint_id, endpoint in settings.endpoints()
        }

    def known_good_under(self, settings: Settings) -> dict[str, HealthState]:
        """The same for known-good reference targets."""
        known = self.known_good
        return {url: known.get(url, HealthState()) for url in settings.reference_targets.known_good}

    def known_bad_under(self, settings: Settings) -> dict[str, HealthState]:
        """The same for known-bad reference targets."""
        known = self.known_bad
        return {url: known.get(url, HealthState()) for url in settings.reference_targets.known_bad}

    def prepare(self, settings: Settings) -> Callable[[], None]:
        """Prepare to probe what these settings name, and nothing else; the result takes it over.

        What is asked as before keeps its state and its turn. Nothing changes before the result is
        called, which does not raise.
        """
        paces = _Paces(settings)
        endpoints = {
            i: self._prepared(self._asked(i, endpoint), i, i, endpoint, paces)
            for i, endpoint in settings.endpoints()
        }
        targets = settings.reference_targets
        good = self._prepared_references(
            ReferenceKind.KNOWN_GOOD, self._known_good, targets.known_good, paces
        )
        bad = self._prepared_references(
            ReferenceKind.KNOWN_BAD, self._known_bad, targets.known_bad, paces
        )
        return partial(self._take_over, settings, endpoints, good, bad)

    def _take_over(
        self,
        settings: Settings,
        endpoints: Mapping[EndpointId, _Prepared],
        known_good: Mapping[str, _Prepared],
        known_bad: Mapping[str, _Prepared],
    ) -> None:
        self.limits = settings.health
        prepared = (*endpoints.values(), *known_good.values(), *known_bad.values())
        kept = {id(one.watch) for one in prepared}
        for watch in self._everybody():
            if id(watch) not in kept:
                watch.close()
        for one in prepared:
            one.take_over()
        self._endpoints = {i: one.watch for i, one in endpoints.items()}
        self._known_good = {url: one.watch for url, one in known_good.items()}
        self._known_bad = {url: one.watch for url, one in known_bad.items()}
        self._witnesses.follow(has_known_good=bool(self._known_good))
        self._begin_new()

    async def run(self) -> None:
        """Probe until cancelled. Raises what went wrong in a callback."""
        self._end = asyncio.get_running_loop().create_future()
        agendas = (self._turns, self.confirmations, self._witnesses)
        try:
            self._begin_new()
            for agenda in agendas:
                agenda.wake()
            await self._end
        finally:
            self._end = None
            for agenda in agendas:
                agenda.sleep()
            for watch in self._everybody():
                watch.close()

    # -- who is watched

    def _askable(self) -> tuple[EndpointMonitor, ...]:
        """Who may be asked as a witness."""
        return (*self._endpoints.values(), *self._known_good.values())

    def _everybody(self) -> tuple[EndpointMonitor, ...]:
        return (*self._askable(), *self._known_bad.values())

    def _asked(self, endpoint_id: EndpointId, endpoint: Endpoint) -> EndpointMonitor | None:
        """Who asks the same place under this name already, if anybody."""
        watch = self._endpoints.get(endpoint_id)
        if watch is None:
            return None
        known = watch.endpoint
        is_same = (known.probe, known.host) == (endpoint.probe, endpoint.host)
        return watch if is_same else None

    def _prepared_references(
        self,
        kind: ReferenceKind,
        watches: Mapping[str, EndpointMonitor],
        urls: Iterable[str],
        paces: _Paces,
    ) -> dict[str, _Prepared]:
        """The reference targets of one kind that settings name."""
        return {
            url: self._prepared(watches.get(url), url, kind, Endpoint(probe=url), paces)
            for url in urls
        }

    def _prepared(
        self,
        kept: EndpointMonitor | None,
        key: EndpointId | str,
        observed: EndpointId | ReferenceKind,
        endpoint: Endpoint,
        paces: _Paces,
    ) -> _Prepared:
        pace = paces.of(endpoint)
        watch = kept or EndpointMonitor(
            self, key, endpoint, pace, self._observers(observed, endpoint)
        )
        is_new_place = kept is None or kept.endpoint != endpoint
        if self._end is None or not is_new_place:
            return _Prepared(watch, endpoint, pace)
        return _Prepared(watch, endpoint, pace, self._prober.target(endpoint, watch))

    def _begin_new(self) -> None:
        """Spread new endpoints over their interval; new reference targets are asked at once."""
        if self._end is None:
            return
        now = self._clock.monotonic()
        part_s = 1.0 / max(1, len(self._endpoints))
        turns = [
            (watch, watch.pace.interval_s, now + index * part_s * watch.pace.interval_s)
            for index, watch in enumerate(self._endpoints.values())
        ]
        references = (*self._known_good.values(), *self._known_bad.values())
        turns += [(watch, watch.pace.interval_s, now) for watch in references]
        for watch, _, _ in turns:
            if watch.target is None:
                watch.aim(self._prober.target(watch.endpoint, watch))
        self._turns.follow(turns)

    # -- what watches tell

    def saw(self, watch: EndpointMonitor, before: HealthState) -> None:
        """A result was folded into a watch's state."""
        key, state = watch.key, watch.state
        if isinstance(key, EndpointId):
            is_news = state.verdict is not before.verdict
            if is_news and state.verdict is Verdict.DOWN:
                self.doubts.add(key, state)
            is_news = self._has_changed_level(watch) or is_news
        elif self._known_bad.get(key) is watch:
            if is_answering(state, self.limits) is not is_answering(before, self.limits):
                self._changes += 1
                self._wake()
            return
        else:
            is_news = state.suspect is not before.suspect
        self._changes += is_news or state.suspect is not before.suspect
        if is_news or self._witnesses.is_awaited(key, before.last_result_at):
            self._wake()

    def _has_changed_level(self, watch: EndpointMonitor) -> bool:
        """Whether it answers worse, or better, by a step. Called for every probe."""
        state, gray = watch.state, self.limits.gray
        if not watch.level and state.bad_ratio < gray.bad_ratio:
            return False
        was, watch.level = watch.level, degraded_steps(state, watch.level, gray)
        return watch.level != was

    def suspects(self, watch: EndpointMonitor) -> None:
        """An endpoint failed that was not down."""
        if isinstance(watch.key, EndpointId):
            self._witnesses.ask(watch.key)

    def broke(self, error: Exception) -> None:
        """End `run`: a prober that half works must not go on."""
        if self._end is not None and not self._end.done():
            self._end.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Who will ask an endpoint or reference target, and how."""

    watch: EndpointMonitor
    endpoint: Endpoint
    pace: ProbeTiming
    target: Target | None = None
    """What is asked from then on; None: what is asked already, or nothing before probing runs."""

    def take_over(self) -> None:
        watch = self.watch
        watch.follow(self.pace)
        watch.endpoint = self.endpoint
        if self.target is not None:
            watch.aim(self.target)


class _Paces:
    """The paces that settings ask for; most endpoints share one."""

    def __init__(self, settings: Settings) -> None:
        self._probing = settings.probing
        self._made: dict[ProbeTiming, ProbeTiming] = {}

    def of(self, endpoint: Endpoint) -> ProbeTiming:
        probing = self._probing
        most_s = endpoint.deadline_s or probing.deadline_s
        pace = ProbeTiming(
            endpoint.interval_s or probing.interval_s,
            min(probing.deadline_least_s, most_s),
            most_s,
            probing.confirm_gaps_s,
        )
        return self._made.setdefault(pace, pace)
