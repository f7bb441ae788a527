"""Series of a metric: those that the settings call for, with what they were last told."""

from __future__ import annotations

from math import isnan, nan

import pytest
from prometheus_client import CollectorRegistry, Gauge

from controller.api.metrics.series import MetricSeries


class Shares:
    """A gauge by region, kept by Series; unknown at first."""

    def __init__(self, *regions: str) -> None:
        self.registry = CollectorRegistry()
        gauge = Gauge("share", "of traffic", ("region",), registry=self.registry)
        self.series = MetricSeries(gauge, nan)
        self.follow(*regions)

    def follow(self, *regions: str) -> None:
        self.series.keep((region,) for region in regions)

    def shown(self, region: str) -> float | None:
        return self.registry.get_sample_value("share", {"region": region})


@pytest.mark.parametrize("values", [(0.5,), (0.5, 0.5), (0.5, nan), (nan, nan, 0.0), (1.0, 0.0)])
def test_what_was_told_last_is_shown(values: tuple[float, ...]) -> None:
    """Also when it was told twice, or is not known any more."""
    shares = Shares("a", "b")
    for value in values:
        shares.series.set(("a",), value)

    assert shares.shown("a") == pytest.approx(values[-1], nan_ok=True)
    assert isnan(shares.shown("b") or 0.0)


def test_a_series_that_went_begins_anew() -> None:
    """Not with what it showed once, though it is told the same again."""
    shares = Shares("a", "b")
    shares.series.set(("a",), 0.5)
    shares.follow("b")
    assert shares.shown("a") is None

    shares.follow("a", "b")
    assert isnan(shares.shown("a") or 0.0)
    shares.series.set(("a",), 0.5)
    assert shares.shown("a") == 0.5


def test_a_series_that_stays_keeps_its_value() -> None:
    """A reload that adds a region changes no other."""
    shares = Shares("a")
    shares.series.set(("a",), 0.5)
    shares.follow("a", "b")

    assert shares.shown("a") == 0.5


def test_what_the_settings_do_not_call_for_is_not_shown() -> None:
    """A mistake of ours is told at once, not by a series too many."""
    with pytest.raises(KeyError):
        Shares("a").series.set(("b",), 0.5)
