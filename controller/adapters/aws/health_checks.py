"""Route 53's health checks: how they are defined, and what their checkers saw last.

*GetHealthCheckStatus* (API Reference) answers the last report of every checker, for endpoint checks
only; `controller.planning.health.check_status` says how they add up. They begin with `Success` or
`Failure`. AWS calls it a help for development, unfit for high rates, and grants an account one a
second, four at once (Developer Guide, *Throttling for Amazon Route 53 API requests*); each also
counts against the account's common rate. So it has a bucket of its own before the common one, of
which it never spends the reserve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.adapters.aws.calls import Calls
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.second_opinions import CheckDefinition, CheckerReport, CheckKind
from controller.ports import Clock

if TYPE_CHECKING:
    from types_aiobotocore_route53 import Route53Client
    from types_aiobotocore_route53.type_defs import HealthCheckObservationTypeDef

STATUS_RATE_PER_S = 1.0
STATUS_BURST = 4
_ASKED_ELSEWHERE = ("CLOUDWATCH_METRIC", "RECOVERY_CONTROL")
# *HealthCheckConfig*: what holds where nothing is said.
_DEFAULT_INTERVAL_S = 30
_DEFAULT_THRESHOLD = 3


class Route53HealthChecks:
    """Fulfils the HealthChecks port."""

    def __init__(self, client: Route53Client, calls: Calls, clock: Clock) -> None:
        self._client = client
        self._calls = calls
        self._pace = TokenBucket(STATUS_RATE_PER_S, STATUS_BURST, 0, clock)

    async def definition(self, check_id: str) -> CheckDefinition:
        """How the check comes to its status."""
        answer = await self._calls.ask(
            "GetHealthCheck", lambda: self._client.get_health_check(HealthCheckId=check_id)
        )
        config = answer["HealthCheck"]["HealthCheckConfig"]
        return CheckDefinition(
            kind=_kind(config["Type"]),
            interval_s=float(config.get("RequestInterval", _DEFAULT_INTERVAL_S)),
            failure_threshold=config.get("FailureThreshold", _DEFAULT_THRESHOLD),
            inverted=config.get("Inverted", False),
            disabled=config.get("Disabled", False),
            children=tuple(config.get("ChildHealthChecks", ())),
            health_threshold=config.get("HealthThreshold", 0),
        )

    async def reports(self, check_id: str) -> tuple[CheckerReport, ...]:
        """What each checker saw last; those whose words we do not know are left out."""
        await self._pace.take()
        answer = await self._calls.ask(
            "GetHealthCheckStatus",
            lambda: self._client.get_health_check_status(HealthCheckId=check_id),
        )
        reports = map(_report, answer["HealthCheckObservations"])
        return tuple(report for report in reports if report is not None)


def _kind(type_: str) -> CheckKind:
    if type_ == "CALCULATED":
        return CheckKind.CALCULATED
    return CheckKind.OTHER if type_ in _ASKED_ELSEWHERE else CheckKind.ENDPOINT


def _report(seen: HealthCheckObservationTypeDef) -> CheckerReport | None:
    report = seen.get("StatusReport", {})
    status, at = report.get("Status", ""), report.get("CheckedTime")
    if at is None or not status.startswith(("Success", "Failure")):
        return None
    checker = seen.get("IPAddress") or seen.get("Region", "")
    return CheckerReport(checker, status.startswith("Success"), at, status)
