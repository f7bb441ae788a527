"""Reaching one of several daemons: addresses are tried in order, and it is said which answers.

A question goes on to the next address when one does not answer. An order does so only as long as no
connection stood: once it may have been received, another daemon must not be given it as well.
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
    """Where an admin API may be."""

    url: str
    parts: SplitResult

    @classmethod
    def of(cls, url: str) -> DaemonAddress:
        """Raises ValueError when `url` cannot be an admin API's address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address; http://host:port or https://host:port is")
        _ = parts.port  # raises for a port that is no number
        return cls(url.rstrip("/"), parts)

    def connect(self, timeout_s: float) -> HTTPConnection:
        """A connection that stands. Raises OSError."""
        kind = HTTPSConnection if self.parts.scheme == "https" else HTTPConnection
        connection = kind(self.parts.hostname or "", self.parts.port, timeout=timeout_s)
        connection.connect()
        return connection


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str | None = None


@dataclass(frozen=True, slots=True)
class OpenReply:
    """An answer whose body is still to be read; `connection` is to be closed then."""

    connection: HTTPConnection
    response: HTTPResponse
    address: DaemonAddress


class Transport:
    """Sends requests to the first address that answers, and stays there."""

    def __init__(self, urls: Sequence[str], deadline_s: float) -> None:
        """Raises ValueError when one of the urls is none."""
        self._addresses = [DaemonAddress.of(url) for url in urls]
        self.deadline_s = deadline_s
        """Seconds within which an address must answer."""

    def send(self, asked: ApiRequest) -> OpenReply:
        """The answer of the first address that gives one. Raises UnreachableError."""
        failures: list[str] = []
        for address in list(self._addresses):
            try:
                connection = address.connect(self.deadline_s)
            except OSError as error:
                failures.append(f"{address.url}: {error.strerror or error}")
                continue
            try:
                opened = _exchange(connection, address, asked)
            except (OSError, HTTPException) as error:
                connection.close()
                last = address is self._addresses[-1]
                if asked.method != "GET" or (last and not failures):
                    raise self.lost(address, asked.method, error) from error
                failures.append(f"{address.url}: {self._broken(error)}")
                continue
            self._settle(address, failures)
            return opened
        raise _nobody(failures)

    def lost(self, address: DaemonAddress, method: str, error: Exception) -> UnreachableError:
        """The connection stood, and no whole answer came: a write may have been carried out."""
        doubt = (
            ""
            if method == "GET"
            else "\nWhat was asked for may have been done: look with `gtc overrides`."
        )
        return UnreachableError(f"the daemon at {address.url} {self._broken(error)}{doubt}")

    def _broken(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"did not answer within {self.deadline_s:g} s"
        return f"broke off: {str(error) or type(error).__name__}"

    def _settle(self, address: DaemonAddress, failures: Sequence[str]) -> None:
        """From now on this address is asked first; say so when it was not the first."""
        if failures:
            click.echo("\n".join([*failures, f"{address.url} answers."]), err=True)
        self._addresses.remove(address)
        self._addresses.insert(0, address)


def _exchange(connection: HTTPConnection, address: DaemonAddress, asked: ApiRequest) -> OpenReply:
    target = address.parts.path.rstrip("/") + asked.path
    connection.request(asked.method, target, asked.body, dict(asked.headers))
    return OpenReply(connection, connection.getresponse(), address)


def _nobody(failures: Sequence[str]) -> UnreachableError:
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
