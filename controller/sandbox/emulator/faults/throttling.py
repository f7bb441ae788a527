"""The request rate that AWS allows an account: token buckets.

Follows the developer guide's *Throttling for Amazon Route 53 API requests*: one bucket of 50
requests, refilled with 10 a second, for all requests of an account; GetHealthCheckStatus and
GetHealthCheckLastFailureReason also use a second bucket, 4 refilled with 1 a second. Not
emulated: the buckets of operations that the daemon never calls, and the rate of record changes.
Global Accelerator documents no rate.
"""

from collections.abc import Callable

_ACCOUNT = (10.0, 50)
_STATUS = (1.0, 4)
_OWN_BUCKET = ("GetHealthCheckStatus", "GetHealthCheckLastFailureReason")


class Bucket:
    """Tokens that are refilled at a steady rate: `0 <= tokens <= burst`."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._counted_at = clock()

    def take(self) -> bool:
        """Spend one token; return whether there was one."""
        now = self._clock()
        returned = max(0.0, now - self._counted_at) * self._rate
        self._tokens = min(float(self._burst), self._tokens + returned)
        self._counted_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class AccountRate:
    """The buckets of one account at Route 53, full at the beginning."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._account = Bucket(*_ACCOUNT, clock)
        self._own = {operation: Bucket(*_STATUS, clock) for operation in _OWN_BUCKET}

    def allows(self, service: str, operation: str) -> bool:
        """Whether this call is within the rate; if so, it spends tokens."""
        if service != "route53":
            return True
        own = self._own.get(operation)
        return (own is None or own.take()) and self._account.take()
