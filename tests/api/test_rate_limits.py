"""Rate limits: burst, refill, waiting time, and whose bucket a request takes from."""

from __future__ import annotations

import asyncio

import pytest

from controller.api.http import rate_limits
from controller.api.http.problems import ProblemError
from controller.api.http.rate_limits import RateLimits
from controller.api.http.route import RateClass
from controller.model.access import Principal, Role
from controller.model.configuration import ApiLimits
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime
ANN, BOB = (Principal(name, Role.OPERATOR) for name in ("ann", "bob"))
LIMITS = ApiLimits(writes_per_min=60, writes_burst=3, reads_per_s=10, reads_burst=20)
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


def admitted(limits: RateLimits, rate_class: RateClass, who: Principal, address: str = HERE) -> int:
    """The number of requests that pass now."""
    for count in range(10_000):
        try:
            limits.count(rate_class, LIMITS, who, address)
        except ProblemError:
            return count
    raise AssertionError("no limit")


async def test_a_burst_passes_and_then_the_bucket_refills() -> None:
    """Three at once, then one a second; the bucket never holds more than three."""
    limits = RateLimits(FakeClock())
    assert admitted(limits, RateClass.WRITE, ANN) == 3
    await asyncio.sleep(2)
    assert admitted(limits, RateClass.WRITE, ANN) == 2
    await asyncio.sleep(3600)
    assert admitted(limits, RateClass.WRITE, ANN) == 3


async def test_after_retry_after_a_request_passes() -> None:
    """The header's seconds are enough."""
    limits = RateLimits(FakeClock())
    admitted(limits, RateClass.WRITE, ANN)
    with pytest.raises(ProblemError, match="ask again in 1 s") as refused:
        limits.count(RateClass.WRITE, LIMITS, ANN, HERE)
    assert refused.value.status == 429
    await asyncio.sleep(int(refused.value.headers["Retry-After"]))
    limits.count(RateClass.WRITE, LIMITS, ANN, HERE)


async def test_reads_writes_and_measurements_have_buckets_of_their_own() -> None:
    """A dashboard with too many requests must not prevent its owner's failover."""
    limits = RateLimits(FakeClock())
    assert admitted(limits, RateClass.READ, ANN) == 20
    assert admitted(limits, RateClass.WRITE, ANN) == 3
    assert admitted(limits, RateClass.MEASUREMENT, ANN) == LIMITS.measurements_burst


async def test_a_loopback_address_has_no_bucket() -> None:
    """Behind a proxy on this machine all callers have the same address."""
    limits = RateLimits(FakeClock())
    assert admitted(limits, RateClass.WRITE, ANN) == 3
    assert admitted(limits, RateClass.WRITE, BOB) == 3


async def test_a_remote_address_has_a_bucket_of_its_own() -> None:
    """Several tokens of one address together get the rate of one; other addresses are free."""
    limits = RateLimits(FakeClock())
    assert admitted(limits, RateClass.WRITE, ANN, ELSEWHERE) == 3
    assert admitted(limits, RateClass.WRITE, BOB, ELSEWHERE) == 0
    assert admitted(limits, RateClass.WRITE, BOB, "192.0.2.8") == 3


async def test_the_least_recently_used_buckets_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory is bounded for any number of addresses."""
    monkeypatch.setattr(rate_limits, "_MAX_BUCKETS", 2)
    limits = RateLimits(FakeClock())
    for last in range(100):
        limits.count_unauthenticated(f"192.0.2.{last}")
    assert len(limits._buckets) == 2
