"""Probes every endpoint and reference target at its interval, and keeps their believed health.

Probes are spread evenly over the interval. After a first failure the loop does not wait for the
next interval: confirmation probes follow with short gaps until the endpoint answers or is down, and
its corroborators (`loops.probing.corroboration`) are probed at once, because a down vote counts
only after these answered (`planning.health.quorum`). Known-bad reference targets corroborate
nothing: they are only probed on schedule.

Nothing here waits for a probe: an `EndpointMonitor` starts one and is called back with its result.
There is no task for each endpoint, so that one core can probe tens of thousands of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf

from controller.loops.active_settings import ActiveSettings
from controller.loops.probing.address_set import AddressSets
from controller.loops.probing.corroboration import Corroborators
from controller.loops.probing.endpoint_monitor import EndpointMonitor, ProbeObserver
from controller.loops.probing.monitor_register import MonitorRegister
from controller.loops.probing.one_shot_timers import OneShotTimers
from controller.loops.probing.open_failures import OpenFailures
from controller.loops.probing.prepared_monitor import PreparedMonitor
from controller.loops.probing.probe_schedule import ProbeSchedule
from controller.loops.probing.probe_timing import ProbeTimings
from controller.loops.probing.route_witnesses import RouteWitnesses
from controller.loops.probing.unasked import UnaskedProbes
from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, ReferenceKind, Verdict
from controller.planning.health.gray_failure import degraded_steps
from controller.planning.health.hysteresis import is_answering
from controller.ports import Clock, Prober

Observers = Callable[[EndpointId | ReferenceKind, Endpoint], ProbeObserver]
"""The observer of an endpoint's or reference target's results."""


class ProbeLoop:
    """The health states that this vantage point believes, kept up to date by `run`."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        prober: Prober,
        clock: Clock,
        wake: Callable[[], None],
        observers: Observers,
    ) -> None:
        """`wake` is called when a result may change a decision."""
        self._active_settings = active_settings
        self._prober = prober
        self._clock = clock
        self._wake = wake
        self._observers = observers
        self._endpoints: dict[EndpointId, EndpointMonitor] = {}
        self._known_good: dict[str, EndpointMonitor] = {}
        self._known_bad: dict[str, EndpointMonitor] = {}
        self._schedule: ProbeSchedule[EndpointMonitor] = ProbeSchedule(
            clock, EndpointMonitor.on_schedule
        )
        self.confirmations: OneShotTimers[EndpointMonitor] = OneShotTimers(
            clock, EndpointMonitor.on_confirmation_due
        )
        self.open_failures = OpenFailures()
        self._corroborators = Corroborators(clock, self._corroborating_monitors, self.open_failures)
        self._route_witnesses = RouteWitnesses(self._corroborating_monitors)
        self._address_sets = AddressSets(
            active_settings, prober, clock, self, self._route_witnesses
        )
        self.unasked = UnaskedProbes()
        self.register = MonitorRegister()
        self._changes = 0
        self.changed_at = -inf
        """When a verdict, a suspicion or a step of degradation changed last, monotonic seconds."""
        self._end: asyncio.Future[None] | None = None
        """Fails when a callback does; None unless probing runs."""
        self.apply_settings()

    def apply_settings(self) -> None:
        """Probe what the active settings name, and nothing else."""
        self.prepare(self._active_settings.settings)()

    @property
    def health(self) -> Mapping[EndpointId, HealthState]:
        """The believed health of every endpoint, as of now."""
        return {endpoint_id: monitor.state for endpoint_id, monitor in self._endpoints.items()}

    def addresses(self, endpoint_id: EndpointId) -> Mapping[str, HealthState]:
        """Address to its believed health; of a name with several addresses each that is probed."""
        monitor = self._endpoints.get(endpoint_id)
        return {} if monitor is None else monitor.address_states

    @property
    def missing_families(self) -> tuple[str, ...]:
        """Address families that names have addresses of and this host no route for."""
        return self._prober.missing_families

    @property
    def changes(self) -> int:
        """How often a verdict, a suspicion or a step of degradation changed; it only rises."""
        return self._changes

    @property
    def known_good(self) -> Mapping[str, HealthState]:
        """The believed health of every known-good reference target, as of now."""
        return {url: monitor.state for url, monitor in self._known_good.items()}

    @property
    def known_bad(self) -> Mapping[str, HealthState]:
        """The believed health of every known-bad reference target, as of now."""
        return {url: monitor.state for url, monitor in self._known_bad.items()}

    def reset(self) -> None:
        """Make every endpoint unknown: what an isolated prober saw is no evidence."""
        for monitor in self._endpoints.values():
            monitor.reset()
        self.open_failures.clear()
        self._note_change()

    def begin_anew(self) -> None:
        """Make all unknown, as after a pause of this process, and wake when all was seen again."""
        for monitor in self._all_monitors():
            monitor.begin_anew(self._prober)
        self.register.await_all()
        self.open_failures.clear()
        self._changes += 1

    def resume(self, monitor: EndpointMonitor, state: HealthState) -> None:
        """Go on from what an earlier process believed of an endpoint or reference target."""
        monitor.resume(state)
        if isinstance(monitor.key, EndpointId) and monitor.state.verdict is Verdict.DOWN:
            self.open_failures.add(monitor.key, monitor.state)
        self._changes += 1

    def health_under(self, settings: Settings) -> dict[EndpointId, HealthState]:
        """The health of every endpoint of these settings; unknown where its address is new."""
        return {
            endpoint_id: monitor.state
            if (monitor := self._monitor_of(endpoint_id, endpoint))
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
        """Prepare to probe what these settings name, and nothing else; calling the result does so.

        An endpoint whose address stays keeps its state and its phase. Nothing changes before the
        result is called, which does not raise.
        """
        timings = ProbeTimings(settings)
        endpoints = {
            i: self._prepared(self._monitor_of(i, endpoint), i, i, endpoint, timings)
            for i, endpoint in settings.endpoints()
        }
        targets = settings.reference_targets
        good = self._prepared_references(
            ReferenceKind.KNOWN_GOOD, self._known_good, targets.known_good, timings
        )
        bad = self._prepared_references(
            ReferenceKind.KNOWN_BAD, self._known_bad, targets.known_bad, timings
        )
        return partial(self._commit, settings, endpoints, good, bad)

    def _commit(
        self,
        settings: Settings,
        endpoints: Mapping[EndpointId, PreparedMonitor],
        known_good: Mapping[str, PreparedMonitor],
        known_bad: Mapping[str, PreparedMonitor],
    ) -> None:
        self.limits = settings.health
        all_prepared = (*endpoints.values(), *known_good.values(), *known_bad.values())
        kept = {id(prepared.monitor) for prepared in all_prepared}
        for monitor in self._all_monitors():
            if id(monitor) not in kept:
                monitor.close()
        for prepared in all_prepared:
            prepared.commit()
        self._endpoints = {i: prepared.monitor for i, prepared in endpoints.items()}
        self._known_good = {url: prepared.monitor for url, prepared in known_good.items()}
        self._known_bad = {url: prepared.monitor for url, prepared in known_bad.items()}
        self.register.replace(self._endpoints, self._known_good, self._known_bad)
        self._corroborators.configure(has_known_good=bool(self._known_good))
        self._schedule_monitors()

    async def run(self) -> None:
        """Probe until cancelled. Raises what a callback raised."""
        self._end = asyncio.get_running_loop().create_future()
        timers = (self._schedule, self.confirmations, self._corroborators)
        try:
            self._schedule_monitors()
            for timer in timers:
                timer.start()
            await self._end
        finally:
            self._end = None
            for timer in timers:
                timer.stop()
            for monitor in self._all_monitors():
                monitor.close()

    # -- monitors

    def _corroborating_monitors(self) -> tuple[EndpointMonitor, ...]:
        return (*self._endpoints.values(), *self._known_good.values())

    def _all_monitors(self) -> tuple[EndpointMonitor, ...]:
        return (*self._corroborating_monitors(), *self._known_bad.values())

    def _monitor_of(self, endpoint_id: EndpointId, endpoint: Endpoint) -> EndpointMonitor | None:
        """The monitor that probes the same address under this id already, if there is one."""
        monitor = self._endpoints.get(endpoint_id)
        if monitor is None:
            return None
        known = monitor.endpoint
        is_same = (known.probe, known.host) == (endpoint.probe, endpoint.host)
        return monitor if is_same else None

    def _prepared_references(
        self,
        kind: ReferenceKind,
        monitors: Mapping[str, EndpointMonitor],
        urls: Iterable[str],
        timings: ProbeTimings,
    ) -> dict[str, PreparedMonitor]:
        """The reference targets of one kind that settings name."""
        return {
            url: self._prepared(monitors.get(url), url, kind, Endpoint(probe=url), timings)
            for url in urls
        }

    def _prepared(
        self,
        kept: EndpointMonitor | None,
        key: EndpointId | str,
        observed: EndpointId | ReferenceKind,
        endpoint: Endpoint,
        timings: ProbeTimings,
    ) -> PreparedMonitor:
        timing = timings.of(endpoint)
        sets = self._address_sets if isinstance(key, EndpointId) else None
        monitor = kept or EndpointMonitor(
            self, key, endpoint, timing, self._observers(observed, endpoint), sets
        )
        is_new_target = kept is None or kept.endpoint != endpoint
        if self._end is None or not is_new_target:
            return PreparedMonitor(monitor, endpoint, timing)
        target = self._prober.target(endpoint, monitor)
        return PreparedMonitor(monitor, endpoint, timing, target)

    def _schedule_monitors(self) -> None:
        """Spread new endpoints over their interval; probe new reference targets at once."""
        if self._end is None:
            return
        now = self._clock.monotonic()
        part_s = 1.0 / max(1, len(self._endpoints))
        entries = [
            (monitor, monitor.timing.interval_s, now + index * part_s * monitor.timing.interval_s)
            for index, monitor in enumerate(self._endpoints.values())
        ]
        references = (*self._known_good.values(), *self._known_bad.values())
        entries += [(monitor, monitor.timing.interval_s, now) for monitor in references]
        for monitor, _, _ in entries:
            if monitor.target is None:
                monitor.set_target(self._prober.target(monitor.endpoint, monitor))
        self._schedule.replace(entries)

    # -- MonitorHost

    def on_result(self, monitor: EndpointMonitor, before: HealthState) -> None:
        """As the protocol promises: wake the reconciler when the result may change a decision."""
        if self.register.note(monitor):
            self._changes += 1
            self._wake()
        key, state = monitor.key, monitor.state
        if isinstance(key, EndpointId):
            is_change = state.verdict is not before.verdict
            if is_change and state.verdict is Verdict.DOWN:
                self.open_failures.add(key, state)
            is_change = self._has_degradation_changed(monitor) or is_change
        elif self._known_bad.get(key) is monitor:
            if is_answering(state, self.limits) is not is_answering(before, self.limits):
                self._note_change()
                self._wake()
            return
        else:
            is_change = state.suspect is not before.suspect
        if is_change or state.suspect is not before.suspect:
            self._note_change()
        if is_change or self._corroborators.is_awaited(key, before.last_result_at):
            self._wake()

    def _note_change(self) -> None:
        self._changes += 1
        self.changed_at = self._clock.monotonic()

    def _has_degradation_changed(self, monitor: EndpointMonitor) -> bool:
        """Whether it answers worse, or better, by a step. Called for every probe."""
        state, gray = monitor.state, self.limits.gray
        is_plain = state.addresses is None and state.bad_ratio < gray.bad_ratio
        if is_plain and not monitor.degradation:
            return False
        before = monitor.degradation
        monitor.degradation = degraded_steps(state, before, gray)
        return monitor.degradation != before

    def on_first_failure(self, monitor: EndpointMonitor) -> None:
        """As the protocol promises."""
        if isinstance(monitor.key, EndpointId):
            self._corroborators.probe_for(monitor.key)

    def settled(self, monitor: EndpointMonitor, result: ProbeResult) -> ProbeResult:
        """As the protocol promises: note what could not be run, and settle a missing route."""
        probing = self._active_settings.settings.probing
        result = self._route_witnesses.settle(monitor, result, probing)
        if result.outcome is ProbeOutcome.COULD_NOT_RUN:
            name = " at ".join(filter(None, (str(monitor.key), result.address)))
            self.unasked.add(monitor, name, result)
        else:
            self.unasked.discard(monitor)
        return result

    def on_run_again(self, monitor: EndpointMonitor) -> None:
        """As the protocol promises."""
        self.unasked.discard(monitor)

    def on_error(self, error: Exception) -> None:
        """End `run`, with this error: a prober that half works must not go on."""
        if self._end is not None and not self._end.done():
            self._end.set_exception(error)
