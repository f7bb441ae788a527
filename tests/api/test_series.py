"""MetricSeries: exactly the series that are kept, with their last values."""

from __future__ import annotations

from math import isnan, nan

import pytest
from prometheus_client import CollectorRegistry, Gauge

from controller.api.metrics.series import MetricSeries


class Shares:
    """A gauge by region with MetricSeries; NaN at first."""

    def __init__(self, *regions: str) -> None:
        self.registry = CollectorRegistry()
        gauge = Gauge("share", "of traffic", ("region",), registry=self.registry)
        self.series = MetricSeries(gauge, nan)
        self.keep(*regions)

    def keep(self, *regions: str) -> None:
        self.series.keep((region,) for region in regions)

    def shown(self, region: str) -> float | None:
        return self.registry.get_sample_value("share", {"region": region})


@pytest.mark.parametrize("values", [(0.5,), (0.5, 0.5), (0.5, nan), (nan, nan, 0.0), (1.0, 0.0)])
def test_the_last_value_is_shown(values: tuple[float, ...]) -> None:
    """Also when it was set twice, or became NaN."""
    shares = Shares("a", "b")
    for value in values:
        shares.series.set(("a",), value)

    assert shares.shown("a") == pytest.approx(values[-1], nan_ok=True)
    assert isnan(shares.shown("b") or 0.0)


def test_a_removed_series_begins_with_the_initial_value() -> None:
    """Setting its old value again is not skipped."""
    shares = Shares("a", "b")
    shares.series.set(("a",), 0.5)
    shares.keep("b")
    assert shares.shown("a") is None

    shares.keep("a", "b")
    assert isnan(shares.shown("a") or 0.0)
    shares.series.set(("a",), 0.5)
    assert shares.shown("a") == 0.5


def test_a_series_that_stays_keeps_its_value() -> None:
    """A reload that adds a region changes no other series."""
    shares = Shares("a")
    shares.series.set(("a",), 0.5)
    shares.keep("a", "b")

    assert shares.shown("a") == 0.5


def test_a_series_that_is_not_kept_cannot_be_set() -> None:
    """A KeyError instead of an unwanted series."""
    with pytest.raises(KeyError):
        Shares("a").series.set(("b",), 0.5)
