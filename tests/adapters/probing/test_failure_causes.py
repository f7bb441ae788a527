"""Which exceptions are the endpoint's failure, and which are the prober's."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from controller.adapters.probing.failure_causes import (
    ProbeFinding,
    ResolverTroubleError,
    finding_of,
)
from controller.model.health import ProbeOutcome


def _expired() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired"
    return error


THEIRS = [
    (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused"),
    (ConnectionResetError(errno.ECONNRESET, "x"), "connection reset"),
    (OSError(errno.EHOSTUNREACH, "x"), "no route to host"),
    (OSError(None, "Multiple exceptions: a, b"), "cannot connect: Multiple exceptions: a, b"),
    (socket.gaierror(socket.EAI_NONAME, "x"), "name does not resolve"),
    (socket.gaierror(socket.EAI_NODATA, "x"), "name does not resolve"),
    (socket.gaierror(socket.EAI_ADDRFAMILY, "x"), "name does not resolve"),
    (_expired(), "certificate: certificate has expired"),
    (
        ssl.SSLError(1, "[SSL: NO_PROTOCOLS_AVAILABLE]"),
        "TLS: SSLError: [SSL: NO_PROTOCOLS_AVAILABLE]",
    ),
]
OURS = [
    (OSError(errno.EMFILE, "x"), "no file descriptor left in this process"),
    (OSError(errno.ENFILE, "x"), "no file descriptor left on this machine"),
    (OSError(errno.EADDRNOTAVAIL, "x"), "no local address or port left"),
    (OSError(errno.ENETUNREACH, "x"), "no route from here"),
    (PermissionError(errno.EPERM, "x"), "not permitted here"),
    (socket.gaierror(socket.EAI_SYSTEM, "system error"), "resolver: system error"),
    (socket.gaierror(socket.EAI_AGAIN, "try again"), "resolver: try again"),
    (socket.gaierror(socket.EAI_FAIL, "refused"), "resolver: refused"),
    (ResolverTroubleError("no name resolves"), "resolver: no name resolves"),
    (UnicodeError("label too long"), "host name cannot be used"),
    (ZeroDivisionError("of ours"), "ZeroDivisionError: of ours"),
]


@pytest.mark.parametrize(("error", "detail"), THEIRS, ids=lambda value: str(value)[:40])
def test_what_the_endpoint_or_the_network_does_is_a_failure(error: Exception, detail: str) -> None:
    """Each failure has its text."""
    assert finding_of(error) == ProbeFinding(ProbeOutcome.FAILED, detail)


@pytest.mark.parametrize(("error", "detail"), OURS, ids=lambda value: str(value)[:40])
def test_what_we_lack_ourselves_says_nothing_of_the_endpoint(error: Exception, detail: str) -> None:
    """A broken prober must not move traffic."""
    assert finding_of(error) == ProbeFinding(ProbeOutcome.COULD_NOT_RUN, detail)
