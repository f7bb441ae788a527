"""Bodies of HTTP/1.x answers: with a length, in chunks, or up to the connection's end.

The caller feeds pieces until a body ends. The beginning of its content is kept on request.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from controller.adapters.probing.http.head import Head, NotHttpError, shown

BODY_LIMIT_BYTES = 64 * 1024
"""Bytes of content that are read; the probe does not wait for more."""
FRAMING_LIMIT_BYTES = 64 * 1024
"""Bytes of chunk sizes and trailers that are read; the probe does not wait for more."""
LINE_LIMIT_BYTES = 4 * 1024
"""Bytes of one chunk-size line with its extensions, or of one trailer."""

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_SIZE, _END_OF_CHUNK, _TRAILER = "size", "end of a chunk", "trailer"


def body_of(head: Head, keeps_content: bool) -> ResponseBody:
    """The reader of the body that follows this head; `keeps_content`: whether to keep its bytes."""
    if head.chunked:
        return ChunkedBody(keeps_content)
    return PlainBody(keeps_content, head.length)


class ResponseBody(ABC):
    """A body that is read in pieces."""

    def __init__(self, keeps_content: bool) -> None:
        self.content: bytearray | None = bytearray() if keeps_content else None
        self.is_exact = False
        """Whether exactly the body was read when it ended: all its bytes and not one more."""
        self._budget = BODY_LIMIT_BYTES

    @abstractmethod
    def feed(self, data: bytes) -> bool:
        """Take a piece; return whether the body has ended, or a limit is reached."""

    ends_with_connection: bool
    """Whether the body ends when the connection is closed."""

    def _store(self, piece: bytes) -> None:
        if self.content is not None:
            self.content += piece
        self._budget -= len(piece)


class PlainBody(ResponseBody):
    """A body of `length` bytes, or up to the connection's end."""

    def __init__(self, keeps_content: bool, length: int | None) -> None:
        super().__init__(keeps_content)
        self.ends_with_connection = length is None
        self._remaining = length

    def feed(self, data: bytes) -> bool:
        remaining = self._remaining
        piece = data[: self._budget if remaining is None else min(remaining, self._budget)]
        self._store(piece)
        if remaining is not None:
            self._remaining = remaining = remaining - len(piece)
            self.is_exact = not remaining and len(piece) == len(data)
        return remaining == 0 or not self._budget


class ChunkedBody(ResponseBody):
    """A chunked body (RFC 9112, 7.1); extensions and trailers are ignored."""

    ends_with_connection = False

    def __init__(self, keeps_content: bool) -> None:
        super().__init__(keeps_content)
        self._line = b""
        """The beginning of an incomplete line."""
        self._framing_budget = FRAMING_LIMIT_BYTES
        self._remaining = 0
        """Bytes of the present chunk that have not come yet."""
        self._expected = _SIZE

    def feed(self, data: bytes) -> bool:
        data, position = self._line + data, 0
        self._line = b""
        while True:
            if self._remaining:
                piece = data[position : position + min(self._remaining, self._budget)]
                self._store(piece)
                self._remaining -= len(piece)
                position += len(piece)
                if self._remaining or not self._budget:
                    return not self._budget
            end = data.find(b"\n", position) + 1
            if (end or len(data)) - position > LINE_LIMIT_BYTES:
                raise NotHttpError(f"a chunk's line is longer than {LINE_LIMIT_BYTES} bytes")
            if not end:
                self._line = data[position:]
                return False
            is_last = self._parse_line(data[position:end])
            position = end
            if is_last or self._framing_budget < 0:
                self.is_exact = is_last and position == len(data)
                return True

    def _parse_line(self, line: bytes) -> bool:
        """Parse one line; return whether it is the body's last. Raises NotHttpError."""
        self._framing_budget -= len(line)
        is_empty = line in (b"\r\n", b"\n")
        if self._expected is _TRAILER:
            return is_empty
        if self._expected is _END_OF_CHUNK:
            if not is_empty:
                raise NotHttpError("a chunk is longer than its size says")
            self._expected = _SIZE
            return False
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise NotHttpError(f"a chunk's size is {shown(line.rstrip())}")
        self._remaining = int(size[1], 16)
        self._expected = _END_OF_CHUNK if self._remaining else _TRAILER
        return False
