"""What an exception of the AWS SDK means to us.

A question ends in ProviderUnavailableError (ask again later) or ProviderRejectedError (asking again
does not help). A write ends in an Outcome, and there one rule decides: refused only if AWS answered
so. Whatever ended without such an answer is unknown, because the SDK reports a connection that
never came about and one that broke after sending by the same exception; the state is read again.

A throttled request was refused for rate or order alone and may be sent again later. Which codes say
so at which service is documented in part (*Throttling for Amazon Route 53 API requests*,
ChangeResourceRecordSets, UpdateEndpointGroup), so all that the SDK knows are. Nothing here retries.
"""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)

from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import Outcome, OutcomeStatus

AWS_ERRORS = (ClientError, BotoCoreError, TimeoutError)
"""Everything a call of the SDK under a deadline may raise."""

THROTTLE_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""The codes that botocore takes for throttling; a test notices when it learns another."""

HARD_QUOTAS = {"globalaccelerator": frozenset({"LimitExceededException"})}
"""Service to those of them that mean a quota there, which no waiting changes (Global Accelerator's
API reference: processing the request would exceed a limit of the account)."""

_TOO_MANY_REQUESTS = (429, 509)
"""Statuses that mean throttling whatever the code: too many requests, bandwidth limit exceeded."""

_NEVER_SENT = (NoCredentialsError, PartialCredentialsError, NoRegionError, ParamValidationError)


def provider_error(
    error: Exception, service: str, operation: str
) -> ProviderUnavailableError | ProviderRejectedError:
    """What to raise for a question that failed; to be raised `from error`."""
    message = f"{service} {operation}: {describe(error)}"
    if isinstance(error, ClientError):
        unavailable = is_throttle(error, service) or _status(error) >= 500
    else:
        unavailable = not isinstance(error, _NEVER_SENT)
    return (ProviderUnavailableError if unavailable else ProviderRejectedError)(message)


def write_outcome(error: Exception, service: str) -> Outcome:
    """What became of a write that raised."""
    throttled = is_throttle(error, service)
    refused = throttled or isinstance(error, _NEVER_SENT)
    if isinstance(error, ClientError) and 400 <= _status(error) < 500:
        refused = True
    return Outcome(
        OutcomeStatus.REFUSED if refused else OutcomeStatus.UNKNOWN,
        describe(error),
        throttled=throttled,
    )


def is_throttle(error: Exception, service: str) -> bool:
    """Whether AWS refused for rate or order alone."""
    if not isinstance(error, ClientError) or _code(error) in HARD_QUOTAS.get(service, ()):
        return False
    return _code(error) in THROTTLE_CODES or _status(error) in _TOO_MANY_REQUESTS


def describe(error: Exception) -> str:
    """One line a person reads: AWS's code and message, or what happened to the connection."""
    if isinstance(error, ClientError):
        return f"{_code(error)}: {_message(error)}"
    if isinstance(error, TimeoutError):
        return "no answer within the deadline"
    return f"{type(error).__name__}: {error}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _message(error: ClientError) -> str:
    """InvalidChangeBatch says what is wrong in a list beside the message."""
    parts = [str(error.response.get("Error", {}).get("Message", ""))]
    listed = error.response.get("messages")
    if isinstance(listed, list):
        parts += [str(text) for text in listed if str(text) not in parts[0]]
    return "; ".join(part for part in parts if part) or "no message"


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
