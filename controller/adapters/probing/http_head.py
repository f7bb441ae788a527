"""Status line and headers of an HTTP/1.x answer, as RFC 9112 has them.

Of the headers only those are read that say where the answer ends and whether the connection may be
kept; the others must merely look like headers.
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
_BEGINNING = b"HTTP/1."
_UNKNOWN = -1


class NotHttpError(Exception):
    """What came is no answer that HTTP knows."""


class Head(NamedTuple):
    """What matters of a head."""

    size: int
    """Bytes up to the body."""
    status: bytes
    """Three digits."""
    length: int | None
    """Bytes of the body; None: it ends by chunks or with the connection."""
    chunked: bool
    keeps: bool
    """Whether the connection may carry another request afterwards."""

    @property
    def is_interim(self) -> bool:
        """Whether the answer proper is still to come; 101 is one itself."""
        return self.status < b"200" and self.status != b"101"


def read_head(data: bytes, scanned: int = 0) -> Head | None:
    """The head with which `data` begins; None: it is not whole yet.

    The first `scanned` bytes were looked at before, in vain. Raises NotHttpError.
    """
    if scanned and _END.search(data, max(0, scanned - 2)) is None:
        # Matched only when its end has come: bytes that trickle in cost no more than others.
        _check_beginning(data)
        return None
    found = _HEAD.match(data)
    if found is None:
        if _END.search(data) is not None:
            raise NotHttpError
        _check_beginning(data)
        return None
    if found.end() > HEAD_LIMIT_BYTES:
        raise NotHttpError
    version, status = found.groups()
    length, coding, keeps = _UNKNOWN, b"", version == b"1"
    for name, value in _FRAMING.findall(data, 0, found.end()):
        if len(name) == _LENGTH_NAME:
            length = _length(value, length)
        elif len(name) == _CONNECTION_NAME:
            options = value.lower()
            keeps = b"close" not in options and (keeps or b"keep-alive" in options)
        else:
            coding = value.rstrip().lower()
    return _framed(found.end(), status, length, coding, keeps)


_LENGTH_NAME, _CONNECTION_NAME = len("content-length"), len("connection")


def _check_beginning(data: bytes) -> None:
    """Raises NotHttpError when no more bytes can make this a head."""
    if len(data) > HEAD_LIMIT_BYTES or not (
        data.startswith(_BEGINNING) or _BEGINNING.startswith(data)
    ):
        raise NotHttpError


def _length(value: bytes, before: int) -> int:
    """The same length twice is allowed, two lengths are not (RFC 9112, 6.3)."""
    digits = value.rstrip()
    if not digits.isdigit() or len(digits) > 15 or before not in (_UNKNOWN, int(digits)):
        raise NotHttpError
    return int(digits)


def _framed(size: int, status: bytes, length: int, coding: bytes, keeps: bool) -> Head:
    """Where the body ends: RFC 9112, 6.3."""
    if status in (b"204", b"304"):
        return Head(size, status, 0, False, keeps)
    if coding:
        chunked = coding.endswith(b"chunked")
        # With a length beside it this may be an attempt to smuggle: read it and hang up.
        return Head(size, status, None, chunked, keeps and chunked and length == _UNKNOWN)
    if length == _UNKNOWN or status == b"101":
        return Head(size, status, None, False, False)
    return Head(size, status, length, False, keeps)
