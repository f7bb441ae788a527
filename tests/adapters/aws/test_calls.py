"""The guard around every call, in simulated time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiobotocore.credentials import AioCredentials
from botocore.exceptions import ClientError, NoCredentialsError

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.credentials import RenewableCredentials
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.aws_calls import AwsCall
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from tests.adapters.aws.scripted import refusal
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime


class _Observed:
    """Calls with a deadline of 3 s and a budget of two, then one a second."""

    def __init__(self, credentials: RenewableCredentials | None = None) -> None:
        self.seen: list[AwsCall] = []
        clock = FakeClock()
        self.calls = AwsCalls(
            "route53",
            budget=TokenBucket(1, 2, 0, clock),
            deadline_s=3,
            clock=clock,
            observe=self.seen.append,
            credentials=credentials,
        )


def told(outcome: str, seconds: float, denial: str | None = None) -> AwsCall:
    """What is told of one call of GetChange."""
    return AwsCall("route53", "GetChange", outcome, seconds, denial)


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

    assert {replace(call, seconds=0) for call in observed.seen} == {told("ok", 0)}
    assert [call.seconds for call in observed.seen] == pytest.approx([0.25] * 3)
    assert asyncio.get_running_loop().time() > 1


async def test_the_deadline_ends_a_call_that_hangs() -> None:
    """Regardless of what the SDK waits for."""
    observed = _Observed()
    with pytest.raises(ProviderUnavailableError, match="no answer within the deadline"):
        await observed.calls.ask("GetChange", lambda: _answer_after(60))

    assert observed.seen == [told("unknown", 3)]


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
    assert observed.seen == [told(word, 0)]


async def test_a_cancelled_call_is_counted_as_unknown() -> None:
    """It may have reached AWS, and it has spent budget."""
    observed = _Observed()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await observed.calls.ask("GetChange", lambda: _answer_after(60))

    assert observed.seen == [told("unknown", 1)]


class _Rotated:
    """A chain that finds key A, then key B; a request that AWS answers only if signed with B."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)
        self.credentials = RenewableCredentials(resolve=self._resolve, now_s=lambda: 0.0)
        self.sent = 0

    async def request(self) -> str:
        self.sent += 1
        key = await self.credentials.get_frozen_credentials()
        if key.access_key == "B":
            return "answer"
        raise refusal("InvalidClientTokenId", 403)

    async def _resolve(self) -> AioCredentials:
        return AioCredentials(self._keys.pop(0) if len(self._keys) > 1 else self._keys[0], "s")


async def test_a_call_with_rotated_credentials_is_sent_once_more() -> None:
    """The refused one had no effect. Both are told and paid for."""
    rotated = _Rotated("A", "B")
    observed = _Observed(rotated.credentials)

    assert await observed.calls.ask("GetChange", rotated.request) == "answer"
    assert [call.outcome for call in observed.seen] == ["refused", "ok"]
    assert "InvalidClientTokenId" in (observed.seen[0].denial or "")
    assert observed.seen[1].denial is None


async def test_a_call_is_not_repeated_while_the_credentials_stay() -> None:
    """It waits for the next cycle, and may be tried again then."""
    rotated = _Rotated("A")
    observed = _Observed(rotated.credentials)
    with pytest.raises(ProviderUnavailableError, match="InvalidClientTokenId"):
        await observed.calls.ask("GetChange", rotated.request)

    assert rotated.sent == 1


async def test_a_missing_right_is_told_and_renews_nothing() -> None:
    """Other credentials would be the same caller."""
    rotated = _Rotated("A", "B")
    observed = _Observed(rotated.credentials)
    with pytest.raises(ProviderRejectedError):
        await observed.calls.ask("GetChange", lambda: _refuse("AccessDenied"))

    assert [(call.outcome, bool(call.denial)) for call in observed.seen] == [("refused", True)]


async def test_without_credentials_nothing_was_sent() -> None:
    """So the outcome of a write is known, and a read may be tried again."""
    observed = _Observed()

    async def request() -> str:
        raise NoCredentialsError

    with pytest.raises(ProviderUnavailableError):
        await observed.calls.ask("GetChange", request)
    assert observed.seen == [told("refused", 0, "NoCredentialsError: Unable to locate credentials")]
