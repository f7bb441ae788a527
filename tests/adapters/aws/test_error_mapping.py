"""The translation of each exception of the SDK, for reads and for writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.loaders import create_loader
from botocore.retries.standard import ThrottledRetryableChecker

from controller.adapters.aws.credentials import CredentialsUnavailableError
from controller.adapters.aws.error_mapping import (
    AUTHENTICATION_CODES,
    AUTHORIZATION_CODES,
    THROTTLE_CODES,
    denial,
    describe,
    provider_error,
    write_outcome,
)
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import OutcomeStatus

URL = "http://127.0.0.1:1"
REFUSED, UNKNOWN = OutcomeStatus.REFUSED, OutcomeStatus.UNKNOWN
AGAIN, NEVER = ProviderUnavailableError, ProviderRejectedError


def _answered(code: str, status: int, message: str = "why", **more: object) -> ClientError:
    response: Mapping[str, object] = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, "Operation")  # type: ignore[arg-type]  # a shape AWS sends


CASES = [
    (_answered("Throttling", 400), REFUSED, True, AGAIN),
    (_answered("Throttling", 503), REFUSED, True, AGAIN),
    (_answered("SlowDown", 503), REFUSED, True, AGAIN),
    (_answered("Unknown", 429), REFUSED, True, AGAIN),
    (_answered("Unknown", 509), REFUSED, True, AGAIN),
    (_answered("InvalidChangeBatch", 400), REFUSED, False, NEVER),
    (_answered("NoSuchHostedZone", 404), REFUSED, False, NEVER),
    (_answered("AccessDenied", 403), REFUSED, False, NEVER),
    (_answered("ExpiredToken", 403), REFUSED, False, AGAIN),
    (_answered("Unknown", 403), REFUSED, False, AGAIN),
    (CredentialsUnavailableError(problem="no usable AWS credentials: x"), REFUSED, False, AGAIN),
    (_answered("InternalFailure", 500), UNKNOWN, False, AGAIN),
    (_answered("ServiceUnavailable", 503), UNKNOWN, False, AGAIN),
    (TimeoutError(), UNKNOWN, False, AGAIN),
    (ReadTimeoutError(endpoint_url=URL), UNKNOWN, False, AGAIN),
    (ConnectionClosedError(endpoint_url=URL), UNKNOWN, False, AGAIN),
    (EndpointConnectionError(endpoint_url=URL), UNKNOWN, False, AGAIN),
    (NoCredentialsError(), REFUSED, False, AGAIN),
    (ParamValidationError(report="bad"), REFUSED, False, NEVER),
]


def _known_to_botocore() -> list[str]:
    """All codes that one of the SDK's retry modes takes for throttling, at any service."""
    data = create_loader().load_data("_retry")
    legacy = [
        data["definitions"][name]["applies_when"].get("response", {}).get("service_error_code")
        for name in data["retry"]["__default__"]["policies"].keys() & data["definitions"].keys()
    ]
    checker: Any = ThrottledRetryableChecker  # its stub has the public names alone
    standard = checker._THROTTLED_ERROR_CODES
    return sorted({*standard, *filter(None, legacy)})


@pytest.mark.parametrize("service", ["route53", "globalaccelerator"])
@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("code", _known_to_botocore())
def test_every_throttle_code_of_botocore_is_one_of_ours(
    code: str, status: int, service: str
) -> None:
    """A newer botocore may have more; one is a hard quota of Global Accelerator."""
    error = _answered(code, status)
    is_quota = service == "globalaccelerator" and code == "LimitExceededException"
    outcome = write_outcome(error, service)

    assert outcome.throttled is not is_quota
    if not is_quota:
        assert outcome.status is REFUSED
        assert type(provider_error(error, service, "Operation")) is AGAIN


def test_a_quota_of_global_accelerator_is_refused_for_good() -> None:
    """Waiting does not help."""
    error = _answered("LimitExceededException", 400)

    assert write_outcome(error, "globalaccelerator").status is REFUSED
    assert type(provider_error(error, "globalaccelerator", "Operation")) is NEVER


def test_no_code_of_ours_is_unknown_to_botocore() -> None:
    """Other codes would be retried without need."""
    assert set(_known_to_botocore()) == THROTTLE_CODES


@pytest.mark.parametrize(
    ("error", "status", "throttled", "_"), CASES, ids=lambda value: str(value)[:50]
)
def test_a_write_is_refused_only_if_aws_said_so(
    error: Exception, status: OutcomeStatus, throttled: bool, _: object
) -> None:
    """Refused, throttled or unknown; a write that raised never counts as applied."""
    outcome = write_outcome(error, "route53")

    assert (outcome.status, outcome.throttled) == (status, throttled)
    assert outcome.detail


@pytest.mark.parametrize(("error", "_", "__", "kind"), CASES, ids=lambda value: str(value)[:50])
def test_a_failed_read_says_whether_to_try_again(
    error: Exception, _: object, __: object, kind: type[Exception]
) -> None:
    """By its type; the message names the call."""
    raised = provider_error(error, "route53", "GetChange")

    assert type(raised) is kind
    assert str(raised).startswith("route53 GetChange: ")


def test_the_message_contains_all_faults_of_a_batch() -> None:
    """InvalidChangeBatch lists them beside its message."""
    error = _answered("InvalidChangeBatch", 400, "", messages=["not found", "wrong TTL"])

    assert write_outcome(error, "route53").detail == "InvalidChangeBatch: not found; wrong TTL"


def test_an_answer_without_any_detail_is_still_described() -> None:
    """A proxy's error page has neither code nor message."""
    error = ClientError({}, "Operation")

    assert write_outcome(error, "route53").status is UNKNOWN
    assert write_outcome(error, "route53").detail == "Unknown: no message"


_DENIED = [
    *(_answered(code, 403) for code in sorted(AUTHENTICATION_CODES | AUTHORIZATION_CODES)),
    *(_answered("Unknown", status) for status in (401, 403)),
    NoCredentialsError(),
    CredentialsUnavailableError(problem="x"),
]
_OTHER = [
    _answered("Throttling", 403),
    _answered("InvalidChangeBatch", 400),
    _answered("InternalFailure", 500),
    TimeoutError(),
    EndpointConnectionError(endpoint_url=URL),
    ParamValidationError(report="bad"),
]


@pytest.mark.parametrize("error", _DENIED, ids=describe)
def test_what_concerns_the_caller_is_a_denial(error: Exception) -> None:
    """Its reason is the error in one line."""
    assert denial(error) == describe(error)


@pytest.mark.parametrize("error", _OTHER, ids=describe)
def test_nothing_else_is_a_denial(error: Exception) -> None:
    """It says nothing of credentials or rights."""
    assert denial(error) is None
