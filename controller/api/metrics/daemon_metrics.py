"""All metrics of the daemon, and the methods with which loops and adapters record them.

Names follow Prometheus' *Metric and label naming* page. Label values come from the configuration
and from enumerations only, so the number of series is bounded. Every series exists from the start,
so that a rate shows the first event. Counters and states begin at 0; an unknown value is NaN, never
0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from controller import __version__
from controller.api.metrics.capacity import CapacityMetrics
from controller.api.metrics.cycles import CycleMetrics
from controller.api.metrics.probes import ProbeMetrics
from controller.api.metrics.readings import ReadingsCollector
from controller.api.metrics.set_up import SetUpMetrics
from controller.api.metrics.state_file import StateFileCollector
from controller.api.metrics.steering import MeasuredShareCollector, SteeringMetrics, positions
from controller.loops.cycle.reconciliation import CycleReport
from controller.loops.levers.listings import ListingState
from controller.loops.reports.traffic import TrafficReports
from controller.model.aws_calls import AwsCall
from controller.model.configuration import EndpointId, Mode, Settings
from controller.model.health import ProbeResult, ReferenceKind
from controller.planning.levers.registry import KINDS
from controller.ports import StateReport

OPERATIONS = {
    "route53": (
        "ListResourceRecordSets",
        "ChangeResourceRecordSets",
        "GetChange",
        "GetHealthCheck",
        "GetHealthCheckStatus",
        "GetHostedZone",
    ),
    "globalaccelerator": (
        "ListListeners",
        "ListEndpointGroups",
        "UpdateEndpointGroup",
        "DescribeAccelerator",
    ),
}
"""AWS service to the operations that the adapters call."""

CALL_OUTCOMES = ("ok", "refused", "throttled", "unknown")
DROP_REASONS = ("queue_full", "unwritable", "repeated")
"""Why log lines are not written."""
_CALL_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_PROPAGATION_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)


class DaemonMetrics:
    """Every metric of the daemon, in one registry."""

    def __init__(self, registry: CollectorRegistry, settings: Settings) -> None:
        self.registry = registry
        self._probes = ProbeMetrics(registry)
        self._cycles = CycleMetrics(registry)
        self._steering = SteeringMetrics(registry)
        self._capacity = CapacityMetrics(registry)
        self._set_up = SetUpMetrics(registry)
        self._register_daemon(registry)
        self._register_configuration(registry)
        self._register_calls(registry)
        self.follow_settings(settings)

    def follow_settings(self, settings: Settings) -> None:
        """Keep exactly the series of what these settings name."""
        self._settings = settings
        self._probes.follow_settings(settings)
        self._cycles.follow_settings(settings)
        self._steering.follow_settings(settings)
        self._capacity.follow_settings(settings)
        self._set_up.follow_settings(settings)
        for mode in Mode:
            self._modes.labels(mode.value).set(mode is settings.mode)

    def reload(self, succeeded: bool) -> None:
        """Record whether a reload of the settings succeeded."""
        self._reload_successful.set(succeeded)
        if succeeded:
            self._reload_at.set_to_current_time()

    def probe_counter(self, observed: EndpointId | ReferenceKind) -> Callable[[ProbeResult], None]:
        """The function that counts probes of this endpoint, or of this kind of reference target."""
        return self._probes.counter(observed)

    def cycle(self, report: CycleReport) -> None:
        """Record one cycle's report."""
        self._cycles.cycle(report)
        self._steering.cycle(report)
        self._capacity.cycle(report)
        self._set_up.cycle(report)

    def aws_call(self, call: AwsCall) -> None:
        """Count one call of AWS and the seconds it took."""
        self._calls.labels(call.service, call.operation, call.outcome).inc()
        self._call_seconds.labels(call.service, call.operation).observe(call.seconds)

    def aws_refused(self, service: str, refused: bool) -> None:
        """Record whether AWS refuses the daemon's credentials or rights at this service."""
        self._refused.labels(service).set(refused)

    def propagation(self, lever: str, seconds: float) -> None:
        """Record the seconds from AWS's acknowledgement of a write to INSYNC or DEPLOYED."""
        self._propagation.labels(lever).observe(seconds)

    def event_loop_lag(self, seconds: float) -> None:
        """Record how many seconds later than due the event loop ran a timer."""
        self._lag.observe(seconds)

    def process_paused(self) -> None:
        """Count one pause of this process."""
        self._pauses.inc()

    def state_error(self) -> None:
        """Count one failed read or write of the state file."""
        self._state_errors.inc()

    def advisory(self, part: str, failed: bool) -> None:
        """Record that an advisory loop or listener failed, or that it works."""
        self._advisory_failing.labels(part).set(failed)
        self._advisory_failures.labels(part).inc(failed)

    def log_lines_dropped(self, reason: str, count: int) -> None:
        """Count log lines that were not written; safe to call from any thread."""
        self._log_lines_dropped.labels(reason).inc(count)

    def open_files_missing(self, count: int) -> None:
        """Record how many more open files the settings need than the process may have."""
        self._open_files_missing.set(count)

    def add_measured_shares(self, traffic: TrafficReports) -> None:
        """Add the metric of measured shares, computed from these reports at every scrape."""
        collector = MeasuredShareCollector(traffic, lambda: positions(self._settings))
        self.registry.register(collector)

    def add_readings(self, states: Callable[[], Mapping[str, ListingState]]) -> None:
        """Add the metrics of what readings of AWS took, computed from these at every scrape."""
        self.registry.register(ReadingsCollector(states))

    def add_state_file(self, store: StateReport, now: Callable[[], datetime]) -> None:
        """Add the metric of rows that cannot be read, computed at every scrape."""
        self.registry.register(StateFileCollector(store, now))

    def _register_daemon(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        build = Info("gtc_build", "The program that runs; always 1", registry=registry)
        build.info({"version": __version__})
        self._modes = Gauge(
            "gtc_mode", "1 for the mode the daemon runs in", ("mode",), registry=registry
        )
        self._lag = Histogram(
            "gtc_event_loop_lag_seconds",
            "How much later than asked for the event loop woke somebody",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._pauses = Counter(
            "gtc_process_pauses_total",
            "Times this process stood still for so long that what it had seen was forgotten",
            registry=registry,
        )
        self._advisory_failures = Counter(
            "gtc_advisory_failures_total",
            "Failures of advisory loops, which are then started anew, and of listeners",
            ("part",),
            registry=registry,
        )
        self._advisory_failing = Gauge(
            "gtc_advisory_failing",
            "1 while an advisory loop or listener has failed and is not known to be well again",
            ("part",),
            registry=registry,
        )
        self._state_errors = Counter(
            "gtc_state_errors_total",
            "Reads and writes of the state file that failed, such as on a full disk",
            registry=registry,
        )

        self._open_files_missing = Gauge(
            "gtc_open_files_missing",
            "Open files that the settings need beyond the limit of the process; the log says more",
            registry=registry,
        )
        self._log_lines_dropped = Counter(
            "gtc_log_lines_dropped_total",
            "Log lines that were not written: nobody read in time, or there were too many alike",
            ("reason",),
            registry=registry,
        )
        for reason in DROP_REASONS:
            self._log_lines_dropped.labels(reason)

    def _register_configuration(self, registry: CollectorRegistry) -> None:
        self._reload_successful = Gauge(
            "gtc_config_last_reload_successful",
            "1 when the settings were taken over the last time they were read, else 0",
            registry=registry,
        )
        self._reload_at = Gauge(
            "gtc_config_last_reload_success_timestamp_seconds",
            "When settings were last taken over, at the start or by a reload",
            registry=registry,
        )
        self.reload(succeeded=True)

    def _register_calls(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "gtc_aws_requests_total",
            "Calls of AWS by what became of them; unknown means no answer",
            ("service", "operation", "outcome"),
            registry=registry,
        )
        self._call_seconds = Histogram(
            "gtc_aws_request_duration_seconds",
            "How long calls of AWS took, without waiting for the budget",
            ("service", "operation"),
            buckets=_CALL_BUCKETS,
            registry=registry,
        )
        self._refused = Gauge(
            "gtc_aws_refused",
            "1 while AWS refuses the daemon's credentials or rights, or there are none",
            ("service",),
            registry=registry,
        )
        self._propagation = Histogram(
            "gtc_propagation_seconds",
            "From AWS's acknowledgement of a write to INSYNC or DEPLOYED",
            ("lever",),
            buckets=_PROPAGATION_BUCKETS,
            registry=registry,
        )
        for service, operations in OPERATIONS.items():
            self._refused.labels(service)
            for operation in operations:
                self._call_seconds.labels(service, operation)
                for outcome in CALL_OUTCOMES:
                    self._calls.labels(service, operation, outcome)
        for lever in KINDS:
            self._propagation.labels(lever)
