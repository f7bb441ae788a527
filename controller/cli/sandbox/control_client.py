"""HTTP client of the control APIs of a running sandbox, on this machine."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import click

from controller.cli import exit_codes
from controller.cli.daemon.request_errors import with_valid_names

_DEADLINE_S = 5.0


class SandboxUnreachableError(click.ClickException):
    """No sandbox replies."""

    exit_code = exit_codes.UNREACHABLE


class WrongValueError(click.ClickException):
    """The sandbox has nothing of the name that was given."""

    exit_code = exit_codes.USAGE


def call(
    url: str, variable: str, method: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The control API's reply. Raises ClickException without a reply or for a refusal.

    `variable` is the environment variable that sets `url`; the message names it.
    """
    base = url.rstrip("/")
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    opener = build_opener(ProxyHandler({}))  # the sandbox is on this machine
    try:
        request = Request(f"{base}{path}", data=data, headers=headers, method=method)
        with opener.open(request, timeout=_DEADLINE_S) as response:
            reply: dict[str, Any] = json.load(response)
            return reply
    except HTTPError as error:
        raise _refusal(error) from error
    except (URLError, OSError, ValueError) as error:
        raise SandboxUnreachableError(
            f"no sandbox answers at {base}: {getattr(error, 'reason', error)}\n"
            "Start one with `make demo` or `gtc sandbox run`, "
            f"or say where it is in {variable}."
        ) from error


def _refusal(error: HTTPError) -> click.ClickException:
    text = error.read().decode(errors="replace")
    try:
        problem = json.loads(text)
        message = with_valid_names(problem["detail"], problem["valid_values"])
    except (ValueError, KeyError, TypeError):  # the server is not a sandbox
        message = f"{error.url} answered {error.code}: {text[:200]}"
    return (WrongValueError if error.code == 400 else click.ClickException)(message)
