"""HTTP requests to one of several daemons; the addresses are tried in order.

A GET goes to the next address whenever an address does not reply. Any other request does so only if
no connection was made: once a daemon may have received it, no other daemon may get it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

import click

from controller.cli.daemon.request_errors import UnreachableError


@dataclass(frozen=True, slots=True)
class DaemonAddress:
    """The address of an admin API."""

    url: str
    parts: SplitResult

    @classmethod
    def of(cls, url: str) -> DaemonAddress:
        """The parsed `url`. Raises ValueError unless it is http or https with a host."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address; http://host:port or https://host:port is")
        _ = parts.port  # raises for a port that is no number
        return cls(url.rstrip("/"), parts)

    def connect(self, timeout_s: float) -> HTTPConnection:
        """An open connection. Raises OSError."""
        connection_class = HTTPSConnection if self.parts.scheme == "https" else HTTPConnection
        connection = connection_class(self.parts.hostname or "", self.parts.port, timeout=timeout_s)
        connection.connect()
        return connection


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
