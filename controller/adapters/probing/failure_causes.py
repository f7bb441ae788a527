"""The cause of a failed probe: the endpoint failed, or this process could not probe.

The difference matters because traffic must not move when only the prober is broken: one without
file descriptors, memory, a route or a resolver says nothing about the endpoint. A lack of local
ports and a missing route count as the prober's fault.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import NamedTuple

from controller.model.health import ProbeOutcome

_OUR_OWN_ERRNOS = {
    errno.EMFILE: "no file descriptor left in this process",
    errno.ENFILE: "no file descriptor left on this machine",
    errno.EADDRNOTAVAIL: "no local address or port left",
    errno.ENOBUFS: "no network buffer left",
    errno.ENOMEM: "no memory left",
    errno.ENETDOWN: "own network is down",
    errno.ENETUNREACH: "no route from here",
    errno.EAFNOSUPPORT: "address family not supported here",
    errno.EACCES: "not permitted here",
    errno.EPERM: "not permitted here",
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
ABSENT_NAME_ERRORS = frozenset(
    (socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY),
)
"""What the resolver says of a name that does not exist or has no address. All its other errors are
its own: no answer or SERVFAIL (EAI_AGAIN), REFUSED (EAI_FAIL), a lack of memory."""


class ResolverTroubleError(Exception):
    """No name can be resolved: the endpoint is not the cause."""


class ProbeFinding(NamedTuple):
    """The outcome of a probe without its latency."""

    outcome: ProbeOutcome
    detail: str


def passed(detail: str) -> ProbeFinding:
    """The finding of an endpoint that answered as it should."""
    return ProbeFinding(ProbeOutcome.PASSED, detail)


def failed(detail: str) -> ProbeFinding:
    """The finding of an endpoint, or a path to it, that failed."""
    return ProbeFinding(ProbeOutcome.FAILED, detail)


def could_not_run(detail: str) -> ProbeFinding:
    """The finding of a probe that this process could not make."""
    return ProbeFinding(ProbeOutcome.COULD_NOT_RUN, detail)


def finding_of(error: Exception) -> ProbeFinding:
    """The finding of an exception of a socket, of TLS or of the resolver."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return failed(f"certificate: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        # Errors of OpenSSL have a reason, errors of Python's ssl module have none.
        return failed(f"TLS: {getattr(error, 'reason', None) or _one_line(error)}")
    if isinstance(error, ResolverTroubleError):
        return could_not_run(f"resolver: {error}")
    if isinstance(error, socket.gaierror):
        return _of_resolver_error(error)
    if isinstance(error, OSError):
        return _of_os_error(error)
    if isinstance(error, UnicodeError):
        return could_not_run("host name cannot be used")
    # A mistake of this program: it must not count against the endpoint.
    return could_not_run(_one_line(error))


def _of_os_error(error: OSError) -> ProbeFinding:
    number = error.errno or 0
    if number in _OUR_OWN_ERRNOS:
        return could_not_run(_OUR_OWN_ERRNOS[number])
    if number in _THEIR_ERRNOS:
        return failed(_THEIR_ERRNOS[number])
    return failed(f"cannot connect: {(error.strerror or str(error))[:_LONGEST]}")


def _of_resolver_error(error: socket.gaierror) -> ProbeFinding:
    if error.errno in ABSENT_NAME_ERRORS:
        return failed("name does not resolve")
    return could_not_run(f"resolver: {error.strerror}")


def _one_line(error: Exception) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0][:_LONGEST]}" if text else type(error).__name__
