"""Route 53's health checks: their settings, and the last reports of their checkers.

*GetHealthCheckStatus* (API Reference) returns the last report of every checker of an endpoint
check, a text that begins with `Success` or `Failure`; `controller.planning.health.check_status`
combines them. AWS intends it for development and allows an account one call a second, four at once
(Developer Guide, *Throttling for Amazon Route 53 API requests*); each also counts against the
account's common rate. So these calls pass a separate token bucket before the common one, whose
reserve they never spend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.second_opinions import CheckDefinition, CheckerReport, CheckKind
from controller.ports import Clock

if TYPE_CHECKING:
    from types_aiobotocore_route53 import Route53Client
    from types_aiobotocore_route53.type_defs import HealthCheckObservationTypeDef

STATUS_RATE_PER_S = 1.0
STATUS_BURST = 4
_NOT_PROBED = ("CLOUDWATCH_METRIC", "RECOVERY_CONTROL")
# *HealthCheckConfig*: defaults.
_DEFAULT_INTERVAL_S = 30
_DEFAULT_THRESHOLD = 3


class Route53HealthChecks:
    """Implements the HealthChecks port."""

    def __init__(self, client: Route53Client, calls: AwsCalls, clock: Clock) -> None:
        self._client = client
        self._calls = calls
        self._status_budget = TokenBucket(STATUS_RATE_PER_S, STATUS_BURST, 0, clock)

    async def definition(self, check_id: str) -> CheckDefinition:
        """The check's settings."""
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
        """The last report of each checker; reports in an unknown format are left out."""
        await self._status_budget.take()
        answer = await self._calls.ask(
            "GetHealthCheckStatus",
            lambda: self._client.get_health_check_status(HealthCheckId=check_id),
        )
        reports = map(_report, answer["HealthCheckObservations"])
        return tuple(report for report in reports if report is not None)


def _kind(type_: str) -> CheckKind:
    if type_ == "CALCULATED":
        return CheckKind.CALCULATED
    return CheckKind.OTHER if type_ in _NOT_PROBED else CheckKind.ENDPOINT


def _report(seen: HealthCheckObservationTypeDef) -> CheckerReport | None:
    report = seen.get("StatusReport", {})
    status, at = report.get("Status", ""), report.get("CheckedTime")
    if at is None or not status.startswith(("Success", "Failure")):
        return None
    checker = seen.get("IPAddress") or seen.get("Region", "")
    return CheckerReport(checker, status.startswith("Success"), at, status)
