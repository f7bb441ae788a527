"""Calls of AWS's APIs: each waits for the budget, then has a deadline, and is observed.

The deadline covers the whole call, because the SDK waits for a free pooled connection without a
limit. It does not cover the wait for the budget; neither does the observed duration.

A call whose credentials AWS refuses had no effect: it is sent once more if others can be had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
        try:
            return await self.send(operation, request)
        except AWS_ERRORS as error:
            raise provider_error(error, self._service, operation) from error

    async def send(
        self, operation: str, request: Callable[[], Awaitable[T]], *, emergency: bool = False
    ) -> T:
        """The result of any call. Raises AWS_ERRORS.

        `request` must make a new call each time. `emergency`: may spend the budget's reserve.
        """
        try:
            return await self._send_once(operation, request, emergency)
        except AWS_ERRORS as error:
            if not is_unauthenticated(error) or not await self._renewed():
                raise
        return await self._send_once(operation, request, emergency)

    async def _renewed(self) -> bool:
        """Whether other credentials were found. Raises AWS_ERRORS when there are none any more."""
        return self._credentials is not None and await self._credentials.renew()

    async def _send_once(
        self, operation: str, request: Callable[[], Awaitable[T]], emergency: bool
    ) -> T:
        await self._budget.take(emergency=emergency)
        started = self._clock.monotonic()
        outcome, denied = "unknown", None
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await request()
            outcome = "ok"
            return answer
        except AWS_ERRORS as error:
            outcome, denied = self._outcome_label(error), denial(error)
            raise
        finally:
            seconds = self._clock.monotonic() - started
            self._observe(AwsCall(self._service, operation, outcome, seconds, denied))

    def outcome(self, error: Exception) -> Outcome:
        """The outcome of a write whose `send` raised this."""
        return write_outcome(error, self._service)

    def _outcome_label(self, error: Exception) -> str:
        outcome = self.outcome(error)
        if outcome.throttled:
            return "throttled"
        return "refused" if outcome.status is OutcomeStatus.REFUSED else "unknown"
