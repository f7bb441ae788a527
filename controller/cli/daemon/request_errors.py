"""Errors of requests to the daemon, each with its exit code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import click

from controller.cli import exit_codes

_TOO_MANY_REQUESTS = 429
_QUOTED = re.compile(r"'([^']+)'")
"""The refused value, which the daemon's messages quote."""


class UnreachableError(click.ClickException):
    """No daemon replies within the deadline."""

    exit_code = exit_codes.UNREACHABLE


class TimedOutError(click.ClickException):
    """What the command waits for has not happened within its timeout."""

    exit_code = exit_codes.TIMEOUT


class ApiError(click.ClickException):
    """The daemon refused the request or failed to process it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == _TOO_MANY_REQUESTS or self.status >= 500


class WrongRequestError(ApiError):
    """The request names something unknown or is not valid."""

    exit_code = exit_codes.USAGE


class NotAllowedError(ApiError):
    """The caller is not authenticated or its role does not allow the request."""

    exit_code = exit_codes.AUTH


class RefusedError(ApiError):
    """The request is valid, but the daemon refuses it in its present state."""

    exit_code = exit_codes.REFUSED


BY_STATUS: dict[int, type[ApiError]] = {
    400: WrongRequestError,
    401: NotAllowedError,
    403: NotAllowedError,
    409: RefusedError,
    412: RefusedError,
    422: WrongRequestError,
    428: RefusedError,
}
"""Error classes by HTTP status; ApiError for any other status."""


def unknown_name(kind: str, name: str, valid: Sequence[str]) -> ApiError:
    """The error for a name that no `kind` has; `valid` are the names that exist."""
    if not valid:
        return WrongRequestError(f"no {kind} is named {name!r}; there is none yet", 404)
    return WrongRequestError(with_valid_names(f"no {kind} is named {name!r}", valid), 404)


def with_valid_names(message: str, valid: Sequence[str]) -> str:
    """The message with the nearest valid name and all valid names, unless it names them all."""
    if all(name in message for name in valid):
        return message
    refused = None if "did you mean" in message else _QUOTED.search(message)
    nearest = difflib.get_close_matches(refused[1], valid, n=1) if refused else []
    hint = f"Did you mean {nearest[0]}? " if nearest else ""
    return f"{message}\n{hint}Valid: {', '.join(valid)}"
