"""The guard around every call, in simulated time."""

from __future__ import annotations

import asyncio

import pytest
from botocore.exceptions import ClientError

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from tests.adapters.aws.scripted import refusal
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime


class _Observed:
    """Calls with a deadline of 3 s and a budget of two, then one a second."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, float]] = []
        clock = FakeClock()
        self.calls = AwsCalls(
            "route53",
            budget=TokenBucket(1, 2, 0, clock),
            deadline_s=3,
            clock=clock,
            observe=lambda *call: self.seen.append(call),
        )


async def _answer_after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "answer"


async def _refuse(code: str) -> str:
    raise refusal(code)


async def test_a_call_is_counted_with_its_own_time() -> None:
    """The wait for the budget is not part of it."""
    observed = _Observed()
    for _ in range(3):
        assert await observed.calls.ask("GetChange", lambda: _answer_after(0.25)) == "answer"

    assert [call[:3] for call in observed.seen] == [("route53", "GetChange", "ok")] * 3
    assert [call[3] for call in observed.seen] == pytest.approx([0.25] * 3)
    assert asyncio.get_running_loop().time() > 1


async def test_the_deadline_ends_a_call_that_hangs() -> None:
    """Regardless of what the SDK waits for."""
    observed = _Observed()
    with pytest.raises(ProviderUnavailableError, match="no answer within the deadline"):
        await observed.calls.ask("GetChange", lambda: _answer_after(60))

    assert observed.seen == [("route53", "GetChange", "unknown", 3)]


@pytest.mark.parametrize(
    ("code", "word", "kind"),
    [
        ("Throttling", "throttled", ProviderUnavailableError),
        ("NoSuchChange", "refused", ProviderRejectedError),
    ],
)
async def test_a_refusal_is_counted_and_translated(
    code: str, word: str, kind: type[Exception]
) -> None:
    """The original exception is chained for the log."""
    observed = _Observed()
    with pytest.raises(kind) as raised:
        await observed.calls.ask("GetChange", lambda: _refuse(code))

    assert isinstance(raised.value.__cause__, ClientError)
    assert observed.seen == [("route53", "GetChange", word, 0)]


async def test_a_cancelled_call_is_counted_as_unknown() -> None:
    """It may have reached AWS, and it has spent budget."""
    observed = _Observed()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await observed.calls.ask("GetChange", lambda: _answer_after(60))

    assert observed.seen == [("route53", "GetChange", "unknown", 1)]
