"""A lock that allows one daemon per state file: two would undo each other's changes.

It is the kernel's lock (flock(2)) on a file beside the state file. It ends with its process, also
after `kill -9`, so it cannot become stale. The process id in the file only helps an operator to
find the process. The file is never removed: otherwise two processes could lock two files of that
name.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from controller.model.errors import StateUnavailableError


class StateLock:
    """The lock beside a state file."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._path = state.with_name(f"{state.name}.lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock; create the folder if it is missing. Raises StateUnavailableError."""
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise StateUnavailableError(
                f"state file {self._state} is in use by another daemon"
                f"{f' (process {holder})' if holder else ''}; stop that one, or give this one "
                "another state_path"
            ) from error
        self._descriptor = descriptor
        # On a full disk the process id cannot be written; the lock works all the same.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateUnavailableError(
                f"folder {self._path.parent} of the state file cannot be made: {error.strerror}"
            ) from error
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateUnavailableError(
                f"lock file {self._path} cannot be opened: {error.strerror}; check its owner and "
                "permissions"
            ) from error
