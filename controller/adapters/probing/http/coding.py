"""Content codings of bodies: a server may send one though identity was asked (RFC 9110, 12.5.3)."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from controller.adapters.probing.http.body import BODY_LIMIT_BYTES

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class CodingError(Exception):
    """A body cannot be decoded; the text says why."""


def decoded(body: bytes | bytearray, coding: bytes) -> bytes:
    """The beginning of a body's content, `len <= BODY_LIMIT_BYTES`. Raises CodingError.

    `body` may be cut off. `coding`: the value of Content-Encoding in lower case.
    """
    decode = _DECODERS.get(coding)
    if decode is None:
        shown = coding.decode("ascii", "backslashreplace")[:40]
        raise CodingError(f"it is {shown} (Content-Encoding), though identity was asked")
    try:
        return decode(bytes(body))
    except zlib.error as error:
        raise CodingError(
            f"it is not {coding.decode()}, though Content-Encoding says so"
        ) from error


def _inflate(body: bytes, window_bits: int) -> bytes:
    return zlib.decompressobj(window_bits).decompress(body, BODY_LIMIT_BYTES)


def _deflate(body: bytes) -> bytes:
    """With or without zlib's header: some servers leave it out (RFC 9110, 8.4.1.2)."""
    try:
        return _inflate(body, _ZLIB)
    except zlib.error:
        return _inflate(body, _RAW)


_DECODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": lambda body: _inflate(body, _GZIP),
    b"x-gzip": lambda body: _inflate(body, _GZIP),
    b"deflate": _deflate,
}
