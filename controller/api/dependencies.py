"""What the routes read and call, as one value that the composition root makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.previews import Previews
from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.loops.event_stream import EventStream
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.process.clock_steps import ClockSteps
from controller.loops.process.heartbeat import Heartbeat
from controller.loops.process.supervision import Supervision
from controller.loops.reload.reload import Reload
from controller.loops.reports.figures import ReportedFigures
from controller.loops.reports.traffic import TrafficReports
from controller.loops.steering_first import SteeringFirst
from controller.model.aws_calls import AwsDenial
from controller.model.configuration import Settings
from controller.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """The loops and ports behind the API; handlers find it in `request.app[DEPENDENCIES]`."""

    active_settings: ActiveSettings
    reload: Reload
    clock: Clock
    store: Store
    probing: ProbeLoop
    steering_first: SteeringFirst
    observation: Observation
    reconciliation: Reconciliation
    previews: Previews
    snapshots: SnapshotBuilder
    overrides: Overrides
    traffic: TrafficReports
    figures: ReportedFigures
    event_stream: EventStream
    heartbeat: Heartbeat
    clock_steps: ClockSteps
    metrics: DaemonMetrics
    supervision: Supervision
    started_at: datetime
    """Wall-clock time at which the process started."""
    aws_denials: Callable[[], tuple[AwsDenial, ...]] = tuple
    """Which operations AWS denies the daemon now."""

    @property
    def settings(self) -> Settings:
        """The active settings; a reload replaces them, so callers must not keep them."""
        return self.active_settings.settings

    @property
    def settings_hash(self) -> str:
        """Short hash of the active settings."""
        return self.active_settings.hash


DEPENDENCIES = web.AppKey("dependencies", ApiDependencies)
"""Key of the application's ApiDependencies."""
