"""A lock that allows one daemon per state file: two would undo each other's changes.

It is the kernel's lock (flock(2)) on a file beside the state file. It ends with its process, also
after `kill -9`, so it cannot become stale. The file is never removed: otherwise two processes could
lock two files of that name.

Its first line is the process id, which helps an operator to find the process. Its second line says
whether a state was ever stored here, so that a state file that is gone does not pass for a new one.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from controller.model.errors import StateUnavailableError

_NO_STATE_YET, _STATE = "no state yet", "state"
_MAX_BYTES = 100


class StateLock:
    """The lock beside a state file. Give it the file's real path, not a link."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._path = state.with_name(f"{state.name}.lock")
        self._descriptor: int | None = None
        self.had_state = False
        """Whether an earlier daemon kept a state here; known once the lock is taken."""

    def take(self) -> None:
        """Take the lock; create the folder if it is missing. Raises StateUnavailableError."""
        descriptor = self._open()
        lines = os.pread(descriptor, _MAX_BYTES, 0).decode(errors="replace").split("\n")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            holder = lines[0].strip()
            raise StateUnavailableError(
                f"state file {self._state} is in use by another daemon"
                f"{f' (process {holder})' if holder else ''}; stop that one, or give this one "
                "another state_path"
            ) from error
        self._descriptor = descriptor
        # Earlier versions wrote the process id only, and had a state soon after.
        self.had_state = bool(lines[0].strip()) and _NO_STATE_YET not in lines
        self._write(_STATE if self.had_state else _NO_STATE_YET)

    def note_state(self) -> None:
        """Note that a state is stored here from now on."""
        self._write(_STATE)

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, what: str) -> None:
        assert self._descriptor is not None, "the lock is not held"
        text = f"{os.getpid()}\n{what}\n".encode()
        # On a full disk nothing can be written; the lock works all the same.
        with suppress(OSError):
            # Whatever the umask left: the next daemon must be able to open it.
            os.fchmod(self._descriptor, os.fstat(self._descriptor).st_mode & 0o777 | 0o600)
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))

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
