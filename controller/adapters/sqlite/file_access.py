"""The state file among other files: which one it really is, who may read it, what is left of it.

The file holds reasons, authors and settings that tokens protect in the API, so it and the files
that SQLite keeps beside it belong to the daemon's user alone (mode 0600).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from controller.model.errors import StateUnavailableError

_log = structlog.get_logger("state")
_OWNER_ONLY = 0o600
_LOG_SUFFIX = "-wal"
_BESIDE = (_LOG_SUFFIX, "-shm", ".lock", ".reserve")
"""What is added to the file's name for the files beside it."""


def real_path(path: Path) -> Path:
    """The file that this path leads to; two links to one file have one lock and one log.

    Raises StateUnavailableError for links in a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise StateUnavailableError(
            f"state file {path}: its links lead nowhere ({error}); correct state_path"
        ) from error


def holds_nothing(path: Path) -> bool:
    """Whether the file is missing or empty."""
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def prepare(path: Path) -> None:
    """Make the file if it is missing, for its owner alone, and narrow what others may read.

    SQLite gives the files that it makes beside it the same mode.
    """
    with suppress(OSError):  # it exists, or SQLite names what is wrong with the place
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY))
        path.chmod(_OWNER_ONLY)  # whatever the umask left
    for file in _files(path):
        _narrow(file)


def other_names(path: Path) -> int:
    """How many hard links beside this path lead to the file: neither lock nor log are theirs."""
    try:
        return path.stat().st_nlink - 1
    except OSError:
        return 0


def set_log_aside(path: Path) -> Path | None:
    """Rename the write-ahead log of an empty file, which SQLite would delete; None: there is none.

    It may be all that is left of the state.
    """
    log = path.with_name(f"{path.name}{_LOG_SUFFIX}")
    if not log.is_file() or log.stat().st_size == 0:
        return None
    kept = log.with_name(f"{log.name}.kept")
    with suppress(OSError):
        log.rename(kept)
        return kept
    return None


def _files(path: Path) -> Iterator[Path]:
    yield path
    for suffix in _BESIDE:
        yield path.with_name(f"{path.name}{suffix}")


def _narrow(file: Path) -> None:
    try:
        found = file.stat()
        mode = stat.S_IMODE(found.st_mode)
        if not stat.S_ISREG(found.st_mode) or mode & ~_OWNER_ONLY == 0:
            return
        file.chmod(_OWNER_ONLY)
    except FileNotFoundError:
        return
    except OSError as error:
        _log.warning("state_file_readable_by_others", file=str(file), error=error.strerror)
        return
    _log.warning("state_file_narrowed", file=str(file), was=f"{mode:04o}", now="0600")
