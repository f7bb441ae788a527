"""Calls of AWS's APIs: each waits for the budget, then has a deadline, and is observed.

The deadline covers the whole call, because the SDK waits for a free pooled connection without a
limit. It does not cover the wait for the budget; neither does the observed duration.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from controller.adapters.aws.error_mapping import AWS_ERRORS, provider_error, write_outcome
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.levers import Outcome, OutcomeStatus
from controller.ports import Clock

T = TypeVar("T")

CallObserver = Callable[[str, str, str, float], None]
"""Called after each call: service, operation, seconds and the outcome before them, which is `ok`,
`refused`, `throttled` or `unknown`."""


class AwsCalls:
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
        """The result of a read. Raises ProviderUnavailableError or ProviderRejectedError."""
        try:
            async with self.limited(operation):
                return await request()
        except AWS_ERRORS as error:
            raise provider_error(error, self._service, operation) from error

    @asynccontextmanager
    async def limited(self, operation: str, *, emergency: bool = False) -> AsyncIterator[None]:
        """Run a block that makes one call, once the budget allows it and within the deadline.

        Raises what the block raises, and TimeoutError after the deadline: AWS_ERRORS.
        `emergency`: may spend the budget's reserve.
        """
        await self._budget.take(emergency=emergency)
        started = self._clock.monotonic()
        outcome = "unknown"
        try:
            async with asyncio.timeout(self._deadline_s):
                yield
            outcome = "ok"
        except AWS_ERRORS as error:
            outcome = self._outcome_label(error)
            raise
        finally:
            self._observe(self._service, operation, outcome, self._clock.monotonic() - started)

    def outcome(self, error: Exception) -> Outcome:
        """The outcome of a write whose call raised this."""
        return write_outcome(error, self._service)

    def _outcome_label(self, error: Exception) -> str:
        outcome = self.outcome(error)
        if outcome.throttled:
            return "throttled"
        return "refused" if outcome.status is OutcomeStatus.REFUSED else "unknown"
