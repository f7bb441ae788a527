"""The addresses of one endpoint's name, each probed by a monitor of its own.

The endpoint's monitor asks its name on schedule. When the name has several addresses, this set
probes them: one in rotation, and each that is not plainly up. After a first failure all are probed
at once. What follows for the endpoint is decided by `planning.health.address_set`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from controller.loops.active_settings import ActiveSettings
from controller.loops.probing.corroboration import ROUND_GAP_S
from controller.loops.probing.endpoint_monitor import EndpointMonitor, MonitorHost
from controller.loops.probing.route_witnesses import RouteWitnesses
from controller.model.configuration import Endpoint, HealthSettings
from controller.model.health import HealthState, ProbeResult
from controller.planning.health.address_set import (
    SetLimits,
    chosen,
    combined,
    due,
    inherited,
    is_in_doubt,
)
from controller.ports import Clock, Prober, Target


class AddressSets:
    """Makes the sets of one probe loop, and holds what they share."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        prober: Prober,
        clock: Clock,
        host: MonitorHost,
        witnesses: RouteWitnesses,
    ) -> None:
        self.host = host
        self._witnesses = witnesses
        self.now = clock.monotonic
        self.target_of = prober.address_target
        self._active_settings = active_settings

    def __call__(self, owner: EndpointMonitor) -> AddressSet:
        """The set of addresses of this endpoint, without any yet."""
        return AddressSet(self, owner)

    def limits_of(self, endpoint: Endpoint, states: Mapping[str, HealthState]) -> SetLimits:
        """What the endpoint's state depends on, besides these states of its addresses."""
        settings = self._active_settings.settings
        probing = settings.probing
        rule, fresh_for_s = endpoint.addresses or probing.addresses, probing.fresh_for_s
        silent = frozenset[str]()
        if is_in_doubt(states):
            silent = self._witnesses.silent_families(self.now(), fresh_for_s)
        return SetLimits(rule, fresh_for_s, settings.health.down_after, silent)

    @property
    def fresh_for_s(self) -> float:
        """Seconds for which a result is fresh."""
        return self._active_settings.settings.probing.fresh_for_s


class AddressSet:
    """Implements MonitoredAddresses for the endpoint's monitor, and MonitorHost for the addresses'.

    `1 <= number of addresses <= MAX_ADDRESSES` once `follow` was called.
    """

    def __init__(self, shared: AddressSets, owner: EndpointMonitor) -> None:
        """`owner`: the endpoint's monitor, whose state the addresses inherit."""
        self._shared = shared
        self._host = host = shared.host
        self._owner = owner
        self._monitors: dict[str, EndpointMonitor] = {}
        self._known = 0
        """Number of addresses that the name has."""
        self._turn = 0
        self._all_probed_at = -inf
        self._before = owner.state
        """The endpoint's state as of the last change."""
        self.confirmations = host.confirmations
        self.open_failures = host.open_failures

    # -- MonitoredAddresses

    @property
    def state(self) -> HealthState:
        """The endpoint's state, as of now."""
        states = self.states
        limits = self._shared.limits_of(self._owner.endpoint, states)
        return combined(states, self._known, self._shared.now(), limits)

    @property
    def states(self) -> Mapping[str, HealthState]:
        """Address to its state, as of now."""
        return {address: monitor.state for address, monitor in self._monitors.items()}

    def follow(self, addresses: Sequence[str]) -> None:
        """Probe these addresses of the name from now on: new ones now, the others as is due."""
        base = inherited(self.state if self._monitors else self._before)
        kept = chosen(self._monitors, addresses)
        for address in self._monitors.keys() - kept:
            self._monitors.pop(address).close()
        self._known = len(addresses)
        self._probe_due()
        for address in kept:
            if address not in self._monitors:
                self._add(address, base)

    def probe_all(self) -> None:
        """Probe each address at once, or again when its probe under way is over."""
        for monitor in self._monitors.values():
            monitor.probe_now()

    def fold(self, result: ProbeResult) -> None:
        """Update every address with a result about the name."""
        for monitor in self._monitors.values():
            monitor.fold(result)

    def reset(self) -> None:
        """Make the health of every address unknown."""
        for monitor in self._monitors.values():
            monitor.reset()

    def follow_owner(self) -> None:
        """Use the timing of the endpoint's monitor."""
        for monitor in self._monitors.values():
            monitor.apply_timing(self._owner.timing)

    def retarget(self) -> None:
        """Probe what the endpoint's monitor probes now, at the same addresses."""
        for address, monitor in self._monitors.items():
            monitor.endpoint = self._owner.endpoint
            monitor.set_target(self._target(address, monitor))

    def close(self) -> None:
        """Probe no more."""
        for monitor in self._monitors.values():
            monitor.close()

    def _probe_due(self) -> None:
        timing = self._owner.timing
        at_most_s = self._shared.fresh_for_s - 2 * timing.interval_s - timing.max_timeout_s
        self._turn += 1
        for address in due(self.states, self._turn, self._shared.now(), at_most_s):
            self._monitors[address].on_schedule()

    def _add(self, address: str, state: HealthState) -> None:
        owner = self._owner
        monitor = EndpointMonitor(self, owner.key, owner.endpoint, owner.timing, owner.observe)
        monitor.inherit(state)
        self._monitors[address] = monitor
        monitor.set_target(self._target(address, monitor))
        monitor.probe_now()

    def _target(self, address: str, monitor: EndpointMonitor) -> Target:
        return self._shared.target_of(self._owner.endpoint, address, monitor)

    # -- MonitorHost, of the addresses' monitors

    @property
    def limits(self) -> HealthSettings:
        """The endpoint's."""
        return self._host.limits

    def on_result(self, monitor: EndpointMonitor, before: HealthState) -> None:
        """The endpoint's state may have changed, too."""
        known, self._before = self._before, self.state
        self._host.on_result(self._owner, known)

    def on_first_failure(self, monitor: EndpointMonitor) -> None:
        """Ask the other addresses at once, and those who corroborate the endpoint."""
        self._host.on_first_failure(self._owner)
        self._probe_others(monitor)

    def _probe_others(self, monitor: EndpointMonitor) -> None:
        """Ask the other addresses at once, unless all were asked a moment ago."""
        now = self._shared.now()
        if now < self._all_probed_at + ROUND_GAP_S:
            return
        self._all_probed_at = now
        for other in self._monitors.values():
            if other is not monitor and not other.is_busy:
                other.probe_now()

    def settled(self, monitor: EndpointMonitor, result: ProbeResult) -> ProbeResult:
        """The same as for an endpoint with one address; what one lacks the others may lack, too."""
        if not monitor.state.not_run:
            self._probe_others(monitor)
        return self._host.settled(monitor, result)

    def on_run_again(self, monitor: EndpointMonitor) -> None:
        """The same as for an endpoint with one address."""
        self._host.on_run_again(monitor)

    def on_error(self, error: Exception) -> None:
        """The same as for an endpoint with one address."""
        self._host.on_error(error)
