"""One probed endpoint or reference target: its scheduled probes, confirmations, believed health.

Nothing waits here: every method is called when something happened, and returns at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from controller.loops.probing.monitored_addresses import MonitoredAddresses
from controller.loops.probing.one_shot_timers import OneShotTimers
from controller.loops.probing.open_failures import OpenFailures
from controller.loops.probing.probe_timing import ProbeTiming
from controller.model.configuration import Endpoint, EndpointId, HealthSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.address_set import inherited
from controller.planning.health.hysteresis import advance
from controller.planning.health.steady_state import SteadyState
from controller.ports import Target

_FAILED, _NOT_RUN = ProbeOutcome.FAILED, ProbeOutcome.COULD_NOT_RUN
ProbeObserver = Callable[[ProbeResult], None]
"""Called with every result of one endpoint or reference target."""


AddressSetFactory = Callable[["EndpointMonitor"], MonitoredAddresses]
"""Makes the set of addresses of a monitor whose name has several."""


class MonitorHost(Protocol):
    """What monitors share, and whom they call with what they found."""

    confirmations: OneShotTimers[EndpointMonitor]
    open_failures: OpenFailures

    @property
    def limits(self) -> HealthSettings:
        """How many results change a verdict."""
        ...

    def settled(self, monitor: EndpointMonitor, result: ProbeResult) -> ProbeResult:
        """The result of a probe that could not be run, as a failure if it is the endpoint's."""
        ...

    def on_run_again(self, monitor: EndpointMonitor) -> None:
        """Probes that could not be run can be again, or are made no more."""
        ...

    def on_result(self, monitor: EndpointMonitor, before: HealthState) -> None:
        """A result changed a monitor's state by more than another answer as usual does."""
        ...

    def on_first_failure(self, monitor: EndpointMonitor) -> None:
        """An endpoint failed that was not down: its corroborators must be probed."""
        ...

    def on_error(self, error: Exception) -> None:
        """A callback of a monitor raised; its caller would lose the error."""
        ...


