"""The users' counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controller.model.traffic import MeasuredShare, Measurement
from controller.sandbox.world.user_traffic import HISTORY_S, UserTraffic

START = datetime(2024, 1, 1, tzinfo=UTC)


def fill(traffic: UserTraffic, second: int, *visits: tuple[str, str, bool]) -> None:
    for pool, region, ok in visits:
        traffic.record("shop", pool, region, ok=ok)
    traffic.close_second(START + timedelta(seconds=second))


def test_a_second_counts_what_ended_in_it() -> None:
    """Each second begins with empty counts; regions without requests are not in it."""
    traffic = UserTraffic()
    fill(traffic, 1, ("world", "eu-west-1", True), ("world", "eu-west-1", False))
    fill(traffic, 2, ("world", "us-east-1", True))
    first, second = traffic.history()
    assert first.measurements == (Measurement("shop", "world", "eu-west-1", 2, 1),)
    assert second.measurements == (Measurement("shop", "world", "us-east-1", 1, 0),)
    assert second.at == START + timedelta(seconds=2)


def test_shares_are_of_the_pool_and_of_the_window() -> None:
    """The shares of a pool add up to 1; older seconds do not count."""
    traffic = UserTraffic()
    fill(traffic, 1, ("world", "old", True))
    fill(traffic, 2, ("world", "a", True), ("world", "a", False), ("europe", "a", True))
    fill(traffic, 3, ("world", "a", True), ("world", "b", True))
    assert traffic.shares(2) == {
        ("shop", "europe", "a"): MeasuredShare(1, 0, 1.0),
        ("shop", "world", "a"): MeasuredShare(3, 1, 0.75),
        ("shop", "world", "b"): MeasuredShare(1, 0, 0.25),
    }


def test_the_history_is_bounded() -> None:
    """The oldest seconds are dropped."""
    traffic = UserTraffic()
    for second in range(HISTORY_S + 5):
        fill(traffic, second)
    assert len(traffic.history()) == HISTORY_S
    assert traffic.history()[0].at == START + timedelta(seconds=5)
