"""Translation of the AWS SDK's exceptions.

A failed read raises ProviderUnavailableError (try again later) or ProviderRejectedError (trying
again does not help). A failed write has an Outcome: refused only if AWS answered so, otherwise
unknown. The SDK raises the same exception for a connection that was never made and for one that
broke after sending, so the state must be read again.

A throttled request was refused only because of rate or order and may be sent again later. AWS
documents its codes only in part (*Throttling for Amazon Route 53 API requests*,
ChangeResourceRecordSets, UpdateEndpointGroup), so all codes that the SDK knows count. This module
does not retry.
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

from controller.adapters.aws.credentials import CredentialsUnavailableError
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import Outcome, OutcomeStatus

AWS_ERRORS = (ClientError, BotoCoreError, TimeoutError)
"""All exceptions that a call of the SDK with a deadline may raise."""

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
"""botocore's codes for throttling; a test fails when botocore adds one."""

HARD_QUOTAS = {"globalaccelerator": frozenset({"LimitExceededException"})}
"""Service to the codes that mean a quota there, so that waiting does not help (Global Accelerator's
API reference: processing the request would exceed a limit of the account)."""

_TOO_MANY_REQUESTS = (429, 509)
"""HTTP statuses that mean throttling with any code: too many requests, bandwidth exceeded."""

AUTHENTICATION_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClient",
        "UnrecognizedClientException",
    }
)
"""AWS does not know the caller or its signature; other credentials may be accepted. From *Common
errors* of the API references of Route 53, Global Accelerator, STS and S3."""

AUTHORIZATION_CODES = frozenset(
    {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}
)
"""AWS knows the caller, who lacks the right."""

_UNAUTHORIZED = (401, 403)
"""HTTP statuses that mean one of both with any code."""

NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialsUnavailableError)
"""Exceptions of a call that was not sent, because nothing could sign it."""

_NEVER_SENT = (*NO_CREDENTIALS, NoRegionError, ParamValidationError)


def provider_error(
    error: Exception, service: str, operation: str
) -> ProviderUnavailableError | ProviderRejectedError:
    """The exception for a failed read; raise it `from error`."""
    message = f"{service} {operation}: {describe(error)}"
    if isinstance(error, ClientError):
        server_error = _status(error) >= 500
        unavailable = is_throttle(error, service) or server_error or is_unauthenticated(error)
    else:  # credentials may come yet
        unavailable = isinstance(error, NO_CREDENTIALS) or not isinstance(error, _NEVER_SENT)
    return (ProviderUnavailableError if unavailable else ProviderRejectedError)(message)


def write_outcome(error: Exception, service: str) -> Outcome:
    """The outcome of a write that raised `error`."""
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
    """Whether AWS refused only because of rate or order."""
    if not isinstance(error, ClientError) or _code(error) in HARD_QUOTAS.get(service, ()):
        return False
    return _code(error) in THROTTLE_CODES or _status(error) in _TOO_MANY_REQUESTS


def is_unauthenticated(error: Exception) -> bool:
    """Whether AWS refused the credentials or the signature, so that others may be accepted."""
    if not isinstance(error, ClientError) or _code(error) in AUTHORIZATION_CODES:
        return False
    unauthorized = _status(error) in _UNAUTHORIZED and _code(error) not in THROTTLE_CODES
    return unauthorized or _code(error) in AUTHENTICATION_CODES


def denial(error: Exception) -> str | None:
    """Why the caller's credentials or rights do not do; None for any other error."""
    missing_right = isinstance(error, ClientError) and _code(error) in AUTHORIZATION_CODES
    denied = missing_right or is_unauthenticated(error) or isinstance(error, NO_CREDENTIALS)
    return describe(error) if denied else None


def describe(error: Exception) -> str:
    """One line for people: AWS's code and message, or what happened to the connection."""
    if isinstance(error, ClientError):
        return f"{_code(error)}: {_message(error)}"
    if isinstance(error, TimeoutError):
        return "no answer within the deadline"
    if isinstance(error, CredentialsUnavailableError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _message(error: ClientError) -> str:
    """The message, with the list of faults that InvalidChangeBatch has beside it."""
    parts = [str(error.response.get("Error", {}).get("Message", ""))]
    listed = error.response.get("messages")
    if isinstance(listed, list):
        parts += [str(text) for text in listed if str(text) not in parts[0]]
    return "; ".join(part for part in parts if part) or "no message"


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
