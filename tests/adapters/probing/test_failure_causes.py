"""Which exceptions are the endpoint's failure, and which are the prober's."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from controller.adapters.probing.failure_causes import ProbeFinding, Telling, finding_of
from controller.model.health import NotRunCause, ProbeOutcome


def _expired() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired"
    return error


THEIRS = [
    (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused", Telling.CONNECTION),
    (ConnectionResetError(errno.ECONNRESET, "x"), "connection reset", Telling.CONNECTION),
    (OSError(errno.EHOSTUNREACH, "x"), "no route to host", Telling.CONNECTION),
    (
        OSError(None, "Multiple exceptions: a, b"),
        "cannot connect: Multiple exceptions: a, b",
        Telling.CONNECTION,
    ),
    (socket.gaierror(socket.EAI_NONAME, "x"), "name does not resolve", Telling.CONNECTION),
    (socket.gaierror(socket.EAI_AGAIN, "x"), "name does not resolve", Telling.CONNECTION),
    (_expired(), "certificate: certificate has expired", Telling.PROTOCOL),
    (
        ssl.SSLError(1, "[SSL: NO_PROTOCOLS_AVAILABLE]"),
        "TLS: SSLError: [SSL: NO_PROTOCOLS_AVAILABLE]",
        Telling.PROTOCOL,
    ),
]
OURS = [
    (OSError(errno.EMFILE, "x"), "no file descriptor left in this process", "descriptors"),
    (OSError(errno.ENFILE, "x"), "no file descriptor left on this machine", "descriptors"),
    (OSError(errno.EADDRNOTAVAIL, "x"), "no local address or port left", "ports"),
    (OSError(errno.EAGAIN, "x"), "no local port left", "ports"),
    (OSError(errno.ENOBUFS, "x"), "no network buffer left", "memory"),
    (OSError(errno.ENOMEM, "x"), "no memory left", "memory"),
    (OSError(errno.ENETDOWN, "x"), "own network is down", "network_down"),
    (OSError(errno.ENETUNREACH, "x"), "no route from here", "no_route"),
    (OSError(errno.EAFNOSUPPORT, "x"), "address family not supported here", "no_address_family"),
    (PermissionError(errno.EPERM, "x"), "not permitted here", "not_permitted"),
    (PermissionError(errno.EACCES, "x"), "not permitted here", "not_permitted"),
    (socket.gaierror(socket.EAI_SYSTEM, "system error"), "resolver: system error", "resolver"),
    (UnicodeError("label too long"), "host name cannot be used: label too long", "settings"),
    (ZeroDivisionError("of ours"), "ZeroDivisionError: of ours", "mistake"),
]


@pytest.mark.parametrize(("error", "detail", "telling"), THEIRS, ids=lambda value: str(value)[:40])
def test_what_the_endpoint_or_the_network_does_is_a_failure(
    error: Exception, detail: str, telling: Telling
) -> None:
    """Each failure has its text and its rank."""
    assert finding_of(error) == ProbeFinding(ProbeOutcome.FAILED, detail, telling)


@pytest.mark.parametrize(("error", "detail", "cause"), OURS, ids=lambda value: str(value)[:40])
def test_what_we_lack_ourselves_says_nothing_of_the_endpoint(
    error: Exception, detail: str, cause: str
) -> None:
    """A broken prober must not move traffic; the cause is a label of the metric."""
    expected = ProbeFinding(ProbeOutcome.COULD_NOT_RUN, detail, Telling.NOT_RUN, NotRunCause(cause))
    assert finding_of(error) == expected


def test_every_cause_but_those_found_elsewhere_has_an_error() -> None:
    """No label of the metric stays at 0 for ever."""
    assert {cause for _, _, cause in OURS} == {cause.value for cause in NotRunCause}
