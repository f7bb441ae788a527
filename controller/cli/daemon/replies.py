"""What the admin API's replies mean: JSON objects and problems.

Problems follow RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

import json
from typing import Any

import click

from controller.cli.daemon.request_errors import (
    BY_STATUS,
    ApiError,
    WrongRequestError,
    with_valid_names,
)


class ApiReply(dict[str, Any]):
    """A JSON object. Reading a missing member raises ClickException."""

    etag: str | None = None
    """The state that the reply describes, for `if_match`."""

    def __missing__(self, key: str) -> Any:
        raise click.ClickException(
            f"the daemon's answer has no {key!r}: it may be older or newer than this command"
        )


def parse_object(text: str) -> ApiReply | None:
    """The JSON object that the text is; None for any other text."""
    try:
        value = json.loads(text, object_hook=ApiReply)
    except ValueError:
        return None
    return value if isinstance(value, ApiReply) else None


def refusal(url: str, status: int, text: str, *, has_token: bool) -> ApiError:
    """The error for a reply of status 300 or above."""
    problem = parse_object(text)
    if problem is None or not isinstance(problem.get("title"), str):
        return not_a_daemon(url, status, text)
    valid = [str(value) for value in problem.get("valid_values") or ()]
    message = str(problem.get("detail") or problem["title"])
    error_class = BY_STATUS.get(status, ApiError)
    if status == 404 and valid and problem.get("field") != "path":
        error_class = WrongRequestError
    if status == 401 and not has_token:
        message += "\nGive your token in GTC_TOKEN, GTC_TOKEN_FILE or a context."
    return error_class(with_valid_names(message, valid), status)


def not_a_daemon(url: str, status: int, text: str) -> ApiError:
    """The error for a server that is not an admin API."""
    message = f"{url} does not answer as a daemon does ({status}): {text[:200]!r}"
    return ApiError(message, status)
