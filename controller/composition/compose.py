"""Makes the loops and connects them to each other and to their ports, each after what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition.controller import Controller
from controller.composition.outside import Ports, ReloadSource
from controller.composition.probe_observers import observers
from controller.loops.active_settings import ActiveSettings
from controller.loops.alarms.certificates import Certificates
from controller.loops.alarms.contradiction import ContradictionAlarm
from controller.loops.alarms.misconfigured import MisconfiguredAlarm
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
from controller.loops.levers.carried_weights import WeightMemory
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.follow_up import FollowUp
from controller.loops.levers.lever_ports import lever_ports, spread_checks
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.process.clock_steps import ClockSteps
from controller.loops.process.heartbeat import Heartbeat
from controller.loops.process.kept_parts import (
    BelievedHealth,
    KeptFigures,
    PlannerMemory,
    ResolvedNames,
)
from controller.loops.process.pauses import ProcessPauses
from controller.loops.process.restart_memory import RestartMemory
from controller.loops.process.state_loading import StateLoading
from controller.loops.process.supervision import Supervision
from controller.loops.reload.audit_entry import ReloadAudit
from controller.loops.reload.proposal import ReloadProposals
from controller.loops.reload.reload import Reload
from controller.loops.reload.settings_swap import Participant, SettingsSwap, without_prepare
from controller.loops.reports.figures import ReportedFigures
from controller.loops.reports.traffic import TrafficReports
from controller.loops.second_opinion.dns_sampling import DnsSampling
from controller.loops.second_opinion.health_checks import HealthCheckOpinions
from controller.loops.steering_first import SteeringFirst
from controller.loops.wakeup import WakeUp
from controller.model.configuration import Settings
from controller.ports import Clock


def compose(
    settings: Settings, ports: Ports, metrics: DaemonMetrics, source: ReloadSource | None = None
) -> Controller:
    """The loops of one set of ports; without a source no reload works."""
    shared = _shared(settings, ports, metrics)
    inputs = _inputs(shared)
    levers = _levers(shared, inputs)
    opinions = _second_opinions(shared, levers)
    cycle = _cycle(shared, inputs, levers, opinions)
    _begin_anew_after_pauses(shared, inputs, levers, opinions)
    restart_memory = _restart_memory(shared, inputs, cycle)
    reload = _reload(shared, inputs, levers, cycle, source or ReloadSource())
    return Controller(
        ports=ports,
        metrics=metrics,
        started_at=shared.clock.wall(),
        supervision=shared.supervision,
        active_settings=shared.active_settings,
        traffic=inputs.traffic,
        figures=inputs.figures,
        event_stream=shared.event_stream,
        expectations=inputs.expectations,
        weights=inputs.weights,
        overrides=inputs.overrides,
        state_loading=StateLoading(
            (inputs.expectations, inputs.overrides, inputs.weights, restart_memory),
            shared.clock,
            shared.wake,
        ),
        restart_memory=restart_memory,
        probing=inputs.probing,
        steering_first=inputs.steering_first,
        observation=levers.observation,
        recording=levers.recording,
        actuation=levers.actuation,
        follow_up=levers.follow_up,
        health_check_opinions=opinions.health_checks,
        dns_sampling=opinions.dns_sampling,
        reconciliation=cycle.reconciliation,
        snapshots=cycle.snapshots,
        previews=cycle.previews,
        heartbeat=_heartbeat(shared, cycle),
        clock_steps=ClockSteps(shared.clock),
        reload=reload,
    )


@dataclass(frozen=True, slots=True)
class _Shared:
    """What most loops need."""

    ports: Ports
    metrics: DaemonMetrics
    active_settings: ActiveSettings
    wakeup: WakeUp
    """Wakes the reconciler."""
    supervision: Supervision
    event_stream: EventStream
    certificates: Certificates
    pauses: ProcessPauses

    @property
    def clock(self) -> Clock:
        """Every loop's clock."""
        return self.ports.clock

    @property
    def wake(self) -> Callable[[], None]:
        """Wakes the reconciler."""
        return self.wakeup.notify


