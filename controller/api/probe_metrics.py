"""Counts of probes and how long the passed ones took."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from controller.model.configuration import EndpointId, Settings
from controller.model.health import ProbeOutcome, ProbeResult

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class ProbeMetrics:
    """Observes every probe of endpoints and canaries."""

    def __init__(self, registry: CollectorRegistry, settings: Settings) -> None:
        self._probes = Counter(
            "gtc_probes_total",
            "Probes of endpoints by outcome",
            ("service", "region", "endpoint", "outcome"),
            registry=registry,
        )
        self._canaries = Counter(
            "gtc_canary_probes_total",
            "Probes of canaries by outcome",
            ("outcome",),
            registry=registry,
        )
        self._seconds = Histogram(
            "gtc_probe_duration_seconds",
            "How long probes that passed took, connecting included",
            ("service", "region"),
            buckets=_BUCKETS,
            registry=registry,
        )
        for endpoint, _ in settings.endpoints():
            self._seconds.labels(endpoint.service, endpoint.region)
            for outcome in ProbeOutcome:
                self._probes.labels(*endpoint, outcome.value)
        for outcome in ProbeOutcome:
            self._canaries.labels(outcome.value)

    def probe(self, endpoint: EndpointId | None, result: ProbeResult) -> None:
        """Count one result; None stands for a canary."""
        if endpoint is None:
            self._canaries.labels(result.outcome.value).inc()
            return
        self._probes.labels(*endpoint, result.outcome.value).inc()
        if result.outcome is ProbeOutcome.PASSED:
            self._seconds.labels(endpoint.service, endpoint.region).observe(result.latency_s)
