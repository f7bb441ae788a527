"""Buckets: what fits, when the next fits, and whose they are."""

from __future__ import annotations

import asyncio

import pytest

from controller.api.http import rate_limits
from controller.api.http.problems import ProblemError
from controller.api.http.rate_limits import RateLimits
from controller.api.http.route import Meter
from controller.model.access import Principal, Role
from controller.model.configuration import ApiLimits
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime
ANN, BOB = (Principal(name, Role.OPERATOR) for name in ("ann", "bob"))
LIMITS = ApiLimits(writes_per_min=60, writes_burst=3, reads_per_s=10, reads_burst=20)
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


def fit(limits: RateLimits, meter: Meter, who: Principal, address: str = HERE) -> int:
    """How many requests are let through at this moment."""
    for count in range(10_000):
        try:
            limits.count(meter, LIMITS, who, address)
        except ProblemError:
            return count
    raise AssertionError("no limit")


async def test_a_burst_fits_and_then_as_much_as_flows_back() -> None:
    """Three at once, then one a second, never more than three in store."""
    limits = RateLimits(FakeClock())
    assert fit(limits, Meter.WRITE, ANN) == 3
    await asyncio.sleep(2)
    assert fit(limits, Meter.WRITE, ANN) == 2
    await asyncio.sleep(3600)
    assert fit(limits, Meter.WRITE, ANN) == 3


async def test_the_wait_it_names_is_enough() -> None:
    """Whoever comes back then is let through."""
    limits = RateLimits(FakeClock())
    fit(limits, Meter.WRITE, ANN)
    with pytest.raises(ProblemError, match="ask again in 1 s") as refused:
        limits.count(Meter.WRITE, LIMITS, ANN, HERE)
    assert refused.value.status == 429
    await asyncio.sleep(int(refused.value.headers["Retry-After"]))
    limits.count(Meter.WRITE, LIMITS, ANN, HERE)


async def test_reads_writes_and_measurements_do_not_hinder_each_other() -> None:
    """A dashboard that asks too much must not keep its owner from a failover."""
    limits = RateLimits(FakeClock())
    assert fit(limits, Meter.READ, ANN) == 20
    assert fit(limits, Meter.WRITE, ANN) == 3
    assert fit(limits, Meter.MEASUREMENT, ANN) == LIMITS.measurements_burst


async def test_on_this_machine_callers_are_told_apart_by_name_alone() -> None:
    """A proxy in front of the daemon would give all the same address."""
    limits = RateLimits(FakeClock())
    assert fit(limits, Meter.WRITE, ANN) == 3
    assert fit(limits, Meter.WRITE, BOB) == 3


async def test_from_elsewhere_an_address_counts_too() -> None:
    """Several tokens from one place together get no more than one; other places are free."""
    limits = RateLimits(FakeClock())
    assert fit(limits, Meter.WRITE, ANN, ELSEWHERE) == 3
    assert fit(limits, Meter.WRITE, BOB, ELSEWHERE) == 0
    assert fit(limits, Meter.WRITE, BOB, "192.0.2.8") == 3


async def test_callers_not_heard_of_for_long_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many addresses come by, memory is bounded."""
    monkeypatch.setattr(rate_limits, "_MOST_BUCKETS", 2)
    limits = RateLimits(FakeClock())
    for last in range(100):
        limits.count_stranger(f"192.0.2.{last}")
    assert len(limits._buckets) == 2
