"""Calls of AWS's APIs: each waits for the budget, then has a deadline, and is observed.

The deadline covers the whole call, because the SDK waits for a free pooled connection without a
limit. It does not cover the wait for the budget; neither does the observed duration.

A call whose credentials AWS refuses had no effect: it is made again if others can be had.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from controller.adapters.aws.credentials import RenewableCredentials
from controller.adapters.aws.error_mapping import (
    AWS_ERRORS,
    denial,
    is_unauthenticated,
    provider_error,
    write_outcome,
)
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.aws_calls import AwsCall
from controller.model.levers import Outcome, OutcomeStatus
from controller.ports import Clock

T = TypeVar("T")

CallObserver = Callable[[AwsCall], None]
"""Called after each call."""


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
        credentials: RenewableCredentials | None = None,
    ) -> None:
        """`credentials`: those that the calls are signed with; None: they cannot be renewed."""
        self._service = service
        self._budget = budget
        self._deadline_s = deadline_s
        self._clock = clock
        self._observe = observe
        self._credentials = credentials

    async def ask(self, operation: str, request: Callable[[], Awaitable[T]]) -> T:
        """The result of a read. Raises ProviderUnavailableError or ProviderRejectedError."""
        while True:
            try:
                async with self.limited(operation):
                    return await request()
            except AWS_ERRORS as error:
                if not await self.renewed(error):
                    raise provider_error(error, self._service, operation) from error

    @asynccontextmanager
    async def limited(self, operation: str, *, emergency: bool = False) -> AsyncIterator[None]:
        """Run a block that makes one call, once the budget allows it and within the deadline.

        Raises what the block raises, and TimeoutError after the deadline: AWS_ERRORS.
        `emergency`: may spend the budget's reserve.
        """
        await self._budget.take(emergency=emergency)
        started = self._clock.monotonic()
        outcome, denied = "unknown", None
        try:
            async with asyncio.timeout(self._deadline_s):
                yield
            outcome = "ok"
        except AWS_ERRORS as error:
            outcome, denied = self._outcome_label(error), denial(error)
            raise
        finally:
            seconds = self._clock.monotonic() - started
            self._observe(AwsCall(self._service, operation, outcome, seconds, denied))

    async def renewed(self, error: Exception) -> bool:
        """Whether AWS refused the credentials of this task's last call and there are others now.

        Such a call had no effect and may be made again.
        """
        if self._credentials is None or not is_unauthenticated(error):
            return False
        try:
            return await self._credentials.renew()
        except AWS_ERRORS:
            return False  # the next call that needs credentials tells why there are none

    def outcome(self, error: Exception) -> Outcome:
        """The outcome of a write whose call raised this."""
        return write_outcome(error, self._service)

    def _outcome_label(self, error: Exception) -> str:
        outcome = self.outcome(error)
        if outcome.throttled:
            return "throttled"
        return "refused" if outcome.status is OutcomeStatus.REFUSED else "unknown"
