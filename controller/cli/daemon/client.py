"""HTTP client of the admin API.

Every failure is a `click.ClickException` with a message and an exit code, so that no command prints
a traceback.

With several addresses, a GET goes to the next one whenever an address does not reply. Any other
request does so only if no connection was made: once a daemon may have received it, no other daemon
may get it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import click

from controller.cli.daemon.address import DaemonAddress
from controller.cli.daemon.replies import ApiReply, not_a_daemon, parse_object, refusal
from controller.cli.daemon.request_errors import ApiError, UnreachableError

DEADLINE_S = 5.0
"""Seconds that a reply may take, unless the caller allows more."""
ANY_STATE = "*"
"""As `if_match`: the request depends on no state (RFC 9110, 13.1.1)."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One HTTP request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str | None = None


@dataclass(frozen=True, slots=True)
class OpenReply:
    """A reply whose body is not read yet; the caller closes `connection` afterwards."""

    connection: HTTPConnection
    response: HTTPResponse
    address: DaemonAddress


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
                text = open_reply.response.read().decode(errors="replace")
                raise self._refusal(open_reply, text)
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
        reply = parse_object(text)
        if reply is None:
            raise not_a_daemon(address.url, response.status, text)
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
        status, has_token = open_reply.response.status, self._token is not None
        return refusal(open_reply.address.url, status, text, has_token=has_token)


class Transport:
    """Sends requests to the first address that replies, and to that one first from then on."""

    def __init__(self, urls: Sequence[str], deadline_s: float) -> None:
        """Raises ValueError when a url is not valid."""
        self._addresses = [DaemonAddress.of(url) for url in urls]
        self.deadline_s = deadline_s
        """Seconds that connecting, and each read, may take."""

    def send(self, request: ApiRequest) -> OpenReply:
        """The reply of the first address that gives one. Raises UnreachableError."""
        failures: list[str] = []
        for address in list(self._addresses):
            try:
                connection = address.connect(self.deadline_s)
            except OSError as error:
                failures.append(f"{address.url}: {error.strerror or error}")
                continue
            try:
                open_reply = _exchange(connection, address, request)
            except (OSError, HTTPException) as error:
                connection.close()
                last = address is self._addresses[-1]
                if request.method != "GET" or (last and not failures):
                    raise self.lost(address, request.method, error) from error
                failures.append(f"{address.url}: {self._failure_text(error)}")
                continue
            self._prefer(address, failures)
            return open_reply
        raise _no_answer(failures)

    def lost(self, address: DaemonAddress, method: str, error: Exception) -> UnreachableError:
        """The error for a reply that is not complete: a write may have been carried out."""
        hint = (
            ""
            if method == "GET"
            else "\nWhat was asked for may have been done: look with `gtc overrides`."
        )
        return UnreachableError(f"the daemon at {address.url} {self._failure_text(error)}{hint}")

    def _failure_text(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"did not answer within {self.deadline_s:g} s"
        return f"broke off: {str(error) or type(error).__name__}"

    def _prefer(self, address: DaemonAddress, failures: Sequence[str]) -> None:
        """Try this address first from now on; print a note when others failed before it."""
        if failures:
            click.echo("\n".join([*failures, f"{address.url} answers."]), err=True)
        self._addresses.remove(address)
        self._addresses.insert(0, address)


def _exchange(connection: HTTPConnection, address: DaemonAddress, request: ApiRequest) -> OpenReply:
    target = address.parts.path.rstrip("/") + request.path
    connection.request(request.method, target, request.body, dict(request.headers))
    return OpenReply(connection, connection.getresponse(), address)


def _no_answer(failures: Sequence[str]) -> UnreachableError:
    if len(failures) == 1:
        url, _, reason = failures[0].partition(": ")
        tried = f"no daemon answers at {url}: {reason}"
    else:
        tried = "no daemon answers:\n" + "\n".join(f"  {failure}" for failure in failures)
    return UnreachableError(
        f"{tried}\n"
        "Start one with `gtc run FILE` or try the sandbox with `make demo`, "
        "or say where it is with --endpoint or GTC_URL."
    )
