"""What servers send against the letter of HTTP and browsers accept; other faults are named."""

from __future__ import annotations

import gzip
import zlib

import pytest

from controller.adapters.probing.http.body import BODY_LIMIT_BYTES
from controller.adapters.probing.http.coding import decoded
from controller.adapters.probing.response_check import Expectation, ResponseCheck
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome

OK = b"ok"


def answer(*headers: bytes, body: bytes = OK) -> bytes:
    """An answer with these header lines."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"", body])


def finding(data: bytes) -> tuple[bool, str, bool]:
    """Whether the answer passes, its detail, and whether the connection is kept."""
    check = ResponseCheck(Expectation(Endpoint(probe="http://a.test/", body_contains="ok")))
    found = check.feed(data) or check.end()
    return found.outcome is ProbeOutcome.PASSED, found.detail, check.reusable


LENGTH = b"Content-Length: 2"


@pytest.mark.parametrize(
    "headers",
    [
        (b"No colon here", LENGTH),
        (b"X-Foo(1): a", LENGTH),
        (b"Space : before", LENGTH),
        (b": no name", LENGTH),
        (b"X: a", b" b : c", LENGTH),
        (b"Content-Length : 2", b"X-Foo(1): a"),
        (LENGTH, LENGTH),
        (b"Content-Length: 2, 2",),
        (b"Content-Length: 2 ,2", LENGTH),
        ("X-Café: é".encode("latin-1"), LENGTH),
    ],
    ids=str,
)
def test_lines_that_browsers_accept_are_accepted(headers: tuple[bytes, ...]) -> None:
    """The framing is read all the same, so that the connection can be kept."""
    assert finding(answer(*headers)) == (True, "200", True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (answer(b"Nul: a\0b", LENGTH), 'header line 1 has a control character: "Nul: a\\x00b"'),
        (answer(LENGTH, b"X: a\rY: b"), 'header line 2 has a control character: "X: a\\rY: b"'),
        (answer(b"Content-Length: +2"), 'its Content-Length is "+2"'),
        (answer(b"Content-Length: 2, 3"), "it has two lengths, 2 and 3"),
        (answer(LENGTH, b"Content-Length: 3"), "it has two lengths, 2 and 3"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", 'its status line is "HTTP/1.1 2000 OK"'),
        (b"HTTP/1.1 " + b"x" * 90 + b"\r\n\r\n", f'its status line is "HTTP/1.1 {"x" * 31}…"'),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it does not begin with HTTP/1."),
        (
            answer(b"Transfer-Encoding: chunked", body=b"2\r\nokay\r\n"),
            "a chunk is longer than its size says",
        ),
        (answer(b"Transfer-Encoding: chunked", body=b"-2\r\n"), 'a chunk\'s size is "-2"'),
    ],
)
def test_any_other_fault_names_the_line(data: bytes, reason: str) -> None:
    """The person who owns the server can find it."""
    assert finding(data) == (False, f"answer is not HTTP: {reason}", False)


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (b"gzip", gzip.compress(b"all ok", mtime=0)),
        (b"GZIP", gzip.compress(b"all ok", mtime=0)),
        (b"x-gzip", gzip.compress(b"all ok", mtime=0)),
        (b"deflate", zlib.compress(b"all ok")),
        (b"deflate", _raw_deflate(b"all ok")),
        (b"identity", b"all ok"),
        (b"", b"all ok"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_coded_body_is_decoded_though_identity_was_asked(
    coding: bytes, packed: bytes, chunked: bool
) -> None:
    """In one piece, and in chunks."""
    framing = b"Content-Length: %d" % len(packed)
    body = packed
    if chunked:
        framing, body = (
            b"Transfer-Encoding: chunked",
            b"%x\r\n%s\r\n0\r\n\r\n"
            % (
                len(packed),
                packed,
            ),
        )
    assert finding(answer(b"Content-Encoding: " + coding, framing, body=body))[:2] == (True, "200")


@pytest.mark.parametrize(
    ("coding", "body", "detail"),
    [
        (b"br", b"ok", "it is br (Content-Encoding), though identity was asked"),
        (b"gzip, gzip", b"ok", "it is gzip, gzip (Content-Encoding), though identity was asked"),
        (b"gzip", b"ok", "it is not gzip, though Content-Encoding says so"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_said(coding: bytes, body: bytes, detail: str) -> None:
    """Instead of `body lacks "ok"`, whose cause nobody would find."""
    data = answer(b"Content-Encoding: " + coding, b"Content-Length: %d" % len(body), body=body)
    assert finding(data)[:2] == (False, f"body cannot be read: {detail}")


def test_what_a_coded_body_lacks_is_said_as_of_any_other() -> None:
    """It was read."""
    packed = gzip.compress(b"all is well")
    data = answer(b"Content-Encoding: gzip", b"Content-Length: %d" % len(packed), body=packed)
    assert finding(data)[:2] == (False, 'body lacks "ok"')


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    """A few bytes that unpack to a gigabyte, cut off or whole."""
    packed = gzip.compress(b"x" * 50_000_000)
    assert len(decoded(packed, b"gzip")) == BODY_LIMIT_BYTES
    assert len(decoded(packed[:-20], b"gzip")) == BODY_LIMIT_BYTES
