"""Status line and headers of an HTTP/1.x answer (RFC 9112).

Only the headers that define where the answer ends and whether the connection may be reused are
interpreted. Header lines that browsers accept are accepted: without a colon, with a name that is no
token, with spaces before the colon (RFC 9112, 5.1 forbids a server to send these; users do not
notice). Other faults are errors that name the line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_LIMIT_BYTES = 32 * 1024
"""Status line and headers, those of interim answers included."""

_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n\0]*)?\r?\n"
    # Field names are tokens (RFC 9110, 5.6.2); a line that begins with a space goes on with the
    # one before (RFC 9112, 5.2).
    rb"(?:(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:|[ \t])[^\r\n\0]*\r?\n)*+\r?\n"
)
_END = re.compile(rb"\n\r?\n")
_FRAMING = re.compile(
    rb"\n(content-length|transfer-encoding|connection):[ \t]*([^\r\n]*)", re.IGNORECASE
)
_CODING = re.compile(rb"\ncontent-encoding[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-5][0-9][0-9](?: [^\r\n\0]*)?")
_BEGINNING = b"HTTP/1."
_SHOWN_BYTES = 40
"""Bytes of a faulty line that an error shows."""
_NO_LENGTH = -1


class NotHttpError(Exception):
    """The received bytes are not an HTTP answer; the text says which part is not.

    It depends on the bytes alone, not on how they were split.
    """


class Head(NamedTuple):
    """The interpreted part of a head. Invariant: `length` is None when `chunked`."""

    size: int
    """Bytes before the body."""
    status: bytes
    """Three digits."""
    length: int | None
    """Bytes of the body; None: it is chunked or ends with the connection."""
    chunked: bool
    keep_alive: bool
    """Whether the server will accept another request over this connection."""

    @property
    def is_interim(self) -> bool:
        """Whether the final answer follows (1xx); 101 is a final answer."""
        return self.status < b"200" and self.status != b"101"


def read_head(data: bytes, scanned: int = 0) -> Head | None:
    """The head at the start of `data`; None: it is incomplete. Raises NotHttpError.

    `scanned`: the first bytes, in which an earlier call found no end.
    """
    if scanned and _END.search(data, max(0, scanned - 2)) is None:
        # The pattern is matched only when the end has come: slow bytes cost no repeated matching.
        _check_beginning(data)
        return None
    match = _HEAD.match(data)
    if match is None:
        end = _END.search(data)
        _check_beginning(data if end is None else data[: end.end()])
        if end is None:
            return None
        return _resized(read_head(_regular(data[: end.end()])), end.end())
    if match.end() > HEAD_LIMIT_BYTES:
        raise NotHttpError(HEAD_TOO_LARGE)
    version, status = match.groups()
    length, coding, keep_alive = _NO_LENGTH, b"", version == b"1"
    for name, value in _FRAMING.findall(data, 0, match.end()):
        if len(name) == _LENGTH_NAME:
            length = _length(value, length)
        elif len(name) == _CONNECTION_NAME:
            options = value.lower()
            keep_alive = b"close" not in options and (keep_alive or b"keep-alive" in options)
        else:
            coding = value.rstrip().lower()
    return _framed(match.end(), status, length, coding, keep_alive)


def content_coding(head: bytes) -> bytes:
    """The body's content codings in lower case; empty: none (RFC 9110, 8.4)."""
    found = b",".join(_CODING.findall(head)).strip().lower()
    return b"" if found == b"identity" else found


def _regular(head: bytes) -> bytes:
    """A head with regular syntax, to be read in place of this one. Raises NotHttpError."""
    status_line, *lines = head.rstrip(b"\r\n").replace(b"\r\n", b"\n").split(b"\n")
    if _STATUS_LINE.fullmatch(status_line) is None:
        raise NotHttpError(f"its status line is {shown(status_line)}")
    kept = [status_line]
    for number, line in enumerate(lines, 1):
        if b"\0" in line or b"\r" in line:
            raise NotHttpError(f"header line {number} has a control character: {shown(line)}")
        name, colon, value = line.partition(b":")
        if colon and _TOKEN.fullmatch(name := name.rstrip(b" \t")):
            kept.append(name + colon + value)
    return b"\n".join([*kept, b"", b""])


_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def _resized(head: Head | None, size: int) -> Head:
    """The head of a regular copy, for the original of this size."""
    assert head is not None, "a regular head is complete"
    return head._replace(size=size)


def shown(line: bytes) -> str:
    """The line's beginning, printable, in quotes."""
    text = line[:_SHOWN_BYTES].decode("ascii", "backslashreplace")
    cut = "…" if len(line) > _SHOWN_BYTES else ""
    return '"' + "".join(c if c.isprintable() else repr(c)[1:-1] for c in text) + cut + '"'


HEAD_TOO_LARGE = f"its headers are larger than {HEAD_LIMIT_BYTES // 1024} KiB"
_NO_BEGINNING = "it does not begin with HTTP/1."
_LENGTH_NAME, _CONNECTION_NAME = len("content-length"), len("connection")


def _check_beginning(data: bytes) -> None:
    """Raise NotHttpError when no further bytes can make this a head."""
    if not (data.startswith(_BEGINNING) or _BEGINNING.startswith(data)):
        raise NotHttpError(_NO_BEGINNING)
    if len(data) > HEAD_LIMIT_BYTES:
        raise NotHttpError(HEAD_TOO_LARGE)


def _length(value: bytes, before: int) -> int:
    """The length; the same value twice or as a list is allowed, two are not (RFC 9110, 8.6)."""
    for part in value.split(b","):
        digits = part.strip()
        if not digits.isdigit() or len(digits) > 15:
            raise NotHttpError(f"its Content-Length is {shown(value.rstrip())}")
        if before not in (_NO_LENGTH, int(digits)):
            raise NotHttpError(f"it has two lengths, {before} and {int(digits)}")
        before = int(digits)
    return before


def _framed(size: int, status: bytes, length: int, coding: bytes, keep_alive: bool) -> Head:
    """The head, with the body's end by the rules of RFC 9112, 6.3."""
    if status in (b"204", b"304"):
        return Head(size, status, 0, False, keep_alive)
    if coding:
        chunked = coding.endswith(b"chunked")
        # A length beside it may be request smuggling: read the answer and close the connection.
        return Head(size, status, None, chunked, keep_alive and chunked and length == _NO_LENGTH)
    if length == _NO_LENGTH or status == b"101":
        return Head(size, status, None, False, False)
    return Head(size, status, length, False, keep_alive)
