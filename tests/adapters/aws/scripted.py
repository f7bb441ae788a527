"""An SDK client whose answers are written by the test."""

from __future__ import annotations

from collections import deque
from typing import Any

from botocore.exceptions import ClientError

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.token_bucket import TokenBucket
from tests.fakes.clock import FakeClock


class ScriptedClient:
    """Answers any operation with the next of `answers`; an exception among them is raised.

    Tells what it was asked: `asked`, (operation, members) in order.
    """

    def __init__(self, *answers: Any) -> None:
        self._answers = deque(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        async def call(**members: Any) -> Any:
            # A copy: the caller may go on to change the mapping it spread.
            self.asked.append((operation, dict(members)))
            answer = self._answers.popleft()
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def refusal(code: str, status: int = 400) -> ClientError:
    """An error answer of AWS."""
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


def calls(service: str = "route53") -> AwsCalls:
    """Calls with a budget that never blocks."""
    clock = FakeClock()
    return AwsCalls(
        service,
        budget=TokenBucket(1_000, 1_000, 0, clock),
        deadline_s=5,
        clock=clock,
        observe=lambda *_: None,
    )