def _shared(settings: Settings, ports: Ports, metrics: DaemonMetrics) -> _Shared:
    active_settings = ActiveSettings(settings)
    return _Shared(
        ports,
        metrics,
        active_settings,
        WakeUp(),
        Supervision(ports.clock, metrics.advisory),
        EventStream(ports.clock),
        Certificates(active_settings, ports.clock),
        ProcessPauses(active_settings, ports.clock),
    )


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What decisions rest on, besides AWS: probes, orders, reports, what was written before."""

    probing: ProbeLoop
    overrides: Overrides
    expectations: Expectations
    weights: WeightMemory
    traffic: TrafficReports
    figures: ReportedFigures
    steering_first: SteeringFirst
    """What can wait for probes."""


def _inputs(shared: _Shared) -> _Inputs:
    active_settings, clock, store = shared.active_settings, shared.clock, shared.ports.store
    supervision, event_stream = shared.supervision, shared.event_stream
    on_override = supervision.guarded("live_overrides", event_stream.on_override, None)
    probing = ProbeLoop(
        active_settings,
        shared.ports.prober,
        clock,
        shared.wake,
        observers(shared.metrics, shared.certificates, supervision),
    )
    return _Inputs(
        probing,
        Overrides(active_settings, store, clock, shared.wake, (on_override,)),
        Expectations(store),
        WeightMemory(store),
        TrafficReports(clock),
        ReportedFigures(active_settings, clock),
        SteeringFirst(clock, lambda: probing.changed_at),
    )


@dataclass(frozen=True, slots=True)
class _Levers:
    """What reads and writes AWS, and records what was written."""

    observation: Observation
    actuation: Actuation
    recording: Recording
    follow_up: FollowUp


def _levers(shared: _Shared, inputs: _Inputs) -> _Levers:
    active_settings, clock = shared.active_settings, shared.clock
    ports = lever_ports(shared.ports.records, shared.ports.accelerators)
    observation = Observation(active_settings, ports, clock, shared.wake, inputs.weights)
    on_record = shared.supervision.guarded("live_records", shared.event_stream.on_record, None)
    recording = Recording(shared.ports.store, clock, (on_record,))
    spread = spread_checks(shared.ports.records, shared.ports.accelerators)
    return _Levers(
        observation,
        Actuation(
            active_settings,
            observation,
            ports,
            inputs.expectations,
            clock,
            shared.wakeup,
            shared.pauses,
        ),
        recording,
        FollowUp(
            active_settings, spread, recording, inputs.traffic, clock, shared.metrics.propagation
        ),
    )


@dataclass(frozen=True, slots=True)
class _SecondOpinions:
    """Sources of regions' health besides our own probes."""

    health_checks: HealthCheckOpinions
    dns_sampling: DnsSampling


def _second_opinions(shared: _Shared, levers: _Levers) -> _SecondOpinions:
    active_settings, ports, observation = shared.active_settings, shared.ports, levers.observation
    is_spreading = levers.follow_up.is_spreading
    return _SecondOpinions(
        HealthCheckOpinions(active_settings, ports.checks, observation, ports.clock, shared.wake),
        DnsSampling(active_settings, ports.name_servers, observation, is_spreading, ports.clock),
    )


def _begin_anew_after_pauses(
    shared: _Shared, inputs: _Inputs, levers: _Levers, opinions: _SecondOpinions
) -> None:
    """What was seen before a pause of this process is no evidence after it."""
    shared.pauses.call(
        inputs.probing.begin_anew,
        levers.observation.begin_anew,
        inputs.traffic.begin_anew,
        opinions.health_checks.begin_anew,
        opinions.dns_sampling.begin_anew,
        shared.metrics.process_paused,
        shared.wake,
    )


@dataclass(frozen=True, slots=True)
class _Cycle:
    """What decides: snapshots, cycles, and previews of cycles."""

    snapshots: SnapshotBuilder
    reconciliation: Reconciliation
    previews: Previews


