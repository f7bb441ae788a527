"""Everything that can go wrong between a command and the daemon, with its exit code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import click

from controller.cli import exit_codes

_TOO_MANY = 429
_QUOTED = re.compile(r"'([^']+)'")
"""The daemon's messages quote the value they refuse."""


class UnreachableError(click.ClickException):
    """No daemon answers, or not in time."""

    exit_code = exit_codes.UNREACHABLE


class TimedOutError(click.ClickException):
    """It has not all happened in time."""

    exit_code = exit_codes.TIMEOUT


class ApiError(click.ClickException):
    """The daemon answered that it cannot or will not."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.status == _TOO_MANY or self.status >= 500


class WrongRequestError(ApiError):
    """What was asked for does not exist or is not allowed."""

    exit_code = exit_codes.USAGE


class NotAllowedError(ApiError):
    """The caller may not do this."""

    exit_code = exit_codes.AUTH


class RefusedError(ApiError):
    """It makes sense, and not now."""

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
"""By HTTP status; any other is an ApiError."""


def unknown(kind: str, name: str, valid: Sequence[str]) -> ApiError:
    """What to raise when no `kind` has the name a person gave."""
    if not valid:
        return WrongRequestError(f"no {kind} is named {name!r}; there is none yet", 404)
    return WrongRequestError(with_valid(f"no {kind} is named {name!r}", valid), 404)


def with_valid(message: str, valid: Sequence[str]) -> str:
    """A message with the nearest valid name and all of them, unless it says so itself."""
    if all(name in message for name in valid):
        return message
    refused = None if "did you mean" in message else _QUOTED.search(message)
    near = difflib.get_close_matches(refused[1], valid, n=1) if refused else []
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{message}\n{hint}Valid: {', '.join(valid)}"
