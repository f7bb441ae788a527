"""A monitor under settings that are prepared, but not active yet."""

from __future__ import annotations

from dataclasses import dataclass

from controller.loops.probing.endpoint_monitor import EndpointMonitor
from controller.loops.probing.probe_timing import ProbeTiming
from controller.model.configuration import Endpoint
from controller.ports import Target


@dataclass(frozen=True, slots=True)
class PreparedMonitor:
    """A monitor, and what it probes once the prepared settings are active."""

    monitor: EndpointMonitor
    endpoint: Endpoint
    timing: ProbeTiming
    target: Target | None = None
    """A new target; None: the target stays, or probing does not run yet."""

    def commit(self) -> None:
        """Use the prepared settings from now on."""
        monitor = self.monitor
        monitor.apply_timing(self.timing)
        monitor.endpoint = self.endpoint
        if self.target is not None:
            monitor.set_target(self.target)
