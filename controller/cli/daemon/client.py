"""HTTP client of the admin API.

Every failure is a `click.ClickException` with a message and an exit code, so that no command prints
a traceback. The daemon's problems follow RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import click

from controller.cli.daemon.request_errors import (
    BY_STATUS,
    ApiError,
    WrongRequestError,
    with_valid_names,
)
from controller.cli.daemon.transport import ApiRequest, DaemonAddress, OpenReply, Transport

DEADLINE_S = 5.0
"""Seconds that a reply may take, unless the caller allows more."""
ANY_STATE = "*"
"""As `if_match`: the request depends on no state (RFC 9110, 13.1.1)."""


class ApiReply(dict[str, Any]):
    """A JSON object. Reading a missing member raises ClickException."""

    etag: str | None = None
    """The state that the reply describes, for `if_match`."""

    def __missing__(self, key: str) -> Any:
        raise click.ClickException(
            f"the daemon's answer has no {key!r}: it may be older or newer than this command"
        )


class Client:
    """Sends requests to the first daemon that replies.

    Every request raises UnreachableError without a reply and ApiError for a refusal.
    """

    def __init__(
        self,
        *urls: str,
        deadline_s: float = DEADLINE_S,
        token: str | None = None,
        production: str | None = None,
    ) -> None:
        """Raises ValueError when a url is not an admin API's address."""
        self._transport = Transport(urls, deadline_s)
        self._token = token
        self.production = production
        """Name of the client's context, if that is a production one."""

    def set_deadline(self, deadline_s: float) -> None:
        """Set how many seconds a reply may take from now on."""
        self._transport.deadline_s = deadline_s

    def get(self, path: str, **query: str) -> ApiReply:
        """The JSON object at a path."""
        return self._request_object("GET", path, query)

    def items(self, path: str, **query: str) -> Iterator[ApiReply]:
        """The items listed at a path; pages are fetched as they are needed."""
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            query = dict(parse_qsl(urlsplit(page["next"]).query))

    def get_text(self, path: str, **query: str) -> str:
        """The plain text at a path."""
        return self._request("GET", path, query, accept="text/plain")[2]

    def post(
        self, path: str, body: dict[str, Any], *, if_match: str | None = None, **query: str
    ) -> ApiReply:
        """The JSON object of the reply; refused if the state `if_match` is no longer current."""
        return self._request_object("POST", path, query, body, if_match)

    def patch(self, path: str, body: dict[str, Any], *, if_match: str | None = None) -> ApiReply:
        """The JSON object at a path after `body` changed it."""
        return self._request_object("PATCH", path, {}, body, if_match)

    def delete(self, path: str, *, if_match: str | None = None, **query: str) -> ApiReply:
        """The JSON object of the reply, after the resource at the path was deleted."""
        return self._request_object("DELETE", path, query, if_match=if_match)

    @contextmanager
    def stream(
        self, path: str, headers: dict[str, str], timeout_s: float, **query: str
    ) -> Iterator[HTTPResponse]:
        """An endless reply; reading it raises OSError after `timeout_s` without data."""
        stream_headers = {"Accept": "text/event-stream", **headers}
        open_reply = self._send("GET", path, query, None, stream_headers)
        try:
            if open_reply.response.status >= 300:
                raise self._refusal(open_reply, open_reply.response.read().decode(errors="replace"))
            if open_reply.connection.sock is not None:
                open_reply.connection.sock.settimeout(timeout_s)
            yield open_reply.response
        finally:
            open_reply.response.close()
            open_reply.connection.close()

    def _request_object(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | None = None,
        if_match: str | None = None,
    ) -> ApiReply:
        address, response, text = self._request(method, path, query, body, if_match=if_match)
        reply = _parse_object(text)
        if reply is None:
            raise _not_a_daemon(address, response.status, text)
        reply.etag = response.getheader("ETag")
        return reply

    def _request(
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
        open_reply = self._send(method, path, query, body, headers)
        try:
            text = open_reply.response.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise self._transport.lost(open_reply.address, method, error) from error
        finally:
            open_reply.connection.close()
        if open_reply.response.status >= 300:
            raise self._refusal(open_reply, text)
        return open_reply.address, open_reply.response, text

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

    def _refusal(self, open_reply: OpenReply, text: str) -> ApiError:
        status = open_reply.response.status
        problem = _parse_object(text)
        if problem is None or not isinstance(problem.get("title"), str):
            return _not_a_daemon(open_reply.address, status, text)
        valid = [str(value) for value in problem.get("valid_values") or ()]
        message = str(problem.get("detail") or problem["title"])
        error_class = BY_STATUS.get(status, ApiError)
        if status == 404 and valid and problem.get("field") != "path":
            error_class = WrongRequestError
        if status == 401 and self._token is None:
            message += "\nGive your token in GTC_TOKEN, GTC_TOKEN_FILE or a context."
        return error_class(with_valid_names(message, valid), status)


def _not_a_daemon(address: DaemonAddress, status: int, text: str) -> ApiError:
    """The error for a server that is not an admin API."""
    message = f"{address.url} does not answer as a daemon does ({status}): {text[:200]!r}"
    return ApiError(message, status)


def _parse_object(text: str) -> ApiReply | None:
    """The JSON object that the text is; None for any other text."""
    try:
        value = json.loads(text, object_hook=ApiReply)
    except ValueError:
        return None
    return value if isinstance(value, ApiReply) else None
