"""Counts of probes, how long the passed ones took, and when certificates end."""

from __future__ import annotations

from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from controller.api.series import Series
from controller.model.configuration import EndpointId, Settings
from controller.model.health import ProbeOutcome, ProbeResult

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class ProbeMetrics:
    """Observes every probe of endpoints and canaries."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self._certificate = Gauge(
            "gtc_probe_certificate_expiry_timestamp_seconds",
            "When the certificate that an HTTPS endpoint last showed ends; NaN before the first",
            ("service", "region", "endpoint"),
            registry=registry,
        )
        for outcome in ProbeOutcome:
            self._canaries.labels(outcome.value)
        self._probe_series = Series(self._probes)
        self._seconds_series = Series(self._seconds)
        self._certificate_series = Series(self._certificate, nan)

    def follow(self, settings: Settings) -> None:
        """Have the series of the endpoints that these settings name."""
        named = dict(settings.endpoints())
        self._probe_series.follow(
            (*one, outcome.value) for one in named for outcome in ProbeOutcome
        )
        self._seconds_series.follow((one.service, one.region) for one in named)
        self._certificate_series.follow(
            one for one, endpoint in named.items() if endpoint.probe.startswith("https:")
        )

    def probe(self, endpoint: EndpointId | None, result: ProbeResult) -> None:
        """Count one result; None stands for a canary."""
        if endpoint is None:
            self._canaries.labels(result.outcome.value).inc()
            return
        self._probes.labels(*endpoint, result.outcome.value).inc()
        if result.outcome is ProbeOutcome.PASSED:
            self._seconds.labels(endpoint.service, endpoint.region).observe(result.latency_s)
        if result.certificate_ends_at is not None:
            self._certificate.labels(*endpoint).set(result.certificate_ends_at.timestamp())
