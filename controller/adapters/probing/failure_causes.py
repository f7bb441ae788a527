"""The cause of a failed probe: the endpoint failed, or this process could not probe.

The difference matters because traffic must not move when only the prober is broken: one without
file descriptors, memory or a route says nothing about the endpoint. A lack of local ports and a
missing route count as the prober's fault; `planning.health.unreachable` settles whether a missing
route is the endpoint's after all.

An attempt over several addresses has several outcomes; the most telling one is its finding:

| Rank | Outcome of one address | Says |
| --- | --- | --- |
| 4 `ANSWER` | it answered as it should | the endpoint works |
| 3 `PROTOCOL` | it answered wrongly: TLS, HTTP, status, text | a server runs there, and fails |
| 2 `CONNECTION` | refused, reset, no route to host, no such name | somebody on the way said no |
| 1 `SILENCE` | no answer in time | something between us and it fails |
| 0 `NOT_RUN` | this process could not ask | nothing about the endpoint |
"""

from __future__ import annotations

import errno
import socket
import ssl
from enum import IntEnum
from typing import NamedTuple

from controller.model.health import NotRunCause, ProbeOutcome

_OUR_OWN_ERRNOS = {
    errno.EMFILE: (NotRunCause.DESCRIPTORS, "no file descriptor left in this process"),
    errno.ENFILE: (NotRunCause.DESCRIPTORS, "no file descriptor left on this machine"),
    errno.EADDRNOTAVAIL: (NotRunCause.PORTS, "no local address or port left"),
    errno.EAGAIN: (NotRunCause.PORTS, "no local port left"),
    errno.ENOBUFS: (NotRunCause.MEMORY, "no network buffer left"),
    errno.ENOMEM: (NotRunCause.MEMORY, "no memory left"),
    errno.ENETDOWN: (NotRunCause.NETWORK_DOWN, "own network is down"),
    errno.ENETUNREACH: (NotRunCause.NO_ROUTE, "no route from here"),
    errno.EAFNOSUPPORT: (NotRunCause.NO_FAMILY, "address family not supported here"),
    errno.EACCES: (NotRunCause.NOT_PERMITTED, "not permitted here"),
    errno.EPERM: (NotRunCause.NOT_PERMITTED, "not permitted here"),
}
_THEIR_ERRNOS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.ECONNABORTED: "connection aborted",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "no route to host",
    errno.ETIMEDOUT: "connection timed out",
}
_LONGEST = 120
_OUR_OWN_RESOLVER_ERRORS = {socket.EAI_MEMORY, socket.EAI_SYSTEM}


class Telling(IntEnum):
    """How much an outcome says; the table above explains the ranks."""

    NOT_RUN = 0
    SILENCE = 1
    CONNECTION = 2
    PROTOCOL = 3
    ANSWER = 4


class ProbeFinding(NamedTuple):
    """The outcome of a probe without its latency."""

    outcome: ProbeOutcome
    detail: str
    telling: Telling = Telling.PROTOCOL
    cause: NotRunCause | None = None
    """Why it could not be run; None: it was."""


def passed(detail: str) -> ProbeFinding:
    """The finding of an endpoint that answered as it should."""
    return ProbeFinding(ProbeOutcome.PASSED, detail, Telling.ANSWER)


def failed(detail: str, telling: Telling = Telling.PROTOCOL) -> ProbeFinding:
    """The finding of an endpoint, or a path to it, that failed."""
    return ProbeFinding(ProbeOutcome.FAILED, detail, telling)


def could_not_run(detail: str, cause: NotRunCause) -> ProbeFinding:
    """The finding of a probe that this process could not make."""
    return ProbeFinding(ProbeOutcome.COULD_NOT_RUN, detail, Telling.NOT_RUN, cause)


def silent(timeout_s: float) -> ProbeFinding:
    """The finding of an endpoint that did not answer in time."""
    return failed(f"no answer in {round(timeout_s, 2):g} s", Telling.SILENCE)


def finding_of(error: Exception) -> ProbeFinding:
    """The finding of an exception of a socket, of TLS or of the resolver."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return failed(f"certificate: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        # Errors of OpenSSL have a reason, errors of Python's ssl module have none.
        return failed(f"TLS: {getattr(error, 'reason', None) or _one_line(error)}")
    if isinstance(error, socket.gaierror):
        return _of_resolver_error(error)
    if isinstance(error, OSError):
        return _of_os_error(error)
    if isinstance(error, ValueError):
        return could_not_run(f"host name cannot be used: {error}", NotRunCause.SETTINGS)
    # A mistake of this program: it must not count against the endpoint.
    return could_not_run(_one_line(error), NotRunCause.MISTAKE)


def _of_os_error(error: OSError) -> ProbeFinding:
    number = error.errno or 0
    if number in _OUR_OWN_ERRNOS:
        cause, detail = _OUR_OWN_ERRNOS[number]
        return could_not_run(detail, cause)
    theirs = _THEIR_ERRNOS.get(number)
    return failed(
        theirs or f"cannot connect: {(error.strerror or str(error))[:_LONGEST]}",
        Telling.CONNECTION,
    )


def _of_resolver_error(error: socket.gaierror) -> ProbeFinding:
    if error.errno in _OUR_OWN_RESOLVER_ERRORS:
        return could_not_run(f"resolver: {error.strerror}", NotRunCause.RESOLVER)
    return failed("name does not resolve", Telling.CONNECTION)


def _one_line(error: Exception) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0][:_LONGEST]}" if text else type(error).__name__
