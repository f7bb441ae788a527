"""Composition root: the loops, introduced to each other and to their ports.

Nothing is decided here. The daemon, tests and the simulator all use `compose`. What a process
needs beside the loops (signals, sockets, the state file) is in `daemon`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from controller.adapters.sd_notify import ServiceManager
from controller.api.dependencies import ApiDependencies
from controller.api.metrics.daemon_metrics import Metrics
from controller.loops.active_settings import ActiveSettings
from controller.loops.alarms.certificates import Certificates
from controller.loops.alarms.contradiction import ContradictionAlarm
from controller.loops.alarms.overload import OverloadAlarm
from controller.loops.alarms.residency import ResidencyAlarm
from controller.loops.alarms.undecided import UndecidedAlarm
from controller.loops.alarms.void_orders import VoidAlarm
from controller.loops.cycle.cycle_log import log_cycle
from controller.loops.cycle.previews import Previews
from controller.loops.cycle.reconciliation import CycleReport, Listener, Reconciliation
from controller.loops.cycle.recording import Recording
from controller.loops.cycle.snapshot_builder import SnapshotBuilder, Sources
from controller.loops.event_stream import EventStream
from controller.loops.levers.actuation import Actuation
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.follow_up import FollowUp
from controller.loops.levers.lever_ports import lever_ports
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.endpoint_monitor import ProbeObserver
from controller.loops.probing.probe_loop import Observers, ProbeLoop
from controller.loops.process.audit_head import AuditHead
from controller.loops.process.heartbeat import Heartbeat
from controller.loops.process.state_loading import StateLoading
from controller.loops.process.supervision import Loop, Supervision
from controller.loops.reload.audit_entry import ReloadAudit
from controller.loops.reload.proposal import ReloadProposals
from controller.loops.reload.reload import Reload
from controller.loops.reload.settings_swap import Follower, SettingsSwap, plainly
from controller.loops.reports.figures import ReportedFigures
from controller.loops.reports.traffic import TrafficReports
from controller.loops.second_opinion.dns_sampling import DnsSampling
from controller.loops.second_opinion.health_checks import HealthCheckOpinions
from controller.loops.wakeup import WakeUp
from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.errors import InvalidSettingsError, Problem
from controller.model.health import ProbeResult, ReferenceKind
from controller.ports import (
    Accelerators,
    Clock,
    HealthChecks,
    NameServers,
    Prober,
    RecordSets,
    Store,
)
from controller.settings import LoadedSettings

_NOBODY = ServiceManager({})
"""A service manager that is not there."""


async def _nothing_to_load() -> LoadedSettings:
    problem = Problem("these settings did not come from a file")
    raise InvalidSettingsError("-", (problem,))


def observers(metrics: Metrics, certificates: Certificates, supervision: Supervision) -> Observers:
    """Who is told what becomes of an endpoint's probes: metrics, and of HTTPS who warns."""
    warned = supervision.guarded("certificates", certificates.probe, None)

    def of(observed: EndpointId | ReferenceKind, endpoint: Endpoint) -> ProbeObserver:
        count = metrics.probes(observed)
        if isinstance(observed, ReferenceKind) or not endpoint.probe.startswith("https:"):
            return count
        warn = partial(warned, observed)

        def count_and_warn(result: ProbeResult) -> None:
            count(result)
            warn(result)

        return count_and_warn

    return of


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside the loops: what production reaches, and what tests put in its place."""

    clock: Clock
    store: Store
    prober: Prober
    records: RecordSets
    accelerators: Accelerators
    checks: HealthChecks
    name_servers: NameServers


@dataclass(frozen=True, slots=True)
class ReloadSource:
    """Where changed settings come from, and what else takes them over.

    `load` reads the settings again and raises InvalidSettingsError. Each of `swapped` is called
    once after every reload that was taken over.
    """

    load: Callable[[], Awaitable[LoadedSettings]] = _nothing_to_load
    swapped: tuple[Callable[[LoadedSettings], None], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Controller:
    """The loops as `compose` made them: taken up, run, looked at."""

    ports: Ports
    metrics: Metrics
    started_at: datetime
    supervision: Supervision
    current: ActiveSettings
    traffic: TrafficReports
    figures: ReportedFigures
    live: EventStream
    expectations: Expectations
    overrides: Overrides
    state_loading: StateLoading
    probing: ProbeLoop
    observation: Observation
    recording: Recording
    actuation: Actuation
    follow_up: FollowUp
    check_opinions: HealthCheckOpinions
    answered: DnsSampling
    reconciliation: Reconciliation
    snapshots: SnapshotBuilder
    previews: Previews
    heartbeat: Heartbeat
    reload: Reload

    async def load(self) -> None:
        """Take up what an earlier process left; a store that hangs is waited for by `run`.

        Raises StateUnavailableError.
        """
        await self.state_loading.begin()

    async def run(self, manager: ServiceManager = _NOBODY) -> None:
        """Run every loop until cancelled. Raises an ExceptionGroup of LoopEndedError."""

        def beat() -> None:
            manager.alive()
            manager.status(self._in_a_line())

        vital: dict[str, Loop] = {
            "probing": self.probing.run,
            "overrides": self.overrides.run,
            "heartbeat": lambda: self.heartbeat.run(manager.beat_every_s, beat),
            "reconciliation": self.reconciliation.run,
        }
        advisory: dict[str, Loop] = {
            "check_opinions": self.check_opinions.run,
            "answered": self.answered.run,
            "follow_up": self.follow_up.run,
            "live": self.live.run,
            "audit_head": AuditHead(self.ports.store, self.ports.clock).run,
            "reload": lambda: self.reload.run(
                manager.reloading, lambda: manager.ready(self._in_a_line())
            ),
        }
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.state_loading.run(), name="state_loading")
                for name, loop in vital.items():
                    group.create_task(self.supervision.vital(name, loop), name=name)
                for name, loop in advisory.items():
                    group.create_task(self.supervision.advisory(name, loop), name=name)
        finally:
            await self._end()

    async def _end(self) -> None:
        """Give up what goes on behind the loops."""
        for behind in (
            self.state_loading,
            self.actuation,
            self.observation,
            self.overrides,
            self.expectations,
            self.recording,
            self.reload,
        ):
            await behind.end()

    def context(self) -> ApiDependencies:
        """What the admin API may look at and ask."""
        return ApiDependencies(
            current=self.current,
            reload=self.reload,
            clock=self.ports.clock,
            store=self.ports.store,
            probing=self.probing,
            observation=self.observation,
            reconciliation=self.reconciliation,
            previews=self.previews,
            snapshots=self.snapshots,
            overrides=self.overrides,
            traffic=self.traffic,
            figures=self.figures,
            live=self.live,
            heartbeat=self.heartbeat,
            metrics=self.metrics,
            supervision=self.supervision,
            started_at=self.started_at,
        )

    def _in_a_line(self) -> str:
        """How things stand, for `systemctl status`."""
        mode = self.current.settings.mode.value
        latest = self.reconciliation.latest
        if latest is None:
            return f"{mode}, no cycle yet"
        holds = sorted({h.reason.value for p in latest.decision.plans for h in p.held})
        return f"{mode}, cycle {latest.cycle}, holds: {', '.join(holds) or '-'}"


def compose(
    settings: Settings, ports: Ports, metrics: Metrics, source: ReloadSource | None = None
) -> Controller:
    """The loops, introduced to each other and to their ports; without a source no reload works."""
    clock, store = ports.clock, ports.store
    bell = WakeUp()
    supervision = Supervision(clock, metrics.advisory)
    guarded = supervision.guarded
    current = ActiveSettings(settings)
    traffic = TrafficReports(clock)
    figures = ReportedFigures(current, clock)
    live = EventStream(clock)
    expectations = Expectations(store)
    overrides = Overrides(
        current, store, clock, bell.ring, (guarded("live_overrides", live.override, None),)
    )
    certificates = Certificates(current, clock)
    probing = ProbeLoop(
        current, ports.prober, clock, bell.ring, observers(metrics, certificates, supervision)
    )
    levers = lever_ports(ports.records, ports.accelerators)
    observation = Observation(current, levers, clock, bell.ring)
    recording = Recording(store, clock, (guarded("live_records", live.record, None),))
    actuation = Actuation(current, observation, levers, expectations, clock, bell)
    follow_up = FollowUp(
        current,
        levers,
        recording,
        traffic,
        clock,
        metrics.propagation,
    )
    check_opinions = HealthCheckOpinions(current, ports.checks, observation, clock, bell.ring)
    answered = DnsSampling(current, ports.name_servers, observation, follow_up.is_spreading, clock)
    sources = Sources(
        probing,
        observation,
        overrides,
        expectations,
        traffic,
        figures,
        guarded("check_opinions_latest", check_opinions.latest, {}),
        guarded("answered_latest", answered.latest, {}),
    )
    snapshots = SnapshotBuilder(current, clock, sources)
    reconciliation = Reconciliation(
        current,
        clock,
        sources,
        snapshots,
        actuation,
        recording,
        bell,
        listeners=(
            guarded("metrics", metrics.cycle, None),
            guarded("live_cycles", live.cycle, None),
            guarded("follow_up_begin", partial(_follow_writes, follow_up), None),
            guarded("check_opinions_follow", check_opinions.follow, None),
            guarded("answered_follow", answered.follow, None),
            *_logs(supervision),
        ),
    )
    source = source or ReloadSource()
    followers: tuple[Follower, ...] = (
        plainly(lambda loaded: metrics.follow(loaded.settings)),
        lambda loaded: probing.prepare(loaded.settings),
        lambda loaded: expectations.prepare(current.settings, loaded.settings),
        plainly(lambda _: certificates.follow_settings()),
        plainly(lambda _: figures.follow_settings()),
        *map(plainly, source.swapped),
        plainly(lambda _: observation.forget_unused()),
    )
    return Controller(
        ports=ports,
        metrics=metrics,
        started_at=clock.wall(),
        supervision=supervision,
        current=current,
        traffic=traffic,
        figures=figures,
        live=live,
        expectations=expectations,
        overrides=overrides,
        state_loading=StateLoading(expectations, overrides, clock, bell.ring),
        probing=probing,
        observation=observation,
        recording=recording,
        actuation=actuation,
        follow_up=follow_up,
        check_opinions=check_opinions,
        answered=answered,
        reconciliation=reconciliation,
        snapshots=snapshots,
        previews=Previews(
            current,
            clock,
            probing,
            observation,
            overrides,
            figures,
            reconciliation,
            snapshots,
        ),
        heartbeat=Heartbeat(current, clock, reconciliation, metrics.event_loop_lag),
        reload=Reload(
            ReloadProposals(source.load, current, observation, snapshots),
            ReloadAudit(store, clock),
            SettingsSwap(current, followers),
            reconciliation,
            recording,
            bell.ring,
            metrics.reload,
        ),
    )


def _logs(supervision: Supervision) -> tuple[Listener, ...]:
    """What tells the log of cycles, and sounds alarms in it."""
    listeners: dict[str, Listener] = {
        "cycle_log": log_cycle,
        "residency_alarm": ResidencyAlarm().cycle,
        "contradiction_alarm": ContradictionAlarm().cycle,
        "overload_alarm": OverloadAlarm().cycle,
        "undecided_alarm": UndecidedAlarm().cycle,
        "void_alarm": VoidAlarm().cycle,
    }
    return tuple(supervision.guarded(name, tell, None) for name, tell in listeners.items())


def _follow_writes(follow_up: FollowUp, report: CycleReport) -> None:
    if report.record is not None and report.written:
        follow_up.follow(report.record)