class EndpointMonitor:
    """Implements ProbeListener. Slots, because there are many.

    `confirmations left > 0` only after a first failure; at most one probe is under way.
    """

    __slots__ = (
        "_address_sets",
        "_addresses",
        "_confirm_at",
        "_confirmations",
        "_host",
        "_is_another_wanted",
        "_is_probing",
        "_state",
        "_steady",
        "_was_disconnected",
        "degradation",
        "endpoint",
        "key",
        "observe",
        "target",
        "timing",
    )

    def __init__(
        self,
        host: MonitorHost,
        key: EndpointId | str,
        endpoint: Endpoint,
        timing: ProbeTiming,
        observe: ProbeObserver,
        address_sets: AddressSetFactory | None = None,
    ) -> None:
        """`key`: an endpoint's id, or a reference target's address.

        `address_sets` None: a name with several addresses is asked as a whole.
        """
        self._host = host
        self._address_sets = address_sets
        self._addresses: MonitoredAddresses | None = None
        """The addresses of the endpoint's name while it has several; None: its own target is
        probed."""
        self.observe = observe
        self.key = key
        self.endpoint = endpoint
        self.timing = timing
        self._state = HealthState()
        self._steady: SteadyState | None = None
        """What holds instead of `_state` while the endpoint answers as usual."""
        self.degradation = 0
        """How many steps it is degraded, as far as this vantage point can see."""
        self.target: Target | None = None
        """What is probed; None before probing runs and after this monitor was closed."""
        self._is_probing = False
        self._is_another_wanted = False
        """Whether to probe once more, out of schedule, when the probe under way is over."""
        self._was_disconnected = False
        """Whether the end of its connection led to a probe since the last scheduled one."""
        self._confirmations = 0
        """How many more probes may follow a first failure."""
        self._confirm_at = 0.0

    @property
    def state(self) -> HealthState:
        """What is believed of its health, as of now."""
        if self._addresses is not None:
            return self._addresses.state
        return self._state if self._steady is None else self._steady.state()

    @property
    def address_states(self) -> Mapping[str, HealthState]:
        """Address to its state, as of now; of an endpoint with one address its own."""
        if self._addresses is not None:
            return self._addresses.states
        state = self.state
        return {state.address: state}

    @property
    def is_busy(self) -> bool:
        """Whether a probe or confirmations of a failure are under way."""
        return self._is_probing or self._confirmations > 0

    def inherit(self, state: HealthState) -> None:
        """Begin with this state."""
        self._state, self._steady = state, None

    def reset(self) -> None:
        """Make its health unknown."""
        self._state, self._steady = HealthState(), None
        if self._addresses is not None:
            self._addresses.reset()

    def apply_timing(self, timing: ProbeTiming) -> None:
        """Use other settings, whose health limits may differ, too."""
        self.timing = timing
        if self._addresses is not None:
            self._addresses.follow_owner()
        else:
            self._state, self._steady = self.state, None

    def on_schedule(self) -> None:
        """Probe, as is due now; skipped while a probe or its confirmations are under way."""
        self._was_disconnected = False
        target = self.target
        if target is None or self._is_probing or self._confirmations:
            return
        # `_probe`, written out: one call less for every probe.
        self._is_probing, self._is_another_wanted, timing = True, False, self.timing
        try:
            target.start_probe(timing.min_timeout_s, timing.max_timeout_s)
        except Exception as error:
            self._host.on_error(error)

    def probe_now(self) -> None:
        """Probe at once, or again when the probe under way is over: its answer says too little
        about the time after this call."""
        if self._addresses is not None:
            self._addresses.probe_all()
        elif self.target is None or self.is_busy:
            self._is_another_wanted = True
        else:
            self._probe(self.target)

    def on_confirmation_due(self, due: float, now: float) -> None:
        """Probe again: the gap after a failure is over."""
        if self._confirmations and due == self._confirm_at and self.target is not None:
            self._probe(self.target)

    def set_target(self, target: Target) -> None:
        """Probe this target from now on; a probe under way is begun again with it."""
        self.close()
        self.target = target
        if self._is_probing:
            self._probe(target)
        if self._addresses is not None:
            self._addresses.retarget()

    def close(self) -> None:
        """Probe no more."""
        if self.target is not None:
            self.target.close()
            self.target = None
        if self._addresses is not None:
            self._addresses.close()
        if self._state.not_run:
            self._host.on_run_again(self)

    def _probe(self, target: Target) -> None:
        self._is_probing, self._is_another_wanted = True, False
        timing = self.timing
        try:
            target.start_probe(timing.min_timeout_s, timing.max_timeout_s)
        except Exception as error:
            self._host.on_error(error)

    # -- ProbeListener

    def on_result(self, result: ProbeResult) -> None:
        """As the port promises."""
        try:
            self._is_probing = False
            steady = self._steady
            if (
                steady is not None
                and steady.last_result_at >= self._host.open_failures.latest
                and steady.try_fold(result)
            ):
                self.observe(result)
            else:
                if result.outcome is _NOT_RUN:
                    result = self._host.settled(self, result)
                self.fold(result)
                if self._confirmations or result.outcome is _FAILED:
                    self._confirm_failure(result)
            if self._is_another_wanted and not self.is_busy:
                self.probe_now()
        except Exception as error:
            self._host.on_error(error)

    def on_late_result(self, result: ProbeResult) -> None:
        """As the port promises; a late answer ends the confirmations, for the endpoint answers."""
        try:
            self._confirmations = 0
            if self._addresses is None:
                self.fold(result)
            if self._is_another_wanted and not self.is_busy:
                self.probe_now()
        except Exception as error:
            self._host.on_error(error)

    def on_addresses(self, addresses: tuple[str, ...]) -> bool:
        """As the port promises: an endpoint's addresses are probed one by one."""
        if self._address_sets is None:
            return False
        try:
            self._is_probing = self._is_another_wanted = False
            self._confirmations = 0
            self._host.on_run_again(self)
            if self._addresses is None:
                self._addresses = self._address_sets(self)
            self._addresses.follow(addresses)
        except Exception as error:
            self._host.on_error(error)
        return True

    def on_disconnect(self) -> None:
        """Probe at once when the endpoint ends its connection, once in an interval at most: some
        servers end it after every answer."""
        if not self._was_disconnected:
            self._was_disconnected = True
            self.probe_now()

    def fold(self, result: ProbeResult) -> None:
        """Update the state with one result (hysteresis)."""
        if self._addresses is not None:
            if not result.address:  # the name has none now, or was not resolved in time
                self.observe(result)
                self._addresses.fold(result)
                return
            self._keep_one_address(self._addresses)
        before, host = self.state, self._host
        self._state, self._steady = advance(before, result, host.limits), None
        self.observe(result)
        if before.not_run and not self._state.not_run:
            host.on_run_again(self)
        host.on_result(self, before)
        if not self.degradation:
            self._steady = SteadyState.of(self._state, host.limits.gray)

    def _keep_one_address(self, addresses: MonitoredAddresses) -> None:
        """The name has one address again, which inherits what is believed of the endpoint."""
        self._state, self._steady = inherited(addresses.state), None
        addresses.close()
        self._addresses = None

    def _confirm_failure(self, result: ProbeResult) -> None:
        """After an endpoint's first failure, probe with short gaps until it answers or is down.

        Reference targets are not confirmed: they wait for their schedule.
        """
        is_down = self.state.verdict is Verdict.DOWN
        allowed = self._host.limits.down_after
        if self._confirmations:
            self._confirmations -= 1
            if is_down or result.outcome is ProbeOutcome.PASSED:
                self._confirmations = 0
        elif not is_down and isinstance(self.key, EndpointId):
            self._host.on_first_failure(self)
            self._confirmations = allowed
        if self._confirmations:
            gaps = self.timing.gaps_s
            gap_s = gaps[min(allowed - self._confirmations, len(gaps) - 1)]
            self._confirm_at = result.at + gap_s
            self._host.confirmations.add(self._confirm_at, self)
