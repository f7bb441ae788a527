"""The troubles that both fake levers can be told to have with their writes."""

from __future__ import annotations

from collections.abc import Callable

from controller.model.errors import ProviderUnavailableError
from controller.model.levers import Outcome, OutcomeStatus


class Trouble:
    """Wraps a write. Numbers are of writes that meet the trouble; each write meets one.

    - `unavailable`: questions raise ProviderUnavailableError, writes are unknown and not applied;
    - `throttle_next`: refused for their rate;
    - `lose_requests`: unknown, not applied;
    - `lose_replies`: applied if they can be, but the answer is unknown.
    """

    # No other attribute: a trouble that is misspelt must not pass for one that was told.
    __slots__ = ("lose_replies", "lose_requests", "throttle_next", "unavailable")

    def __init__(self) -> None:
        self.unavailable = False
        self.throttle_next = 0
        self.lose_requests = 0
        self.lose_replies = 0

    def question(self) -> None:
        if self.unavailable:
            raise ProviderUnavailableError("the fake was told to be unavailable")

    def write(self, apply: Callable[[], Outcome]) -> Outcome:
        if self.unavailable:
            return Outcome(OutcomeStatus.UNKNOWN, "no answer within the deadline")
        if self.throttle_next > 0:
            self.throttle_next -= 1
            return Outcome(OutcomeStatus.REFUSED, "Throttling: Rate exceeded", throttled=True)
        if self.lose_requests > 0:
            self.lose_requests -= 1
            return Outcome(OutcomeStatus.UNKNOWN, "connection closed")
        outcome = apply()
        if self.lose_replies > 0:
            self.lose_replies -= 1
            return Outcome(OutcomeStatus.UNKNOWN, "connection closed")
        return outcome
