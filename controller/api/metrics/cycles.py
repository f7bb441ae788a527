"""Metrics of cycles: their number and duration, writes, holds, overrides, panic and drift."""

from __future__ import annotations

from collections import Counter as Tally
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from controller.api.metrics.series import MetricSeries
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.configuration import Settings
from controller.model.decision import Decision, Hold
from controller.model.levers import OutcomeStatus
from controller.model.overrides import OverrideKind
from controller.planning.levers.registry import KINDS

_CYCLE_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class CycleMetrics:
    """Counts cycles, decisions, writes and holds, and shows the state after the last cycle."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._pools: list[tuple[str, str]] = []
        self._held: frozenset[tuple[str, str, str | None, Hold]] = frozenset()
        self._register_cycles(registry)
        self._register_holds(registry)
        self._register_overrides(registry)
        self._register_states(registry)

    def follow_settings(self, settings: Settings) -> None:
        """Keep exactly the series of the services and pools of these settings."""
        self._pools = [(name, pool) for name, s in settings.services.items() for pool in s.pools]
        self._panic_series.keep((service,) for service in settings.services)
        self._undecided_series.keep((service,) for service in settings.services)
        self._drift_series.keep(self._pools)

    def cycle(self, report: CycleReport) -> None:
        """Count one cycle and set the states by its report."""
        self._cycles.inc()
        self._seconds.observe(report.took_s)
        self._last_success.set_to_current_time()
        if report.record is not None:
            self._decisions.inc()
        for written in report.written:
            self._writes.labels(written.lever, written.outcome.status.value).inc()
        self._backoff.set(report.backoff_s)
        self._set_holds(report.decision)
        self._set_overrides(report)
        self._set_states(report.decision)

    def _register_cycles(self, registry: CollectorRegistry) -> None:
        self._cycles = Counter("gtc_cycles_total", "Cycles that ended", registry=registry)
        self._seconds = Histogram(
            "gtc_cycle_duration_seconds",
            "How long cycles took, reading and writing included",
            buckets=_CYCLE_BUCKETS,
            registry=registry,
        )
        self._last_success = Gauge(
            "gtc_cycle_last_success_timestamp_seconds",
            "When the last cycle ended; 0 before the first",
            registry=registry,
        )
        self._decisions = Counter(
            "gtc_decisions_total", "Decisions kept as records", registry=registry
        )
        self._writes = Counter(
            "gtc_writes_total",
            "Writes to AWS by what became of them",
            ("lever", "outcome"),
            registry=registry,
        )
        self._backoff = Gauge(
            "gtc_write_backoff_seconds",
            "How long the daemon waits before it tries again what AWS did not apply; 0 when it did",
            registry=registry,
        )
        for lever in KINDS:
            for status in OutcomeStatus:
                self._writes.labels(lever, status.value)

    def _register_holds(self, registry: CollectorRegistry) -> None:
        self._hold = Gauge("gtc_hold", "Pools held now, by reason", ("reason",), registry=registry)
        self._holds = Counter(
            "gtc_holds_total", "Holds that began, by reason", ("reason",), registry=registry
        )
        for reason in Hold:
            self._hold.labels(reason.value)
            self._holds.labels(reason.value)

    def _register_overrides(self, registry: CollectorRegistry) -> None:
        self._overrides = Gauge(
            "gtc_overrides", "Overrides in force, by kind", ("kind",), registry=registry
        )
        self._expiry = Gauge(
            "gtc_override_expiry_timestamp_seconds",
            "When the next override of a kind ends; NaN when none is in force",
            ("kind",),
            registry=registry,
        )
        for kind in OverrideKind:
            self._overrides.labels(kind.value)
            self._expiry.labels(kind.value).set(nan)

    def _register_states(self, registry: CollectorRegistry) -> None:
        self._isolated = Gauge(
            "gtc_isolated", "1 while this vantage point doubts itself", registry=registry
        )
        self._panic = Gauge(
            "gtc_panic",
            "1 while a service holds because too many regions turned suspect at once",
            ("service",),
            registry=registry,
        )
        self._undecided = Gauge(
            "gtc_undecided",
            "1 while a mistake in this program holds a service; page on it",
            ("service",),
            registry=registry,
        )
        self._undecided_series = MetricSeries(self._undecided)
        self._drift = Gauge(
            "gtc_drift",
            "Positions of a pool that someone else changed",
            ("service", "pool"),
            registry=registry,
        )
        self._panic_series = MetricSeries(self._panic)
        self._drift_series = MetricSeries(self._drift)

    def _set_holds(self, decision: Decision) -> None:
        held = frozenset(
            (plan.service, plan.pool, hold.region, hold.reason)
            for plan in decision.plans
            for hold in plan.held
        )
        for _, _, _, reason in held - self._held:
            self._holds.labels(reason.value).inc()
        self._held = held
        pools = {(service, pool, reason) for service, pool, _, reason in held}
        held_pools = Tally(reason for _, _, reason in pools)
        for reason in Hold:
            self._hold.labels(reason.value).set(held_pools[reason])

    def _set_overrides(self, report: CycleReport) -> None:
        for kind in OverrideKind:
            ends = [o.expires_at.timestamp() for o in report.snapshot.overrides if o.kind is kind]
            self._overrides.labels(kind.value).set(len(ends))
            self._expiry.labels(kind.value).set(min(ends, default=nan))

    def _set_states(self, decision: Decision) -> None:
        self._isolated.set(decision.memory.isolated_since is not None)
        for service in decision.regions:
            self._panic.labels(service).set(decision.memory.of(service).panic is not None)
            self._undecided.labels(service).set(service in decision.undecided)
        drifted = Tally((position.service, position.pool) for position in decision.drift)
        for pool in self._pools:
            self._drift.labels(*pool).set(drifted[pool])
