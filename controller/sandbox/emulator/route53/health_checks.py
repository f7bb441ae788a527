"""Health checks: Route 53's control plane for them, and the status of each.

Follows the API reference: *HealthCheckConfig*, *CreateHealthCheck* (same reference and settings
answer the existing check), *UpdateHealthCheck* (HealthCheckVersion locks optimistically),
*ListHealthChecks*, *GetHealthCheckStatus*, *GetHealthCheckLastFailureReason*; and the developer
guide's *Values that you specify when you create or update health checks* and *Monitoring other
health checks*. One intended difference: AWS refuses loopback and private addresses, the sandbox
needs them. Not emulated: CLOUDWATCH_METRIC and RECOVERY_CONTROL checks, a choice of checker
Regions, ResetElements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controller.sandbox.emulator.checkers.reports import CHECKERS, CheckerReports, Observation
from controller.sandbox.emulator.http.wire_messages import (
    AwsError,
    Operation,
    Params,
    Result,
    not_emulated,
    present,
)
from controller.sandbox.emulator.identifiers import uuid_id
from controller.sandbox.emulator.route53.paging import page_by_id

CHECKS_PER_PAGE = 100
_API_PATH = "https://route53.amazonaws.com/2013-04-01"
_DEFAULT_PORTS = {"HTTP": 80, "HTTP_STR_MATCH": 80, "HTTPS": 443, "HTTPS_STR_MATCH": 443}
_PROBED_TYPES = (*_DEFAULT_PORTS, "TCP")


@dataclass(frozen=True, slots=True)
class HealthCheckConfig:
    """A check's settings; None if a setting does not apply to the type."""

    type: str
    ip_address: str | None = None
    port: int | None = None
    resource_path: str | None = None
    domain_name: str | None = None
    search_string: str | None = None
    interval_s: int | None = None
    failure_threshold: int | None = None
    measure_latency: bool | None = None
    enable_sni: bool | None = None
    inverted: bool = False
    disabled: bool = False
    health_threshold: int | None = None
    children: tuple[str, ...] | None = None


_MEMBERS = {
    "type": "Type",
    "ip_address": "IPAddress",
    "port": "Port",
    "resource_path": "ResourcePath",
    "domain_name": "FullyQualifiedDomainName",
    "search_string": "SearchString",
    "interval_s": "RequestInterval",
    "failure_threshold": "FailureThreshold",
    "measure_latency": "MeasureLatency",
    "enable_sni": "EnableSNI",
    "inverted": "Inverted",
    "disabled": "Disabled",
    "health_threshold": "HealthThreshold",
    "children": "ChildHealthChecks",
}
_NOT_EMULATED = (
    "Regions",
    "AlarmIdentifier",
    "InsufficientDataHealthStatus",
    "RoutingControlArn",
    "ResetElements",
)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A check with its version, which every update increases."""

    id: str
    caller_reference: str
    config: HealthCheckConfig
    version: int = 1


class HealthCheckStore:
    """All health checks, with the operations of the API as methods of the same names."""

    def __init__(self, reports: CheckerReports) -> None:
        self._reports = reports
        self._checks: dict[str, HealthCheck] = {}

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The operations of the API that are emulated here, by their names."""
        return {
            "CreateHealthCheck": self.create_health_check,
            "GetHealthCheck": self.get_health_check,
            "UpdateHealthCheck": self.update_health_check,
            "DeleteHealthCheck": self.delete_health_check,
            "ListHealthChecks": self.list_health_checks,
            "GetHealthCheckStatus": self.get_health_check_status,
            "GetHealthCheckLastFailureReason": self.get_health_check_last_failure_reason,
        }

    def exists(self, check_id: str) -> bool:
        """Whether a check was created and not deleted."""
        return check_id in self._checks

    def probed(self) -> Mapping[str, HealthCheckConfig]:
        """The checks whose endpoints the checkers probe, by id."""
        return {
            check.id: check.config
            for check in self._checks.values()
            if check.config.type in _PROBED_TYPES and not check.config.disabled
        }

    def is_healthy(self, check_id: str) -> bool:
        """The check's status; an unknown check counts as healthy."""
        check = self._checks.get(check_id)
        if check is None:
            return True
        return self._raw_health(check) != check.config.inverted

    def create_health_check(self, params: Params) -> Result:
        """A new check, or the existing one of the same reference and settings."""
        reference = params["CallerReference"]
        config = self._checked(_config_from_params(params["HealthCheckConfig"]))
        known = next((c for c in self._checks.values() if c.caller_reference == reference), None)
        if known is not None and known.config != config:
            message = f"A health check was already created with reference {reference}"
            raise AwsError("HealthCheckAlreadyExists", f"{message} and other settings")
        check = known or HealthCheck(uuid_id(reference), reference, config)
        self._checks[check.id] = check
        return {
            "HealthCheck": _check_result(check),
            "Location": f"{_API_PATH}/healthcheck/{check.id}",
        }

    def get_health_check(self, params: Params) -> Result:
        """One check."""
        return {"HealthCheck": _check_result(self._existing(params))}

    def update_health_check(self, params: Params) -> Result:
        """Change the settings given and no others; type and interval cannot be changed."""
        check = self._existing(params)
        expected = params.get("HealthCheckVersion", check.version)
        if expected != check.version:
            message = f"The health check has version {check.version}, not {expected}"
            raise AwsError("HealthCheckVersionMismatch", message)
        config = self._checked(replace(check.config, **_settings(params)))
        check = replace(check, config=config, version=check.version + 1)
        self._checks[check.id] = check
        return {"HealthCheck": _check_result(check)}

    def delete_health_check(self, params: Params) -> Result:
        """Delete a check, also one that records still refer to, as AWS does."""
        check = self._existing(params)
        del self._checks[check.id]
        self._reports.forget(check.id)
        return {}

    def list_health_checks(self, params: Params) -> Result:
        """Checks in the order of their ids, in pages that begin at `Marker`."""
        page, members = page_by_id(self._checks.values(), params, CHECKS_PER_PAGE)
        return {"HealthChecks": [_check_result(check) for check in page], **members}

    def get_health_check_status(self, params: Params) -> Result:
        """The last result of each checker."""
        return _observations(self._reports.observations(self._probed_check(params).id))

    def get_health_check_last_failure_reason(self, params: Params) -> Result:
        """The last failed result of each checker."""
        return _observations(self._reports.failures(self._probed_check(params).id))

    def _raw_health(self, check: HealthCheck) -> bool:
        if check.config.disabled:
            return True
        if check.config.type != "CALCULATED":
            return self._reports.endpoint_healthy(check.id)
        children = check.config.children or ()
        healthy = sum(self.is_healthy(child) for child in children)
        return healthy >= (check.config.health_threshold or 0)

    def _existing(self, params: Params) -> HealthCheck:
        check = self._checks.get(params["HealthCheckId"])
        if check is None:
            message = f"No health check exists with the specified ID {params['HealthCheckId']}"
            raise AwsError("NoSuchHealthCheck", message)
        return check

    def _probed_check(self, params: Params) -> HealthCheck:
        check = self._existing(params)
        if check.config.type not in _PROBED_TYPES:
            raise AwsError("InvalidInput", f"{check.config.type} checks have no checkers")
        return check

    def _checked(self, config: HealthCheckConfig) -> HealthCheckConfig:
        for child in config.children or ():
            known = self._checks.get(child)
            if known is None:
                raise AwsError("InvalidInput", f"Child health check {child} does not exist")
            if known.config.type == "CALCULATED":
                raise AwsError("InvalidInput", f"Child health check {child} is itself CALCULATED")
        problem = _config_problem(config)
        if problem:
            raise AwsError("InvalidInput", f"Invalid {config.type} health check: {problem}")
        return config


