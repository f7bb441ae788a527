"""The commands' way to the admin API: one request, one answer, or one message a person can act on.

Every failure leaves here as a `click.ClickException` with its exit code, so that no command prints
a traceback. What an answer means is the business of the command that asked. Problems follow
RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

import difflib
import json
import re
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import click

from controller.cli import exit_codes

DEFAULT_URL = "http://127.0.0.1:8640"
_DEADLINE_S = 5.0
_QUOTED = re.compile(r"'([^']+)'")
"""The daemon's messages quote the value they refuse."""


class UnreachableError(click.ClickException):
    """No daemon answers, or not in time."""

    exit_code = exit_codes.UNREACHABLE


class ApiError(click.ClickException):
    """The daemon answered that it cannot or will not."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class WrongRequestError(ApiError):
    """What was asked for does not exist or is not allowed."""

    exit_code = exit_codes.USAGE


class NotAllowedError(ApiError):
    """The caller may not do this."""

    exit_code = exit_codes.AUTH


class RefusedError(ApiError):
    """It makes sense, and not now."""

    exit_code = exit_codes.REFUSED


_ERRORS: dict[int, type[ApiError]] = {
    400: WrongRequestError,
    401: NotAllowedError,
    403: NotAllowedError,
    409: RefusedError,
    412: RefusedError,
    422: WrongRequestError,
}
"""By HTTP status; any other is an ApiError."""


class Answer(dict[str, Any]):
    """A JSON object. A member that is not there ends the command with a message."""

    def __missing__(self, key: str) -> Any:
        raise click.ClickException(
            f"the daemon's answer has no {key!r}: it may be older or newer than this command"
        )


class Client:
    """Asks one daemon. Every method raises UnreachableError and ApiError."""

    def __init__(self, url: str, deadline_s: float = _DEADLINE_S) -> None:
        """Raises ValueError when `url` cannot be an admin API's address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address; http://host:port or https://host:port is")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=deadline_s)
        self._path = parts.path.rstrip("/")
        self._deadline_s = deadline_s
        self.url = url.rstrip("/")

    def get(self, path: str, **query: str) -> Answer:
        """The JSON object at a path."""
        return self._object("GET", path, query)

    def get_text(self, path: str, **query: str) -> str:
        """What the daemon says of a path in words."""
        return self._ask("GET", path, query, accept="text/plain")[1]

    def post(self, path: str, body: dict[str, Any], **query: str) -> Answer:
        """The JSON object answered to `body`."""
        return self._object("POST", path, query, body)

    def delete(self, path: str, **query: str) -> Answer:
        """The JSON object answered when what is at the path has ended."""
        return self._object("DELETE", path, query)

    def _object(
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None = None
    ) -> Answer:
        status, text = self._ask(method, path, query, body)
        answer = _parsed(text)
        if answer is None:
            raise self._foreign(status, text)
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | None = None,
        accept: str = "application/json",
    ) -> tuple[int, str]:
        target = self._path + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._connect()
        try:
            data = None if body is None else json.dumps(body)
            self._connection.request(method, target, data, headers)
            response = self._connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise self._lost(method, error) from error
        finally:
            self._connection.close()
        if response.status >= 300:
            raise self._refusal(response, text)
        return response.status, text

    def _connect(self) -> None:
        try:
            self._connection.connect()
        except OSError as error:
            raise UnreachableError(
                f"no daemon answers at {self.url}: {error.strerror or error}\n"
                "Start one with `gtc run FILE` or try the sandbox with `make demo`, "
                "or say where it is with --endpoint or GTC_URL."
            ) from error

    def _lost(self, method: str, error: Exception) -> UnreachableError:
        """The connection stood, and no whole answer came: a write may have been carried out."""
        if isinstance(error, TimeoutError):
            what = f"did not answer within {self._deadline_s:g} s"
        else:
            what = f"broke off: {str(error) or type(error).__name__}"
        doubt = (
            ""
            if method == "GET"
            else "\nWhat was asked for may have been done: look with `gtc overrides`."
        )
        return UnreachableError(f"the daemon at {self.url} {what}{doubt}")

    def _refusal(self, response: HTTPResponse, text: str) -> ApiError:
        problem = _parsed(text)
        if problem is None or not isinstance(problem.get("title"), str):
            return self._foreign(response.status, text)
        valid = [str(value) for value in problem.get("valid_values") or ()]
        message = str(problem.get("detail") or problem["title"])
        kind = _ERRORS.get(response.status, ApiError)
        if response.status == 404 and valid and problem.get("field") != "path":
            kind = WrongRequestError
        return kind(_with_valid(message, valid), response.status)

    def _foreign(self, status: int, text: str) -> ApiError:
        """Something listens there, and it is not the admin API."""
        message = f"{self.url} does not answer as a daemon does ({status}): {text[:200]!r}"
        return ApiError(message, status)


def unknown(kind: str, name: str, valid: list[str]) -> ApiError:
    """What to raise when no `kind` has the name a person gave."""
    return WrongRequestError(_with_valid(f"no {kind} is named {name!r}", valid), 404)


def endpoint_option(command: Any) -> Any:
    """`--endpoint`: the command gets a `client` that asks there."""
    return click.option(
        "--endpoint",
        "client",
        metavar="URL",
        envvar="GTC_URL",
        default=DEFAULT_URL,
        show_default=True,
        show_envvar=True,
        callback=_client,
        help="Where the daemon's admin API is.",
    )(command)


def _client(context: click.Context, parameter: click.Parameter, value: str) -> Client:
    try:
        return Client(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def _parsed(text: str) -> Answer | None:
    """The JSON object in a text; None when there is none."""
    try:
        value = json.loads(text, object_hook=Answer)
    except ValueError:
        return None
    return value if isinstance(value, Answer) else None


def _with_valid(message: str, valid: list[str]) -> str:
    """A message with the nearest valid name and all of them, unless it says so itself."""
    if all(name in message for name in valid):
        return message
    refused = None if "did you mean" in message else _QUOTED.search(message)
    near = difflib.get_close_matches(refused[1], valid, n=1) if refused else []
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{message}\n{hint}Valid: {', '.join(valid)}"
