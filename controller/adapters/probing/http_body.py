"""Bodies of HTTP/1.x answers: with a length, in chunks, or up to the connection's end.

Each is fed pieces until it ends. Of what it carries the beginning is kept, if anybody asks for it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from controller.adapters.probing.http_head import Head, NotHttpError

BODY_LIMIT_BYTES = 64 * 1024
"""So much of the body is looked at; what follows is not waited for."""
FRAMING_LIMIT_BYTES = 64 * 1024
"""Sizes of chunks and trailers together; what follows them is not waited for either."""
LINE_LIMIT_BYTES = 4 * 1024
"""The size of one chunk with its extensions, or one trailer."""

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_SIZE, _END_OF_CHUNK, _TRAILER = "size", "end of a chunk", "trailer"


def body_of(head: Head, wanted: bool) -> ResponseBody:
    """What reads the body behind this head; its bytes are kept when they are wanted."""
    if head.chunked:
        return ChunkedBody(wanted)
    return PlainBody(wanted, head.length)


class ResponseBody(ABC):
    """A body that comes in pieces."""

    def __init__(self, wanted: bool) -> None:
        self.kept: bytearray | None = bytearray() if wanted else None
        self.exhausted = False
        """Whether every byte of it was read when it ended, and not one more."""
        self._room = BODY_LIMIT_BYTES

    @abstractmethod
    def feed(self, data: bytes) -> bool:
        """Whether it has ended, or as much of it was read as is looked at."""

    may_end: bool
    """Whether the connection's end is the body's."""

    def _look(self, piece: bytes) -> None:
        if self.kept is not None:
            self.kept += piece
        self._room -= len(piece)


class PlainBody(ResponseBody):
    """So many bytes, or all that come."""

    def __init__(self, wanted: bool, length: int | None) -> None:
        super().__init__(wanted)
        self.may_end = length is None
        self._left = length

    def feed(self, data: bytes) -> bool:
        left = self._left
        piece = data[: self._room if left is None else min(left, self._room)]
        self._look(piece)
        if left is not None:
            self._left = left = left - len(piece)
            self.exhausted = not left and len(piece) == len(data)
        return left == 0 or not self._room


class ChunkedBody(ResponseBody):
    """Chunks as RFC 9112, 7.1 has them; extensions and trailers are passed over."""

    may_end = False

    def __init__(self, wanted: bool) -> None:
        super().__init__(wanted)
        self._line = b""
        """The beginning of a line whose end is still to come."""
        self._framing = FRAMING_LIMIT_BYTES
        self._left = 0
        """Bytes of the present chunk that are still to come."""
        self._expects = _SIZE

    def feed(self, data: bytes) -> bool:
        data, at = self._line + data, 0
        self._line = b""
        while True:
            if self._left:
                piece = data[at : at + min(self._left, self._room)]
                self._look(piece)
                self._left -= len(piece)
                at += len(piece)
                if self._left or not self._room:
                    return not self._room
            end = data.find(b"\n", at) + 1
            if (end or len(data)) - at > LINE_LIMIT_BYTES:
                raise NotHttpError
            if not end:
                self._line = data[at:]
                return False
            is_last = self._take(data[at:end])
            at = end
            if is_last or self._framing < 0:
                self.exhausted = is_last and at == len(data)
                return True

    def _take(self, line: bytes) -> bool:
        """Understand one line; whether it is the body's last."""
        self._framing -= len(line)
        is_empty = line in (b"\r\n", b"\n")
        if self._expects is _TRAILER:
            return is_empty
        if self._expects is _END_OF_CHUNK:
            if not is_empty:
                raise NotHttpError
            self._expects = _SIZE
            return False
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise NotHttpError
        self._left = int(size[1], 16)
        self._expects = _END_OF_CHUNK if self._left else _TRAILER
        return False
