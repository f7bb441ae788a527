"""The commands' way to the admin API: one request, one answer, or one message a person can act on.

Every failure leaves here as a `click.ClickException` with its exit code, so that no command prints
a traceback. What an answer means is the business of the command that asked. Problems follow
RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import click
from click.core import ParameterSource

from controller.cli.daemon.address import DEFAULT_URL, Access, access
from controller.cli.daemon.request_errors import BY_STATUS, ApiError, WrongRequestError, with_valid
from controller.cli.daemon.transport import ApiRequest, DaemonAddress, OpenReply, Transport

_DEADLINE_S = 5.0
ANY = "*"
"""As `if_match`: whatever stands there now (RFC 9110, 13.1.1)."""


class ApiReply(dict[str, Any]):
    """A JSON object. A member that is not there ends the command with a message."""

    etag: str | None = None
    """Names the state that the whole answer speaks of."""

    def __missing__(self, key: str) -> Any:
        raise click.ClickException(
            f"the daemon's answer has no {key!r}: it may be older or newer than this command"
        )


class Client:
    """Asks the first daemon that answers. Every method raises UnreachableError and ApiError."""

    def __init__(
        self,
        *urls: str,
        deadline_s: float = _DEADLINE_S,
        token: str | None = None,
        production: str | None = None,
    ) -> None:
        """Raises ValueError when a url cannot be an admin API's address."""
        self._transport = Transport(urls, deadline_s)
        self._token = token
        self.production = production
        """Name of the production context this client speaks to, if it is one."""

    def allow(self, deadline_s: float) -> None:
        """Wait so long for an answer from now on, because what is asked for takes its time."""
        self._transport.deadline_s = deadline_s

    def get(self, path: str, **query: str) -> ApiReply:
        """The JSON object at a path."""
        return self._object("GET", path, query)

    def items(self, path: str, **query: str) -> Iterator[ApiReply]:
        """What is listed at a path, page by page as it is needed."""
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            query = dict(parse_qsl(urlsplit(page["next"]).query))

    def get_text(self, path: str, **query: str) -> str:
        """What the daemon says of a path in words."""
        return self._ask("GET", path, query, accept="text/plain")[2]

    def post(
        self, path: str, body: dict[str, Any], *, if_match: str | None = None, **query: str
    ) -> ApiReply:
        """The JSON object answered to `body`; with `if_match` only while that state lasts."""
        return self._object("POST", path, query, body, if_match)

    def patch(self, path: str, body: dict[str, Any], *, if_match: str | None = None) -> ApiReply:
        """The JSON object at a path as `body` has changed it."""
        return self._object("PATCH", path, {}, body, if_match)

    def delete(self, path: str, *, if_match: str | None = None, **query: str) -> ApiReply:
        """The JSON object answered when what is at the path has ended."""
        return self._object("DELETE", path, query, if_match=if_match)

    @contextmanager
    def stream(
        self, path: str, headers: dict[str, str], timeout_s: float, **query: str
    ) -> Iterator[HTTPResponse]:
        """An answer without end; reading it raises OSError after `timeout_s` of silence."""
        accepted = {"Accept": "text/event-stream", **headers}
        opened = self._send("GET", path, query, None, accepted)
        try:
            if opened.response.status >= 300:
                raise self._refusal(opened, opened.response.read().decode(errors="replace"))
            if opened.connection.sock is not None:
                opened.connection.sock.settimeout(timeout_s)
            yield opened.response
        finally:
            opened.response.close()
            opened.connection.close()

    def _object(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | None = None,
        if_match: str | None = None,
    ) -> ApiReply:
        address, response, text = self._ask(method, path, query, body, if_match=if_match)
        answer = _parsed(text)
        if answer is None:
            raise _foreign(address, response.status, text)
        answer.etag = response.getheader("ETag")
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | None = None,
        accept: str = "application/json",
        if_match: str | None = None,
    ) -> tuple[DaemonAddress, HTTPResponse, str]:
        headers = {"Accept": accept, "Connection": "close"}
        if if_match is not None:
            headers["If-Match"] = if_match
        opened = self._send(method, path, query, body, headers)
        try:
            text = opened.response.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise self._transport.lost(opened.address, method, error) from error
        finally:
            opened.connection.close()
        if opened.response.status >= 300:
            raise self._refusal(opened, text)
        return opened.address, opened.response, text

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | None,
        headers: dict[str, str],
    ) -> OpenReply:
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body)
        target = path + (f"?{urlencode(query)}" if query else "")
        return self._transport.send(ApiRequest(method, target, headers, data))

    def _refusal(self, opened: OpenReply, text: str) -> ApiError:
        status = opened.response.status
        problem = _parsed(text)
        if problem is None or not isinstance(problem.get("title"), str):
            return _foreign(opened.address, status, text)
        valid = [str(value) for value in problem.get("valid_values") or ()]
        message = str(problem.get("detail") or problem["title"])
        kind = BY_STATUS.get(status, ApiError)
        if status == 404 and valid and problem.get("field") != "path":
            kind = WrongRequestError
        if status == 401 and self._token is None:
            message += "\nGive your token in GTC_TOKEN, GTC_TOKEN_FILE or a context."
        return kind(with_valid(message, valid), status)


def endpoint_option(command: Callable[..., Any]) -> Any:
    """`--endpoint` and `--context`: the command gets a `client` that asks there."""

    @wraps(command)
    def wrapped(
        *arguments: Any, endpoints: Sequence[str], context_name: str | None, **options: Any
    ) -> Any:
        client = client_of(click.get_current_context(), endpoints, context_name)
        return command(*arguments, client=client, **options)

    return place_options(wrapped)


def place_options(command: Callable[..., Any]) -> Any:
    """`--endpoint` and `--context` as `endpoints` and `context_name`, for `client_of`."""
    return click.option(
        "--endpoint",
        "endpoints",
        metavar="URL",
        envvar="GTC_URL",
        multiple=True,
        show_envvar=True,
        help="Where the daemon's admin API is; given several times, they are tried in this "
        f"order. Default: {DEFAULT_URL}",
    )(
        click.option(
            "--context",
            "context_name",
            metavar="NAME",
            envvar="GTC_CONTEXT",
            show_envvar=True,
            help="A place that `gtc context` knows.",
        )(command)
    )


def client_of(
    context: click.Context,
    endpoints: Sequence[str],
    context_name: str | None,
    deadline_s: float = _DEADLINE_S,
) -> Client:
    """The client that a command's options, environment and context file ask for."""
    typed = ParameterSource.COMMANDLINE
    found: Access = access(
        endpoints,
        context_name,
        endpoints_typed=context.get_parameter_source("endpoints") is typed,
        context_typed=context.get_parameter_source("context_name") is typed,
    )
    try:
        return Client(
            *found.urls, deadline_s=deadline_s, token=found.token, production=found.production
        )
    except ValueError as error:
        raise click.BadParameter(str(error), context, param_hint="--endpoint") from error


def _foreign(address: DaemonAddress, status: int, text: str) -> ApiError:
    """Something listens there, and it is not the admin API."""
    message = f"{address.url} does not answer as a daemon does ({status}): {text[:200]!r}"
    return ApiError(message, status)


def _parsed(text: str) -> ApiReply | None:
    """The JSON object in a text; None when there is none."""
    try:
        value = json.loads(text, object_hook=ApiReply)
    except ValueError:
        return None
    return value if isinstance(value, ApiReply) else None