def _config_from_params(params: Params) -> HealthCheckConfig:
    kind = params["Type"]
    if kind == "CALCULATED":
        return HealthCheckConfig(kind, **_settings(params))
    if kind not in _PROBED_TYPES:
        raise not_emulated(f"health check type {kind}")
    defaults = HealthCheckConfig(
        kind,
        port=_DEFAULT_PORTS.get(kind),
        interval_s=30,
        failure_threshold=3,
        measure_latency=False,
        enable_sni=kind.startswith("HTTPS"),
    )
    return replace(defaults, **_settings(params))


def _settings(params: Params) -> Result:
    for member in _NOT_EMULATED:
        if member in params:
            raise not_emulated(f"health check member {member}")
    given = {
        name: params[member]
        for name, member in _MEMBERS.items()
        if member in params and name != "type"
    }
    if "children" in given:
        given["children"] = tuple(given["children"])
    return given


def _config_problem(config: HealthCheckConfig) -> str:
    if config.type == "CALCULATED":
        complete = config.children is not None and config.health_threshold is not None
        return "" if complete else "ChildHealthChecks and HealthThreshold are required"
    if config.children is not None or config.health_threshold is not None:
        return "ChildHealthChecks and HealthThreshold are for CALCULATED checks only"
    if config.ip_address is None and config.domain_name is None:
        return "IPAddress or FullyQualifiedDomainName is required"
    if config.port is None:
        return "Port is required"
    if config.interval_s not in (10, 30):
        return f"RequestInterval must be 10 or 30, not {config.interval_s}"
    if config.type.endswith("STR_MATCH") != bool(config.search_string):
        return "SearchString belongs to STR_MATCH types and is required there"
    return ""


def _check_result(check: HealthCheck) -> Result:
    settings = {member: getattr(check.config, name) for name, member in _MEMBERS.items()}
    if check.config.children is not None:
        settings["ChildHealthChecks"] = list(check.config.children)
    return {
        "Id": check.id,
        "CallerReference": check.caller_reference,
        "HealthCheckConfig": present(settings),
        "HealthCheckVersion": check.version,
    }


def _observations(observations: Sequence[Observation]) -> Result:
    reports = [
        {
            "Region": seen.region,
            "IPAddress": CHECKERS[seen.region],
            "StatusReport": {
                "Status": seen.status,
                "CheckedTime": datetime.fromtimestamp(seen.checked_at, UTC),
            },
        }
        for seen in observations
    ]
    return {"HealthCheckObservations": reports}
