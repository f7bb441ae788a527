"""Route 53's health checks in memory."""

from __future__ import annotations

from datetime import timedelta

from controller.model.errors import ProviderRejectedError
from controller.model.second_opinions import CheckDefinition, CheckerReport, CheckKind
from controller.ports import Clock
from tests.fakes.trouble import Trouble

CHECKERS = ("203.0.113.241", "203.0.113.242", "203.0.113.243")
"""The addresses of those that look."""


class FakeHealthChecks:
    """Fulfils HealthChecks. Checkers look all at once, once in every interval of a check.

    Can be told:
    - `define(check_id, definition)`: a check exists, and finds its endpoint well;
    - `fail(check_id)`, `heal(check_id)`: what its checkers see from now on;
    - `trouble.unavailable`: questions raise ProviderUnavailableError.
    It notes calls: `asked` (ids of which the reports were wanted).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._defined: dict[str, CheckDefinition] = {}
        self._failing: set[str] = set()
        self.trouble = Trouble()
        self.asked: list[str] = []

    def define(self, check_id: str, definition: CheckDefinition) -> None:
        self._defined[check_id] = definition

    def fail(self, check_id: str) -> None:
        self._failing.add(check_id)

    def heal(self, check_id: str) -> None:
        self._failing.discard(check_id)

    async def definition(self, check_id: str) -> CheckDefinition:
        self.trouble.question()
        return self._known(check_id)

    async def reports(self, check_id: str) -> tuple[CheckerReport, ...]:
        self.asked.append(check_id)
        self.trouble.question()
        check = self._known(check_id)
        if check.kind is not CheckKind.ENDPOINT:
            raise ProviderRejectedError(f"InvalidInput: {check_id} has no checkers")
        passed = check_id not in self._failing
        status = "Success: HTTP Status Code 200, OK" if passed else "Failure: connection refused"
        age_s = self._clock.monotonic() % check.interval_s
        at = self._clock.wall() - timedelta(seconds=age_s)
        return tuple(CheckerReport(checker, passed, at, status) for checker in CHECKERS)

    def _known(self, check_id: str) -> CheckDefinition:
        if check_id not in self._defined:
            raise ProviderRejectedError(f"NoSuchHealthCheck: no check {check_id}")
        return self._defined[check_id]
