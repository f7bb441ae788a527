"""Writes log lines in a thread of its own, so that no reader of the log can stop the daemon.

A pipe whose reader has stopped takes 64 kB, then a write waits for ever. Lines wait in a bounded
queue meanwhile; what does not fit is dropped and counted, and a line says so where it was dropped.
The descriptor is written to directly: a lock of a Python file, held by a thread that waits, would
keep the process from ending.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable

MAX_QUEUED_BYTES = 4 * 2**20
"""Most bytes of lines that wait to be written."""
_POLL_S = 1.0
"""How long a descriptor that does not block is awaited at a time."""


class LogWriter:
    """Lines on their way to a descriptor, in order; `0 <= queued bytes <= MAX_QUEUED_BYTES`."""

    def __init__(
        self,
        fd: int,
        gap_line: Callable[[int], str],
        on_dropped: Callable[[str, int], None],
        max_bytes: int = MAX_QUEUED_BYTES,
    ) -> None:
        """`gap_line` says that so many lines were dropped; `on_dropped` counts
        lines with the reason why they are not written."""
        self._fd = fd
        self._gap_line = gap_line
        self._on_dropped = on_dropped
        self._max_bytes = max_bytes
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._gap = 0
        """Lines dropped after the last one in the queue."""
        self._changed = threading.Condition()
        self._is_writing = False
        self._thread: threading.Thread | None = None

    def put(self, line: str) -> None:
        """Have a line written soon, its end added; never waits."""
        data = line.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            fits = self._queued_bytes + len(data) <= self._max_bytes
            if fits:
                self._append(data)
            else:
                self._gap += 1
        if not fits:
            self._on_dropped("queue_full", 1)

    def flush(self, wait_s: float) -> bool:
        """Wait until every line is written, at most so long; whether they are."""
        with self._changed:
            return self._changed.wait_for(self._is_done, wait_s)

    def _append(self, data: bytes) -> None:
        self._close_gap()
        self._queue.append(data)
        self._queued_bytes += len(data)
        if self._thread is None:
            # A daemon thread: one that waits for a reader must not keep the process from ending.
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _close_gap(self) -> None:
        """Queue the line about what was dropped, whatever room there is."""
        if self._gap:
            data = self._gap_line(self._gap).encode() + b"\n"
            self._queue.append(data)
            self._queued_bytes += len(data)
            self._gap = 0

    def _is_done(self) -> bool:
        return not (self._queue or self._is_writing or self._gap)

    def _run(self) -> None:
        while True:
            data = self._next()
            is_written = self._write(data)
            with self._changed:
                self._is_writing = False
                self._queued_bytes -= len(data)
                if not self._queue:
                    self._close_gap()
                self._changed.notify_all()
            if not is_written:
                self._on_dropped("unwritable", 1)

    def _next(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue))
            self._is_writing = True
            return self._queue.popleft()

    def _write(self, data: bytes) -> bool:
        """Write it all, however long that takes; False when it cannot be written."""
        rest = data
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                select.select([], [self._fd], [], _POLL_S)
            except OSError:
                return False  # closed, or the disk is full: this cannot be logged
        return True


class DroppedLines:
    """How many log lines were dropped, by reason; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, int] = {}
        self._observe: Callable[[str, int], None] | None = None

    def add(self, reason: str, count: int = 1) -> None:
        """Count lines that are not written."""
        with self._lock:
            if self._observe is None:
                self._waiting[reason] = self._waiting.get(reason, 0) + count
            else:
                self._observe(reason, count)

    def observe(self, observe: Callable[[str, int], None]) -> None:
        """Call this for every line from now on, and for those dropped so far."""
        with self._lock:
            for reason, count in self._waiting.items():
                observe(reason, count)
            self._waiting.clear()
            self._observe = observe
