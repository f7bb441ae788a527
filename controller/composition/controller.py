"""The loops as one object: loaded, run, ended, and given to the admin API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from controller.adapters.sd_notify import ServiceManager
from controller.api.dependencies import ApiDependencies
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition.outside import Ports
from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.previews import Previews
from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.cycle.recording import Recording
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.loops.event_stream import EventStream
from controller.loops.levers.actuation import Actuation
from controller.loops.levers.carried_weights import WeightMemory
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.follow_up import FollowUp
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.process.audit_head import AuditHead
from controller.loops.process.clock_steps import ClockSteps
from controller.loops.process.heartbeat import Heartbeat
from controller.loops.process.restart_memory import RestartMemory
from controller.loops.process.state_loading import StateLoading
from controller.loops.process.supervision import Loop, Supervision
from controller.loops.reload.reload import Reload
from controller.loops.reports.figures import ReportedFigures
from controller.loops.reports.traffic import TrafficReports
from controller.loops.second_opinion.dns_sampling import DnsSampling
from controller.loops.second_opinion.health_checks import HealthCheckOpinions
from controller.loops.steering_first import SteeringFirst

_NO_SERVICE_MANAGER = ServiceManager({})


@dataclass(frozen=True, kw_only=True)
class Controller:
    """The loops that `compose` made. Call `load` once, then `run`."""

    ports: Ports
    metrics: DaemonMetrics
    started_at: datetime
    supervision: Supervision
    active_settings: ActiveSettings
    traffic: TrafficReports
    figures: ReportedFigures
    event_stream: EventStream
    expectations: Expectations
    weights: WeightMemory
    overrides: Overrides
    state_loading: StateLoading
    restart_memory: RestartMemory
    probing: ProbeLoop
    steering_first: SteeringFirst
    observation: Observation
    recording: Recording
    actuation: Actuation
    follow_up: FollowUp
    health_check_opinions: HealthCheckOpinions
    dns_sampling: DnsSampling
    reconciliation: Reconciliation
    snapshots: SnapshotBuilder
    previews: Previews
    heartbeat: Heartbeat
    clock_steps: ClockSteps
    reload: Reload

    async def load(self) -> None:
        """Read the state that an earlier process stored; `run` waits for a store that hangs.

        Raises StateUnavailableError.
        """
        await self.state_loading.begin()

    async def run(self, manager: ServiceManager = _NO_SERVICE_MANAGER) -> None:
        """Run every loop until cancelled. Raises an ExceptionGroup of LoopEndedError."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.state_loading.run(), name="state_loading")
                for name, loop in self._vital(manager).items():
                    group.create_task(self.supervision.vital(name, loop), name=name)
                for name, loop in self._advisory(manager).items():
                    group.create_task(self.supervision.advisory(name, loop), name=name)
        finally:
            await self._end()

    def _vital(self, manager: ServiceManager) -> dict[str, Loop]:
        def beat() -> None:
            manager.alive()
            manager.status(self._status_line())

        return {
            "probing": self.probing.run,
            "overrides": self.overrides.run,
            "heartbeat": lambda: self.heartbeat.run(manager.heartbeat_interval_s, beat),
            "reconciliation": self.reconciliation.run,
        }

    def _advisory(self, manager: ServiceManager) -> dict[str, Loop]:
        def reloaded() -> None:
            manager.ready(self._status_line())

        return {
            "check_opinions": self.health_check_opinions.run,
            "answered": self.dns_sampling.run,
            "follow_up": self.follow_up.run,
            "restart_memory": self.restart_memory.run,
            "live": self.event_stream.run,
            "clock_steps": self.clock_steps.run,
            "audit_head": AuditHead(self.ports.store, self.ports.clock).run,
            "reload": lambda: self.reload.run(manager.reloading, reloaded),
        }

    async def _end(self) -> None:
        """Cancel what the loops left running in the background."""
        for part in (
            self.state_loading,
            self.restart_memory,
            self.actuation,
            self.observation,
            self.overrides,
            self.expectations,
            self.weights,
            self.recording,
            self.reload,
        ):
            await part.end()

    def api_dependencies(self) -> ApiDependencies:
        """What the admin API reads and calls."""
        return ApiDependencies(
            active_settings=self.active_settings,
            reload=self.reload,
            clock=self.ports.clock,
            store=self.ports.store,
            probing=self.probing,
            steering_first=self.steering_first,
            observation=self.observation,
            reconciliation=self.reconciliation,
            previews=self.previews,
            snapshots=self.snapshots,
            overrides=self.overrides,
            traffic=self.traffic,
            figures=self.figures,
            event_stream=self.event_stream,
            heartbeat=self.heartbeat,
            clock_steps=self.clock_steps,
            metrics=self.metrics,
            supervision=self.supervision,
            started_at=self.started_at,
            aws_denials=self.ports.aws_denials,
        )

    def _status_line(self) -> str:
        """The line that `systemctl status` shows: mode, cycle, holds."""
        mode = self.active_settings.settings.mode.value
        latest = self.reconciliation.latest
        if latest is None:
            return f"{mode}, no cycle yet"
        holds = sorted({h.reason.value for p in latest.decision.plans for h in p.held})
        return f"{mode}, cycle {latest.cycle}, holds: {', '.join(holds) or '-'}"
