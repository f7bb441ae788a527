"""Room for expected lever states on a disk that is full: a small file, allocated at the start.

What is about to be written to AWS must be known to the next process, or it takes our own write for
drift. Where SQLite has no room, it is written here, in place, which takes no new blocks, until
SQLite has room again. A text that was written in part (power loss) is as none.

Layout: length and CRC-32 of a JSON text, big-endian, then the text: a list of rows as in the table
`expected`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from controller.adapters.sqlite import expected_rows
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, as_text
from controller.model.levers import LeverState, Position
from controller.model.unreadable import UnreadableRow

_SIZE = 256 * 1024
"""Bytes; some 60 for each position."""
_HEADER = struct.Struct(">II")
Expected = Mapping[Position, tuple[LeverState, ...]]


class Reserve:
    """The reserve beside a state file. Use it in the thread that owns the connection."""

    def __init__(self, state: Path) -> None:
        self._path = state.with_name(f"{state.name}.reserve")
        self._descriptor: int | None = None
        self._kept: dict[Position, tuple[LeverState, ...]] = {}
        """What it holds; an empty tuple deletes a position."""

    def open(self) -> None:
        """Allocate it and read what an earlier process left; a disk without room leaves none."""
        with suppress(OSError):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fchmod(self._descriptor, 0o600)  # whatever the umask left
            self._kept = self._read(self._descriptor)
            os.posix_fallocate(self._descriptor, 0, _SIZE)

    def close(self) -> None:
        """Close the file; what it holds stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def expect(self, connection: sqlite3.Connection, settings: Expected) -> None:
        """Store expected states, here if SQLite has no room. Raises sqlite3.Error."""
        wanted = {**self._kept, **settings}
        try:
            expected_rows.expect(connection, wanted)
        except sqlite3.OperationalError as error:
            is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            if not (is_full and self._write(wanted)):
                raise
        else:
            if self._kept:
                self._write({})

    def expected(
        self, connection: sqlite3.Connection
    ) -> tuple[dict[Position, tuple[LeverState, ...]], tuple[UnreadableRow, ...]]:
        """The expected states of all positions, and rows that cannot be read.

        What is here is newer than what SQLite has.
        """
        readable, unreadable = expected_rows.expected(connection)
        found = {**readable, **self._kept}
        known = {expected_rows.key_of(position) for position in self._kept}
        return (
            {position: states for position, states in found.items() if states},
            tuple(row for row in unreadable if row.key not in known),
        )

    def _write(self, kept: Expected) -> bool:
        """Replace what the file holds; whether that is durable now."""
        text = as_text(EXACT([[list(position), states] for position, states in kept.items()]))
        data = text.encode()
        if self._descriptor is None or _HEADER.size + len(data) > _SIZE:
            return False
        try:
            os.pwrite(self._descriptor, _HEADER.pack(len(data), zlib.crc32(data)) + data, 0)
            os.fdatasync(self._descriptor)
        except OSError:
            return False
        self._kept = dict(kept)
        return True

    def _read(self, descriptor: int) -> dict[Position, tuple[LeverState, ...]]:
        """What the file holds; nothing where it is no text that was written whole."""
        data = os.pread(descriptor, _SIZE, 0)
        if len(data) < _HEADER.size:
            return {}
        length, checksum = _HEADER.unpack_from(data)
        text = data[_HEADER.size : _HEADER.size + length]
        if not length or zlib.crc32(text) != checksum:
            return {}
        return {
            Position(*position): decoded(tuple[LeverState, ...], states)
            for position, states in json.loads(text)
        }
