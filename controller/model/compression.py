"""Compression of the JSON texts that are kept of decisions.

Long texts repeat themselves at distances that DEFLATE cannot see (32 kB): there LZMA is as fast and
takes a third of the bytes. Of short ones DEFLATE makes less. Which one was used shows in the first
bytes, so that texts of earlier versions, all of them DEFLATE, are read as well.
"""

from __future__ import annotations

import lzma
import zlib

from controller.model.decoding import UnreadableError

MAX_TEXT_BYTES = 64 * 2**20
"""Length up to which a text is unpacked; far above what 20,000 endpoints need. A few damaged bytes
could otherwise demand any amount of memory."""
_LZMA_FROM_BYTES = 16 * 2**10
_LZMA_BEGIN = b"\xfd7zXZ\0"
_FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 3, "dict_size": 2**20},)
"""Fast, and 10 MB of memory while it works."""


def compressed(text: str) -> bytes:
    """The text as bytes for `decompressed`; equal texts give equal bytes."""
    data = text.encode()
    if len(data) < _LZMA_FROM_BYTES:
        return zlib.compress(data)
    return lzma.compress(data, check=lzma.CHECK_CRC32, filters=_FILTERS)


def decompressed(data: object) -> str:
    """The text that `compressed` was given. Raises UnreadableError for anything else."""
    if not isinstance(data, bytes):
        raise UnreadableError(f"its text is {type(data).__name__}, not bytes")
    try:
        text, ended = _unpacked(data)
        if not ended:
            raise UnreadableError(f"its text is cut off, or longer than {MAX_TEXT_BYTES >> 20} MB")
        return text.decode()
    except (zlib.error, lzma.LZMAError, ValueError, EOFError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"its text cannot be unpacked: {error}") from error


def _unpacked(data: bytes) -> tuple[bytes, bool]:
    """At most MAX_TEXT_BYTES of the text, and whether that is all of it."""
    if data.startswith(_LZMA_BEGIN):
        lzma_text = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        return lzma_text.decompress(data, MAX_TEXT_BYTES), lzma_text.eof
    zlib_text = zlib.decompressobj()
    return zlib_text.decompress(data, MAX_TEXT_BYTES), zlib_text.eof
