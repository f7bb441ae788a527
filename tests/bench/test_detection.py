"""What the benchmark simulates of detection, with the production's watch, hysteresis and quorum."""

from __future__ import annotations

from tests.bench.prober import detection


def test_a_silent_death_is_seen_within_two_seconds_on_the_mean() -> None:
    """Three vantage points on the budget of Route 53's fast checks, 1.6 probes/s in all."""
    ours, route53 = detection.detections(40), detection.route53_fast(40)

    assert sum(ours) / len(ours) < 2.0
    assert max(ours) < 3.0
    assert sum(route53) / len(route53) > 25


def test_loss_alone_hardly_ever_takes_an_endpoint_down() -> None:
    """One packet in a thousand lost, two tenths of a second long: an hour without a false alarm."""
    assert detection.false_alarms(3, 1 / 24, lost_ratio=0.001, burst_s=0.2) == 0
