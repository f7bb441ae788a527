"""Metrics of probes: counts by outcome, durations of passed ones, ends of certificates.

They are plain numbers, from which a scrape makes the families: one metric object of
prometheus_client for each series would cost a third more CPU for every probe and 3 kB for every
endpoint.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from math import inf, nan

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    Sample,
)
from prometheus_client.registry import Collector

from controller.model.configuration import EndpointId, Settings
from controller.model.health import NotRunCause, ProbeOutcome, ProbeResult, ReferenceKind

_PASSED = ProbeOutcome.PASSED
_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, inf)
_BOUNDS = tuple("+Inf" if bound == inf else str(bound) for bound in _BUCKETS_S)


class _Durations:
    """Histogram of the passed probes of one region's endpoints: counts by bucket, and the sum."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * len(_BUCKETS_S)
        self.total_s = 0.0


class _EndpointCounts:
    """Probes of one endpoint by outcome, with the durations of its region."""

    __slots__ = (
        "causes",
        "certificate_ends_at",
        "could_not_run",
        "durations",
        "failed",
        "passed",
    )

    def __init__(self, durations: _Durations, causes: Counter[NotRunCause]) -> None:
        """`causes`: why probes of all endpoints could not be run, counted here."""
        self.durations = durations
        self.causes = causes
        self.passed = self.failed = self.could_not_run = 0
        self.certificate_ends_at = nan

    def count(self, result: ProbeResult) -> None:
        """Count one result."""
        outcome, _, latency_s, _, certificate_ends_at, _, cause = result
        if outcome is _PASSED:
            self.passed += 1
            durations = self.durations
            durations.counts[bisect_left(_BUCKETS_S, latency_s)] += 1
            durations.total_s += latency_s
        elif outcome is ProbeOutcome.FAILED:
            self.failed += 1
        else:
            self.could_not_run += 1
            self.causes[cause or NotRunCause.MISTAKE] += 1
        if certificate_ends_at is not None:
            self.certificate_ends_at = certificate_ends_at.timestamp()

    def by_outcome(self) -> Iterator[tuple[str, int]]:
        """Each outcome with its count."""
        for outcome in ProbeOutcome:
            yield outcome.value, getattr(self, outcome.value)


class ProbeMetrics(Collector):
    """Counts every probe of endpoints and reference targets; prometheus_client collects from it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._references = {kind: dict.fromkeys(ProbeOutcome, 0) for kind in ReferenceKind}
        self._causes = Counter({cause: 0 for cause in NotRunCause})
        self._endpoints: dict[EndpointId, _EndpointCounts] = {}
        self._prepared: dict[EndpointId, _EndpointCounts] = {}
        """Endpoints of a reload that is being prepared; `follow_settings` keeps or drops them."""
        self._durations: dict[tuple[str, str], _Durations] = {}
        self._with_certificate: tuple[EndpointId, ...] = ()
        registry.register(self)

    def follow_settings(self, settings: Settings) -> None:
        """Keep exactly the series of these settings' endpoints; existing ones keep their counts."""
        endpoints = dict(settings.endpoints())
        regions = dict.fromkeys((id_.service, id_.region) for id_ in endpoints)
        self._durations = {r: self._durations.get(r) or _Durations() for r in regions}
        existing = {**self._prepared, **self._endpoints}
        self._endpoints = {
            id_: existing.get(id_)
            or _EndpointCounts(self._durations[id_.service, id_.region], self._causes)
            for id_ in endpoints
        }
        self._prepared.clear()
        for id_, counts in self._endpoints.items():
            counts.durations = self._durations[id_.service, id_.region]
        self._with_certificate = tuple(
            id_ for id_, endpoint in endpoints.items() if endpoint.probe.startswith("https:")
        )

    def counter(self, observed: EndpointId | ReferenceKind) -> Callable[[ProbeResult], None]:
        """The function that counts the results of an endpoint, or of a kind of reference targets.

        A reload calls it for new endpoints before `follow_settings`.
        """
        if isinstance(observed, ReferenceKind):
            return partial(self._count_reference, self._references[observed], self._causes)
        counts = self._endpoints.get(observed) or self._prepared.get(observed)
        if counts is None:
            counts = self._prepared[observed] = self._new_counts(_Durations())
        return counts.count

    def _new_counts(self, durations: _Durations) -> _EndpointCounts:
        return _EndpointCounts(durations, self._causes)

    @staticmethod
    def _count_reference(
        counts: dict[ProbeOutcome, int], causes: Counter[NotRunCause], result: ProbeResult
    ) -> None:
        counts[result.outcome] += 1
        if result.outcome is ProbeOutcome.COULD_NOT_RUN:
            causes[result.cause or NotRunCause.MISTAKE] += 1

    def collect(self) -> Iterator[Metric]:
        """The families with the values of now."""
        yield self._probes()
        yield self._reference_probes()
        yield self._not_run()
        yield self._seconds()
        yield self._certificates()

    def _probes(self) -> Metric:
        family = CounterMetricFamily("gtc_probes", "Probes of endpoints by outcome")
        # `add_metric` takes twice as long, and there may be 100,000 samples.
        family.samples = [
            Sample(
                "gtc_probes_total",
                {"service": service, "region": region, "endpoint": endpoint, "outcome": outcome},
                count,
            )
            for (service, region, endpoint), counts in self._endpoints.items()
            for outcome, count in counts.by_outcome()
        ]
        return family

    def _reference_probes(self) -> Metric:
        family = CounterMetricFamily(
            "gtc_reference_probes",
            "Probes of reference targets by what is expected of them and outcome",
            labels=("expected", "outcome"),
        )
        for kind, counts in self._references.items():
            for outcome, count in counts.items():
                family.add_metric((kind.value, outcome.value), count)
        return family

    def _not_run(self) -> Metric:
        family = CounterMetricFamily(
            "gtc_probes_could_not_run",
            "Probes of endpoints and reference targets that this host could not run, by cause",
            labels=("cause",),
        )
        for cause, count in self._causes.items():
            family.add_metric((cause.value,), count)
        return family

    def _seconds(self) -> Metric:
        family = HistogramMetricFamily(
            "gtc_probe_duration_seconds",
            "How long probes that passed took, connecting included",
            labels=("service", "region"),
        )
        for region, durations in self._durations.items():
            buckets = list(zip(_BOUNDS, accumulate(durations.counts), strict=True))
            family.add_metric(region, buckets, durations.total_s)
        return family

    def _certificates(self) -> Metric:
        family = GaugeMetricFamily(
            "gtc_probe_certificate_expiry_timestamp_seconds",
            "When the certificate that an HTTPS endpoint last showed ends; NaN before the first",
            labels=("service", "region", "endpoint"),
        )
        for id_ in self._with_certificate:
            family.add_metric(id_, self._endpoints[id_].certificate_ends_at)
        return family
