"""One daemon for each state file: two would undo each other's changes for ever.

The lock is the kernel's (flock(2)) on a file beside the state file. It ends with the process that
holds it, also by `kill -9`, so nothing stale can stay; the number written into the file only helps
a person to find that process. The file itself stays: removing it would let two processes lock two
files of the same name.
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
        """Take the lock, making the folder if it is missing. Raises StateUnavailableError."""
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
        # On a full disk nobody can be told the number, and the lock holds all the same.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others take it."""
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