def _cycle(shared: _Shared, inputs: _Inputs, levers: _Levers, opinions: _SecondOpinions) -> _Cycle:
    active_settings, clock, guarded = (
        shared.active_settings,
        shared.clock,
        shared.supervision.guarded,
    )
    sources = Sources(
        inputs.probing,
        levers.observation,
        inputs.overrides,
        inputs.expectations,
        inputs.weights,
        inputs.traffic,
        inputs.figures,
        shared.pauses,
        guarded("check_opinions_latest", opinions.health_checks.latest, {}),
        guarded("answered_latest", opinions.dns_sampling.latest, {}),
    )
    snapshots = SnapshotBuilder(active_settings, clock, sources)
    reconciliation = Reconciliation(
        active_settings,
        clock,
        snapshots,
        levers.actuation,
        levers.recording,
        shared.wakeup,
        _listeners(shared, levers, opinions),
    )
    first = inputs.steering_first
    previews = Previews(active_settings, clock, snapshots, inputs.figures, reconciliation, first)
    return _Cycle(snapshots, reconciliation, previews)


def _listeners(shared: _Shared, levers: _Levers, opinions: _SecondOpinions) -> tuple[Listener, ...]:
    """Called with the report of every cycle, in this order; each fails alone."""
    listeners: dict[str, Listener] = {
        "metrics": shared.metrics.cycle,
        "live_cycles": shared.event_stream.on_cycle,
        "follow_up_begin": partial(_follow_writes, levers.follow_up),
        "check_opinions_follow": opinions.health_checks.on_cycle,
        "answered_follow": opinions.dns_sampling.on_cycle,
        "cycle_log": log_cycle,
        "residency_alarm": ResidencyAlarm().on_cycle,
        "misconfigured_alarm": MisconfiguredAlarm().on_cycle,
        "contradiction_alarm": ContradictionAlarm().on_cycle,
        "overload_alarm": OverloadAlarm().on_cycle,
        "undecided_alarm": UndecidedAlarm().on_cycle,
        "void_alarm": VoidAlarm().on_cycle,
    }
    guarded = shared.supervision.guarded
    return tuple(guarded(name, listener, None) for name, listener in listeners.items())


def _follow_writes(follow_up: FollowUp, report: CycleReport) -> None:
    if report.record is not None and report.written:
        follow_up.follow(report.record)


def _reload(
    shared: _Shared, inputs: _Inputs, levers: _Levers, cycle: _Cycle, source: ReloadSource
) -> Reload:
    active_settings, observation = shared.active_settings, levers.observation
    participants: tuple[Participant, ...] = (
        without_prepare(lambda loaded: shared.metrics.follow_settings(loaded.settings)),
        lambda loaded: inputs.probing.prepare(loaded.settings),
        lambda loaded: inputs.expectations.prepare(active_settings.settings, loaded.settings),
        without_prepare(lambda _: shared.certificates.apply_settings()),
        without_prepare(lambda _: inputs.figures.apply_settings()),
        *map(without_prepare, source.swapped),
        without_prepare(lambda _: observation.forget_unused()),
        without_prepare(lambda _: levers.actuation.forget_refusals()),
    )
    return Reload(
        ReloadProposals(source.load, active_settings, observation, cycle.snapshots),
        ReloadAudit(shared.ports.store, shared.clock),
        SettingsSwap(active_settings, participants),
        cycle.reconciliation,
        levers.recording,
        shared.wake,
        shared.metrics.reload,
    )


def _restart_memory(shared: _Shared, inputs: _Inputs, cycle: _Cycle) -> RestartMemory:
    active_settings, ports, changed = shared.active_settings, shared.ports, WakeUp()
    cycle.snapshots.follow_memory(changed.notify)
    parts = (
        PlannerMemory(active_settings, cycle.snapshots),
        BelievedHealth(active_settings, inputs.probing),
        KeptFigures(inputs.figures),
        ResolvedNames(active_settings, ports.prober),
    )
    return RestartMemory(
        active_settings, ports.store, ports.clock, changed, parts, cycle.snapshots.memory_was_read
    )


def _heartbeat(shared: _Shared, cycle: _Cycle) -> Heartbeat:
    lag = shared.metrics.event_loop_lag
    return Heartbeat(shared.active_settings, shared.clock, cycle.reconciliation, shared.pauses, lag)
