"""What the routes may look at and ask. The daemon builds it once; nothing here changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from controller.api.metrics.daemon_metrics import Metrics
from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.previews import Previews
from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.loops.event_stream import EventStream
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.process.heartbeat import Heartbeat
from controller.loops.process.supervision import Supervision
from controller.loops.reload.reload import Reload
from controller.loops.reports.figures import ReportedFigures
from controller.loops.reports.traffic import TrafficReports
from controller.model.configuration import Settings
from controller.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """The loops behind the API, and what they share."""

    current: ActiveSettings
    reload: Reload
    clock: Clock
    store: Store
    probing: ProbeLoop
    observation: Observation
    reconciliation: Reconciliation
    previews: Previews
    snapshots: SnapshotBuilder
    overrides: Overrides
    traffic: TrafficReports
    figures: ReportedFigures
    live: EventStream
    heartbeat: Heartbeat
    metrics: Metrics
    supervision: Supervision
    started_at: datetime
    """Wall-clock time at which the process began to work."""

    @property
    def settings(self) -> Settings:
        """Those in force now; a reload replaces them."""
        return self.current.settings

    @property
    def settings_hash(self) -> str:
        """A short name for exactly these settings."""
        return self.current.hash


CONTEXT = web.AppKey("context", ApiDependencies)
"""Where a handler finds it: `request.app[CONTEXT]`."""
