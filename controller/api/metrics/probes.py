"""Counts of probes, how long the passed ones took, and when certificates end.

Kept in plain numbers and turned into families when somebody scrapes: with a metric object of the
library for each series every probe would cost a third more CPU, and every endpoint 3 KB.
"""

from __future__ import annotations

from bisect import bisect_left
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
from controller.model.health import ProbeOutcome, ProbeResult, ReferenceKind

_PASSED = ProbeOutcome.PASSED
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, inf)
_BOUNDS = tuple("+Inf" if bound == inf else str(bound) for bound in _BUCKETS)


class _Durations:
    """How long the passed probes of one region's endpoints took."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * len(_BUCKETS)
        self.total_s = 0.0


class _Endpoint:
    """What is counted of one endpoint; its region's durations beside it."""

    __slots__ = ("certificate_ends_at", "could_not_run", "durations", "failed", "passed")

    def __init__(self, durations: _Durations) -> None:
        self.durations = durations
        self.passed = self.failed = self.could_not_run = 0
        self.certificate_ends_at = nan

    def count(self, result: ProbeResult) -> None:
        """Count one result."""
        outcome, _, latency_s, _, certificate_ends_at, _ = result
        if outcome is _PASSED:
            self.passed += 1
            durations = self.durations
            durations.counts[bisect_left(_BUCKETS, latency_s)] += 1
            durations.total_s += latency_s
        elif outcome is ProbeOutcome.FAILED:
            self.failed += 1
        else:
            self.could_not_run += 1
        if certificate_ends_at is not None:
            self.certificate_ends_at = certificate_ends_at.timestamp()

    def by_outcome(self) -> Iterator[tuple[str, int]]:
        """Each outcome with its count."""
        for outcome in ProbeOutcome:
            yield outcome.value, getattr(self, outcome.value)


class ProbeMetrics(Collector):
    """Observes every probe of endpoints and reference targets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._references = {kind: dict.fromkeys(ProbeOutcome, 0) for kind in ReferenceKind}
        self._endpoints: dict[EndpointId, _Endpoint] = {}
        self._coming: dict[EndpointId, _Endpoint] = {}
        """Endpoints of settings that are not followed yet, and perhaps never will be."""
        self._durations: dict[tuple[str, str], _Durations] = {}
        self._with_certificate: tuple[EndpointId, ...] = ()
        registry.register(self)

    def follow(self, settings: Settings) -> None:
        """Have the series of these settings' endpoints; what stays goes on counting."""
        named = dict(settings.endpoints())
        places = dict.fromkeys((one.service, one.region) for one in named)
        self._durations = {place: self._durations.get(place) or _Durations() for place in places}
        known = {**self._coming, **self._endpoints}
        self._endpoints = {
            one: known.get(one) or _Endpoint(self._durations[one.service, one.region])
            for one in named
        }
        self._coming.clear()
        for one, endpoint in self._endpoints.items():
            endpoint.durations = self._durations[one.service, one.region]
        self._with_certificate = tuple(
            one for one, noun in named.items() if noun.probe.startswith("https:")
        )

    def counter(self, observed: EndpointId | ReferenceKind) -> Callable[[ProbeResult], None]:
        """What counts an endpoint's results as long as settings name it, or those of a kind of
        reference targets.

        The settings that name the endpoint may be followed later.
        """
        if isinstance(observed, ReferenceKind):
            return partial(self._count_reference, self._references[observed])
        known = self._endpoints.get(observed) or self._coming.get(observed)
        if known is None:
            known = self._coming[observed] = _Endpoint(_Durations())
        return known.count

    @staticmethod
    def _count_reference(counts: dict[ProbeOutcome, int], result: ProbeResult) -> None:
        counts[result.outcome] += 1

    def collect(self) -> Iterator[Metric]:
        """The families, as of now."""
        yield self._probes()
        yield self._reference_probes()
        yield self._seconds()
        yield self._certificates()

    def _probes(self) -> Metric:
        family = CounterMetricFamily("gtc_probes", "Probes of endpoints by outcome")
        # Not by `add_metric`, which takes twice as long: there are a great many.
        family.samples = [
            Sample(
                "gtc_probes_total",
                {"service": service, "region": region, "endpoint": endpoint, "outcome": outcome},
                count,
            )
            for (service, region, endpoint), counted in self._endpoints.items()
            for outcome, count in counted.by_outcome()
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

    def _seconds(self) -> Metric:
        family = HistogramMetricFamily(
            "gtc_probe_duration_seconds",
            "How long probes that passed took, connecting included",
            labels=("service", "region"),
        )
        for place, durations in self._durations.items():
            buckets = list(zip(_BOUNDS, accumulate(durations.counts), strict=True))
            family.add_metric(place, buckets, durations.total_s)
        return family

    def _certificates(self) -> Metric:
        family = GaugeMetricFamily(
            "gtc_probe_certificate_expiry_timestamp_seconds",
            "When the certificate that an HTTPS endpoint last showed ends; NaN before the first",
            labels=("service", "region", "endpoint"),
        )
        for one in self._with_certificate:
            family.add_metric(one, self._endpoints[one].certificate_ends_at)
        return family
