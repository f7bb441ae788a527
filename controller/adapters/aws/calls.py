"""The one way in which AWS is called: budget first, then a deadline, then the count.

The deadline stands around the whole call because the SDK waits for a free pooled connection without
any limit. The time spent waiting for the budget is not part of it, nor of what is observed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from controller.adapters.aws.error_mapping import AWS_ERRORS, provider_error, write_outcome
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.levers import Outcome, OutcomeStatus
from controller.ports import Clock

T = TypeVar("T")

CallObserver = Callable[[str, str, str, float], None]
"""Told of each call: service, operation, `ok` | `refused` | `throttled` | `unknown`, seconds."""


class Calls:
    """Calls one AWS service, within its budget."""

    def __init__(
        self,
        service: str,
        *,
        budget: TokenBucket,
        deadline_s: float,
        clock: Clock,
        observe: CallObserver,
    ) -> None:
        self._service = service
        self._budget = budget
        self._deadline_s = deadline_s
        self._clock = clock
        self._observe = observe

    async def ask(self, operation: str, request: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question.

        Raises ProviderUnavailableError or ProviderRejectedError.
        """
        try:
            return await self.send(operation, request)
        except AWS_ERRORS as error:
            raise provider_error(error, self._service, operation) from error

    async def send(
        self, operation: str, request: Callable[[], Awaitable[T]], *, emergency: bool = False
    ) -> T:
        """The answer to a call, or whatever of AWS_ERRORS it ended in.

        `request` must make a new call each time. An emergency may spend the budget's reserve.
        """
        await self._budget.take(emergency=emergency)
        started = self._clock.monotonic()
        outcome = "unknown"
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await request()
            outcome = "ok"
            return answer
        except AWS_ERRORS as error:
            outcome = self._word_for(error)
            raise
        finally:
            self._observe(self._service, operation, outcome, self._clock.monotonic() - started)

    def outcome(self, error: Exception) -> Outcome:
        """What became of a write whose `send` raised this."""
        return write_outcome(error, self._service)

    def _word_for(self, error: Exception) -> str:
        outcome = self.outcome(error)
        if outcome.throttled:
            return "throttled"
        return "refused" if outcome.status is OutcomeStatus.REFUSED else "unknown"
